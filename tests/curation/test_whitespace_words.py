"""Dolma's and DCLM's numbers are what a plain, slow reading of their definitions gives, in any text."""

import re
from collections import Counter
from statistics import median

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import features
from gristmill.curation.feature_table import VARIANTS
from gristmill.curation.features import measure
from gristmill.curation.whitespace_words import STOP_WORDS

PIECES = (
    *(
        "the",
        "The",
        "tHAt",
        "a",
        "b",
        "ab",
        "don't",
        "1,000",
        "3.14",
        "x_y",
        "_z",
        "é",
        "日本",
        "#",
        "#tag",
        "…",
        "...",
    ),
    *(". . .", "-", "* y", "•", "●", "?!", "wait…", "foo,", "(foo)", " ", " ", " ", " ", "\n", "\n\n", "  "),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def repeated(items: list) -> list:
    counts = Counter(items)
    return [item for item in items if counts[item] > 1]


def ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def size(words: list | tuple) -> int:
    return sum(map(len, words))


def by_dolma(text: str) -> dict[str, float]:
    words, lines = text.split(), text.split("\n")
    found = {
        "num_whitespace_words": len(words),
        "num_split_tokens": len(re.findall(r"\w+|[^\w\s]+", text)) + 1,
        "whitespace_alpha_word_frac": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "dolma_median_word_length": median(map(len, words)) if words else 0,
        "dolma_symbol_word_frac": share(sum("#" in word or "…" in word for word in words), len(words)),
        "dolma_num_stop_words": sum(word in STOP_WORDS for word in words),
        "dolma_bullet_line_frac": share(sum(line.startswith(("*", "-")) for line in lines), len(lines)),
        "dolma_ellipsis_line_frac": share(sum(line.endswith("…") for line in lines), len(lines)),
        "dolma_dup_line_frac": share(len(repeated(lines)), len(lines)),
        "dolma_dup_line_char_frac": share(size(repeated(lines)), size(words)),
    }
    for n in range(2, 11):
        grams = ngrams(words, n)
        if n < 5:
            gram, count = Counter(grams).most_common(1)[0] if grams else ((), 0)
            found[f"dolma_top_{n}_gram_char_frac"] = share(count * size(gram), size(words))
        else:
            part, whole = (sum(map(size, those)) for those in (repeated(grams), grams))
            found[f"dolma_dup_{n}_gram_char_frac"] = share(part, whole)
    return found


def by_dclm(text: str, unicode_words: list[str]) -> dict[str, float]:
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
    found = {
        "dclm_num_words": sum(word[0].isalnum() for word in words),
        "dclm_mean_word_length": share(size(words), len(words)),
        "dclm_num_stop_words": sum(word.lower() in STOP_WORDS for word in words),
        "dclm_bullet_line_frac": share(sum(line.startswith(tuple("●•*-")) for line in lines), len(lines)),
        "dclm_ellipsis_line_frac": share(sum(line.endswith(("...", ". . .", "…")) for line in lines), len(lines)),
        "dclm_dup_line_frac": share(len(repeated(lines)), len(lines)),
        "dclm_dup_line_char_frac": share(size(repeated(lines)), size(lines)),
        "dclm_dup_para_frac": share(len(repeated(paragraphs)), len(paragraphs)),
        "dclm_dup_para_char_frac": share(size(repeated(paragraphs)), size(paragraphs)),
    }
    for n in range(2, 11):
        counts = Counter(ngrams(unicode_words, n))
        most = max(counts.values(), default=0)
        if n < 5:
            longest = max((size(gram) for gram, count in counts.items() if count == most), default=0)
            found[f"dclm_top_{n}_gram_char_frac"] = share(longest * most if most > 1 else 0, size(unicode_words))
        else:
            again = [start for start, gram in enumerate(ngrams(unicode_words, n)) if counts[gram] > 1]
            covered = {place for start in again for place in range(start, start + n)}
            found[f"dclm_dup_{n}_gram_char_frac"] = share(
                size([unicode_words[place] for place in covered]), size(unicode_words)
            )
    return found


def unicode_words(text: str) -> list[str]:
    tokens, _, _ = features.words.scan(features.words.code_points((text + "\n").encode()))
    is_word = tokens.types.is_word[tokens.type]
    return [text[a:b] for a, b, w in zip(tokens.start, tokens.end, is_word, strict=True) if w]


@given(TEXTS, TEXTS)
def test_the_numbers_are_those_of_a_plain_reading_whatever_text_stands_beside(text, other):
    found = measure(pa.array([other, text])).table.slice(1).to_pylist()[0]
    for feature, expected in (by_dolma(text) | by_dclm(text, unicode_words(text))).items():
        assert found[feature] == pytest.approx(expected, abs=1e-12), feature


def test_symbols_are_counted_by_dclm_wherever_they_stand():
    text = "# one ## two... three ..... four . . . . . . five… ……"
    # 3 signs, "..." once in five full stops, six spaced ones are two, three ellipses
    assert measure(pa.array([text])).table["dclm_symbol_word_ratio"].to_pylist() == [
        pytest.approx((3 + 1 + 1 + 2 + 3) / len(text.split()))
    ]


@pytest.mark.parametrize("length", [1, 62, 63, 64, 65, 5000])
def test_a_median_is_exact_however_long_the_words(length):
    text = " ".join(["x" * length, "y" * length, "z" * (length + 1), "w" * (length + 1)])
    assert measure(pa.array([text])).table["dolma_median_word_length"].to_pylist() == [length + 0.5]


def test_variants_are_null_where_nobody_asks_for_them_and_the_rest_is_the_same():
    texts = pa.array(["the cat and the hat", "", "1 # …"])
    with_them, without = measure(texts), measure(texts, variants=False)
    assert {name for name in without.table.column_names if without.table[name].null_count} == VARIANTS
    assert without.cuts_dclm.null_count == 3
    rest = [name for name in with_them.table.column_names if name not in VARIANTS]
    assert with_them.table.select(rest).equals(without.table.select(rest))
    assert not any(with_them.table[name].null_count for name in with_them.table.column_names)


def test_no_text_at_all_has_the_same_columns():
    assert measure(pa.array([], pa.string())).table.schema == measure(pa.array(["a"])).table.schema
