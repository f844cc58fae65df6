"""The compiled features are what plain Python counts, block by block."""

import re
import unicodedata

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from gristmill.curation.crawl.blocks import Blocks, blocks
from gristmill.curation.crawl.line_features import (
    ANCESTORS,
    COLUMNS,
    HEAD_CHARS,
    NEIGHBOURS,
    PHRASE_NAMES,
    PHRASES,
    SHIFTED,
    features,
)

PIECES = st.one_of(
    st.sampled_from(["Foto ", "© ", "€", "COOKIE", "İ", "Iİe ", "K", "ü ", "menü", "𝒳", "🍪", "_", ". ", "“"]),
    st.text(max_size=3),
)
TEXTS = st.lists(st.lists(PIECES, max_size=20).map("".join).filter(lambda text: text.strip()), min_size=1, max_size=6)


def columns(texts, title=""):
    count = len(texts)
    flat = [[0] * count for _ in range(7)]
    page = Blocks(texts, *flat, parents=[-1], starts=[0], ends=[count], bits=[0], inherited=[0])
    return dict(zip(COLUMNS, features(page, texts, title).T, strict=True))


@given(TEXTS)
@example(["x" * (HEAD_CHARS - 2) + " e mail"])
def test_words_of_boilerplate_are_those_that_a_regular_expression_finds(texts):
    found = columns(texts)
    for name in PHRASE_NAMES:
        wanted = set(PHRASES[name].split())
        said = [re.findall(r"\w+|[©€]", text[:HEAD_CHARS].lower()) for text in texts]
        assert found[name].tolist() == [sum(word in wanted for word in words) for words in said]


@given(TEXTS)
def test_characters_count_by_their_category(texts):
    found = columns(texts)
    for i, text in enumerate(texts):
        kinds = [unicodedata.category(sign) if ord(sign) < 65536 else "" for sign in text]
        assert found["chars"][i] == len(text)
        assert found["digits"][i] == np.float32(kinds.count("Nd") / len(text))
        assert found["uppers"][i] == np.float32((kinds.count("Lu") + kinds.count("Lt")) / len(text))
        assert found["begins_upper"][i] == (kinds[0] in ("Lu", "Lt"))
        assert found["repeated"][i] == texts.count(text)
        assert found["seen_before"][i] == texts[:i].count(text)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_places_and_neighbours_by_hand(lengths, seed):
    random = np.random.default_rng(seed)
    texts = ["word " * length + random.choice(["end.", "end"]) for length in lengths]
    found = columns(texts)
    long = [i for i, text in enumerate(texts) if len(text.split()) >= 15 and text.endswith(".")]
    words = found["words"].tolist()
    assert words == [length + 1 for length in lengths]
    for i in range(len(texts)):
        assert found["words_before"][i] == sum(words[:i])
        assert found["since_long"][i] == min([i - j for j in long if j <= i], default=100)
        assert found["until_long"][i] == min([j - i for j in long if j >= i], default=100)
        assert found["mean5_words"][i] == np.float32(np.mean(words[max(i - 5, 0) : i + 6]))
        for shift in NEIGHBOURS:
            for name in SHIFTED:
                other = found[name][i + shift] if 0 <= i + shift < len(texts) else -1
                assert found[f"{name}{shift:+d}"][i] == other


@given(
    st.lists(
        st.sampled_from(
            ["<div class=nav>", "<p>", "</div>", "<ul>", "<li>", "</ul>", "one two. ", "<a href=x>three</a> "]
        ),
        max_size=40,
    )
)
def test_elements_around_a_block_are_summed_over_their_blocks(pieces):
    page = blocks(HTMLTree.parse("<body>x" + "".join(pieces)).body.html)
    found = dict(zip(COLUMNS, features(page, page.texts, "").T, strict=True))
    held = np.array(page.ends) - page.starts
    for i, element in enumerate(page.elements):
        for level in range(ANCESTORS):
            inside = slice(page.starts[element], page.ends[element])
            assert found[f"up{level}.words"][i] == found["words"][inside].sum()
            assert found[f"up{level}.blocks"][i] == held[element]
            wider = max(page.parents[element], 0)
            for _ in range(3):
                if page.parents[wider] >= 0 and held[wider] == held[element]:
                    wider = page.parents[wider]
            element = wider
