"""Edits: applied once, on the extracted text, whatever order they come in."""

from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.edits import Edit, apply


def test_cuts_and_masks_are_counted_on_the_extracted_text():
    text = "keep\ncut me\nwrite to a@b.org today"
    edits = [Edit(5, 12, "", "c4.line"), Edit(21, 28, "email@example.com", "pii.email")]
    assert apply(text, edits) == "keep\nwrite to email@example.com today"


def test_no_half_of_a_masked_address_survives_beside_a_cut():
    assert apply("secret a@b.org end", [Edit(7, 14, "X", "pii.email"), Edit(0, 9, "", "c4.line")]) == "end"


def test_a_text_may_be_emptied():
    assert apply("all of it", [Edit(0, 9, "", "decontaminate")]) == ""


MASK = "\ue000"


@given(
    st.text("ab \n", max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["", MASK]))),
    st.randoms(),
)
def test_untouched_text_stays_and_the_order_of_edits_does_not_matter(text, spans, random):
    edits = [Edit(min(a, b), max(a, b), mask, "r") for a, b, mask in spans if a != b and max(a, b) <= len(text)]
    covered = {i for e in edits for i in range(e.start, e.end)}
    untouched = "".join(c for i, c in enumerate(text) if i not in covered)
    result = apply(text, edits)
    assert result.replace(MASK, "").split() == untouched.split()
    random.shuffle(edits)
    assert apply(text, edits) == result
