"""Whose copy stays: the source's level, then quality, then the id, whatever the order that documents come in."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.dedup import preference


def test_level_counts_before_quality_and_quality_before_id():
    levels = np.array([1, 0, 0, 0, 0, 0])
    quality = np.array([9.0, np.nan, 0.5, -1.0, 0.5, np.nan])
    order = preference.ranks(levels, quality, pa.array(["a", "b", "f", "d", "e", "c"]))
    assert order.tolist() == [5, 3, 1, 2, 0, 4]  # 0.5 with the lower id first; without a value after -1, by id


documents = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([float("nan"), -1e9, -0.0, 0.0, 2.5]), st.integers(0, 10**6)),
    unique_by=lambda one: one[2],
    min_size=1,
)


@given(documents, st.randoms())
def test_the_order_of_documents_does_not_matter(rows, random):
    def by_id(rows):
        levels, quality, ids = zip(*rows, strict=True)
        names = [f"{number:032x}" for number in ids]
        return dict(zip(names, preference.ranks(np.array(levels), np.array(quality), pa.array(names)), strict=True))

    mixed = rows.copy()
    random.shuffle(mixed)
    assert by_id(mixed) == by_id(rows)
    assert sorted(by_id(rows).values()) == list(range(len(rows)))


def test_sources_that_are_not_preferred_follow_in_order_or_on_one_level_if_quality_decides():
    assert preference.source_ranks(["c", "c"], ["a", "b", "c"], False) == {"c": 0, "a": 1, "b": 2}
    assert preference.source_ranks(["c"], ["a", "b", "c"], True) == {"c": 0, "a": 1, "b": 1}


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ("num_word", "'num_word' is no feature; did you mean 'num_words'? Or use classifier.<name>"),
        ("licence", "no number that a document has on record"),
        ("my_rules:score", "no number that a document has on record"),
        ("url_num_dashes", "use classifier.<name>"),
    ],
)
def test_a_quality_is_a_number_that_documents_have_on_record(feature, says):
    with pytest.raises(ValueError, match=says.replace("?", r"\?").replace(".", r"\.")):
        preference.check_quality(feature)
    preference.check_quality("meta.votes")
    preference.check_quality("language_score")
