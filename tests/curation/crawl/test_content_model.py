"""The model's decision is one of a page as a whole, and the same in every process."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from gristmill.curation.crawl.blocks import Blocks, blocks
from gristmill.curation.crawl.completion import completed
from gristmill.curation.crawl.content_model import MIN_PROBABILITY, chosen, content_probabilities, context, model
from gristmill.curation.crawl.line_features import COLUMNS, features


def page_of(html):
    return blocks(HTMLTree.parse(f"<body>{html}").body.html)


def test_model_fits_the_features():
    first, second = model()
    assert first.features.max() < len(COLUMNS)
    assert second.features.max() >= len(COLUMNS)


def test_features_have_their_columns_whatever_the_page():
    for html in ("x", "<p>a<p>b", "<pre>a\n\nb</pre><p>c", "<p>İstanbul ﬁ<p>日本語の文章です。"):
        page = page_of(html)
        rows = features(page, page.texts, "a title")
        assert rows.shape == (len(page.texts), len(COLUMNS))
        assert np.isfinite(rows).all()
        assert np.isfinite(context(np.full(len(rows), 0.5), rows[:, 0])).all()


def test_features_by_name():
    page = page_of("<nav><a href=/>Home</a></nav><article><p>Two words, and more.</p></article>")
    rows = dict(zip(COLUMNS, features(page, page.texts, "").T.tolist(), strict=True))
    assert rows["words"] == [1, 4]
    assert rows["link_density"] == [1, 0]
    assert rows["ends_in_stop"] == [0, 1]
    assert rows["nav"][0] == 1
    assert rows["any.<article>"] == [0, 1]
    assert rows["words-1"] == [-1, 1]
    assert rows["position"] == [pytest.approx(0.2), 1]


def test_navigation_is_less_likely_than_text():
    story = "It rained for forty days, and the miller watched the river rise above the lower wheel. "
    page = page_of(
        f"<nav><ul><li><a href=/>Home</a><li><a href=/b>Blog</a></ul></nav><article><p>{story * 3}<p>{story * 2}"
    )
    judged, _ = content_probabilities(page, page.texts, "")
    assert judged[:2].max() < 0.1 < 0.8 < judged[2:].min()


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 50)), min_size=1, max_size=12))
def test_chosen_blocks_are_the_likeliest(blocks_):
    judged = np.array([p for p, _ in blocks_])
    words = np.array([w for _, w in blocks_], float)
    texts = [str(i) for i in range(len(blocks_))]
    choice = chosen(Blocks(kinds=[0] * len(texts), elements=[0] * len(texts), parents=[-1]), texts, judged, words)
    assert (judged[choice] >= MIN_PROBABILITY).all()
    if choice.any():
        assert judged[choice].min() > judged[~choice].max(initial=-1)


def test_table_is_kept_or_dropped_as_a_whole():
    page = page_of("<table>" + "".join(f"<tr><td>row {i}<td>{i}</tr>" for i in range(4)) + "</table>")
    flat = np.full(4, 0.01)
    assert completed(page, np.array([1, 1, 1, 0], bool), flat, np.full(4, 3.0)).all()
    assert not completed(page, np.array([1, 0, 0, 0], bool), flat, np.full(4, 3.0)).any()


def test_heading_goes_with_the_text_below_it():
    page = page_of("<h2>About rye</h2><p>Rye stands the frost.<h2>Related</h2><a href=x>More</a>")
    found = completed(page, np.array([0, 1, 0, 0], bool), np.array([0.2, 0.9, 0.2, 0]), np.array([2.0, 4, 1, 1]))
    assert found.tolist() == [True, True, False, False]


def test_list_of_which_half_is_kept_stays_whole():
    page = page_of("<ol><li>Clean the grain.<li>Wet the grain.</ol><ul><li>Home<li>Shop<li>The mill and us</ul>")
    words, judged = np.array([3.0, 3, 1, 1, 4]), np.full(5, 0.02)
    found = completed(page, np.array([1, 0, 0, 1, 0], bool), judged, words)
    assert found.tolist() == [True, True, False, True, False]
