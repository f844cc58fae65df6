"""Features agree with datatrove's filters and with plain Python, in any batch and for any text."""

import json
import math
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import regex
from datatrove.data import Document
from datatrove.pipeline.filters import c4_filters, fineweb_quality_filter
from datatrove.pipeline.filters import gopher_quality_filter as quality_filter
from datatrove.pipeline.filters import gopher_repetition_filter as repetition_filter
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation import characters, features, filters, words
from gristmill.curation.feature_table import FEATURES, STOP_WORDS, VARIANTS
from gristmill.curation.features import measure
from gristmill.curation.text.rows import clean

# The definition of a token as a regular expression: an independent, slow second opinion.
_SOLO = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Yi}--[\P{L}]]"
_MARK = r"(?:[\p{M}\p{Cf}--\u200b])*"
_L, _N = rf"(?:(?!{_SOLO})\p{{L}})", rf"(?:(?!{_SOLO})\p{{N}})"
TOKEN = regex.compile(
    rf"{_SOLO}{_MARK}|(?:(?:{_L}|{_N}){_MARK}|(?<={_L}{_MARK})['’._·]{_MARK}(?={_L})"
    rf"|(?<={_N}{_MARK})['’.,_](?={_N})|(?<=(?:{_L}|{_N}){_MARK})_(?={_L}|{_N}))+|([^\s\u200b])(?:\1|{_MARK})*",
    regex.V1,
)
_SENTENCE = regex.compile(r"[.!?]+[\"')\]}»”’]*(?:\s+|$)")

ARTICLE = (
    "The miller's wheel turned slowly, and the water that drove it came from 2 streams above the village.\n"
    "In 1842 the owners bought a second stone; it cost $3,400 and was used for barley, oats and rye.\n"
    "\n"
    "Nobody remembers who built the mill, but the oldest deeds speak of a “new mill” in the days of King John.\n"
    "Its walls have been repaired with brick, with slate and with whatever else the river left behind!\n"
    "- Open on Sundays\n"
    "- Bread is sold in the yard...\n"
    "Visitors should wear stout shoes. They will have to climb. Is it worth it? Certainly.\n"
)


def row(text: str) -> dict:
    return measure(pa.array([text])).table.to_pylist()[0]


def tokens(text: str) -> list[str]:
    return [match.group() for match in TOKEN.finditer(text)]


def num_sentences(line: str) -> int:
    pieces = _SENTENCE.split(line)
    return sum(bool(regex.search(r"[\p{L}\p{N}]", piece)) for piece in pieces)


def without(text: str, spans: list[dict]) -> str:
    pieces, place = [], 0
    for span in spans:
        pieces.append(text[place : span["start"]])
        place = span["end"]
    return "".join([*pieces, text[place:]])


# Words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't pay $3,400.50 now...", ["Don't", "pay", "$", "3,400.50", "now", "..."]),
        (
            "e.g. snake_case, x-ray; ____ C++",
            [*["e.g", ".", "snake_case", ",", "x", "-", "ray", ";", "____", "C"], "++"],
        ),
        ("l’été é cafe\u0301s", ["l’été", "é", "cafe\u0301s"]),
        ("日本語 is ภาษา, 한국어 too", [*"日本語", "is", *"ภาษา", ",", "한국어", "too"]),
        ("น้ำ 2024年", ["น้", "ำ", "2024", "年"]),
        ("नमस्ते 👍🏽 می‌خواهم", ["नमस्ते", "👍", "🏽", "می‌خواهم"]),
        ("\u0301 a\u200bb\x00\x00", ["a", "b", "\x00\x00"]),
        ("", []),
    ],
)
def test_words_are_unicodes_and_scripts_without_spaces_count_letters(text, expected):
    codes = words.code_points((text + "\n").encode())
    found, _, _ = words.scan(codes)
    assert [text[a:b] for a, b in zip(found.start, found.end, strict=True)] == expected


ALPHABET = st.one_of(
    st.sampled_from(list(" \n.,'’_-•…#{}[]1٣aébßΣtheİ\u0301\u200d\u200b\x00\x85\u2028日本ไย์ก。！؟·\"")),
    st.characters(exclude_categories=["Cs"]),
)
TEXT = st.text(ALPHABET, max_size=120)
PHRASES = [
    "sign-in",
    "\nSign-in ",
    "in - sign",
    "items in cart",
    "read more...\n",
    "lorem ipsum",
    "use cookies",
    "[edit]",
    "{",
]
WITH_PHRASES = st.lists(st.one_of(st.sampled_from(PHRASES), st.text(ALPHABET, max_size=40)), max_size=5).map("".join)


@given(TEXT)
@settings(max_examples=150, deadline=None)
def test_words_agree_with_a_regular_expression(text):
    text = regex.sub(r"[^\u0000-\uffff]|\p{Cn}|\p{Cf}|[\u1A20-\u1AAF\u1B00-\u1B7F\uA980-\uA9FF\u1950-\u19DF]", "", text)
    text = regex.sub(r"[〇〡-〩ヿ々〆㆐-㇯ꀀ-꒏]|[\p{No}\p{Nl}]|\p{Lm}|[\x1c-\x1f\x85]", "", text)
    codes = words.code_points((text + "\n").encode())
    found, _, _ = words.scan(codes)
    expected = [token for token in tokens(text) if not regex.fullmatch(r"\p{M}+", token)]
    assert [text[a:b] for a, b in zip(found.start, found.end, strict=True)] == expected


def test_equal_words_have_equal_hashes_wherever_they_stand():
    measured = measure(
        pa.array(["Mill, mill MÌLL", "a long way before the mill", "mi\u0300ll’s mill's", "mil", "mi ll"])
    )
    hashes = np.split(measured.word_hashes, measured.word_offsets[1:-1])
    assert hashes[0][0] == hashes[0][1] == hashes[0][2] == hashes[1][-1]
    assert hashes[2][0] == hashes[2][1]
    assert len({int(h) for group in hashes for h in group}) == 1 + 5 + 1 + 1 + 2


def test_hashes_do_not_collide_on_half_a_million_short_words():
    letters = "abcdefghijklmnopqrstuvwxyz"
    text = " ".join(a + b + c + d for a in letters for b in letters for c in letters for d in letters)
    hashes = measure(pa.array([text])).word_hashes
    assert len(np.unique(hashes)) == len(hashes) == 26**4
    assert len(np.unique(hashes >> np.uint64(32))) > 26**4 * 0.9999  # the upper half alone, as signatures use it


def test_character_classes_are_pythons_own():
    codes = np.arange(0xD800, dtype=np.uint32)
    kinds = characters.flags(codes)
    for flag, says in (
        (characters.LETTER, str.isalpha),
        (characters.UPPER, str.isupper),
        (characters.LETTER | characters.NUMBER, str.isalnum),
    ):
        assert ((kinds & flag) != 0).tolist() == [says(chr(code)) for code in codes]


# Single features


def test_an_article_measures_what_a_reader_counts():
    found = row(ARTICLE)
    visible = tokens(ARTICLE)
    in_words = [token for token in visible if regex.match(r"[\p{L}\p{N}]", token)]
    lines = [line for line in ARTICLE.split("\n") if line]
    assert found["num_chars"] == len(ARTICLE)
    assert found["num_words"] == len(in_words)
    assert found["num_tokens"] == len(visible)
    assert found["mean_word_length"] == pytest.approx(np.mean([len(word) for word in in_words]))
    assert found["distinct_word_frac"] == len({w.lower().replace("’", "'") for w in in_words}) / len(in_words)
    counts = Counter(word.lower().replace("’", "'") for word in in_words)
    shares = [count / len(in_words) for count in counts.values()]
    assert found["unigram_entropy"] == pytest.approx(-sum(p * math.log(p) for p in shares), abs=1e-9)
    assert found["num_lines"] == len(lines) == 7
    assert found["num_newlines"] == 8
    assert found["num_paragraphs"] == 2
    assert found["num_sentences"] == 10
    assert found["num_stop_words"] == len(set(STOP_WORDS) & set(visible)) == 7
    assert found["max_line_length"] == max(map(len, lines))
    assert found["bullet_line_frac"] == 2 / 7
    assert found["ellipsis_line_frac"] == 1 / 7
    assert found["ellipsis_word_ratio"] == 1 / len(visible)
    assert found["alnum_frac"] == sum(c.isalnum() for c in ARTICLE) / len(ARTICLE)
    assert found["digit_frac"] == sum(c.isdigit() for c in ARTICLE) / len(ARTICLE)
    assert found["space_frac"] == pytest.approx(sum(c.isspace() for c in ARTICLE) / len(ARTICLE))
    letters = [c for c in ARTICLE if c.isalpha()]
    assert found["upper_frac"] == sum(c.isupper() for c in letters) / len(letters)


@pytest.mark.parametrize(
    ("text", "feature", "value"),
    [
        ("I am your father.\n" * 4, "dup_line_frac", 3 / 4),  # datatrove, test_gopher_repetition
        ("I am your father.\n\n" * 4, "dup_para_frac", 3 / 4),
        ("I am your father.\n\n" * 4, "dup_para_char_frac", 3 * 17 / 76),
        ("ab cd\nab cd\nx", "dup_line_char_frac", 5 / 13),
        ("ab cd\nab cd\nx", "char_dup_ratio", 5 / 11),
        ("a b a b a b", "top_2_gram_char_frac", 3 * 3 / 11),
        ("a b c", "top_2_gram_char_frac", 3 / 5),  # the first of three that occur once
        ("aa b, c aa b", "top_2_gram_char_frac", 2 * 4 / 12),
        ("a b c d e " * 3, "dup_5_gram_char_frac", 10 / 30),  # two repeats, without spaces
        ("a b c d e x a b c d e f", "dup_5_gram_char_frac", 5 / 23),
        ("a b c d e f x a b c d e f", "dup_5_gram_char_frac", 5 / 25),  # the second hit overlaps the first
        ("# comment " * 20, "hash_word_ratio", 0.5),  # datatrove, test_gopher_quality
        ("wait.... what……", "ellipsis_word_ratio", 3 / 4),
        ("a\nb.\n\nc。", "line_punct_frac", 2 / 3),
        (f"{'x' * 30}\n{'x' * 31}", "short_line_frac", 1 / 2),
        ("a b\nc d\n", "newline_word_ratio", 2 / 4),
        ("x = {}\n\n{\n{ {", "num_curly_bracket_lines", 3),
        ("Lorem Ipsum dolor lorem ipsum\nsit", "num_lorem_ipsum_lines", 1),
        ("これは文です。これも文です！まだ", "num_sentences", 3),
        ("See example.com now. He said “go.” Then?! 3.5", "num_sentences", 4),
        ("a" * 40 + "、" + "字" * 50, "max_word_length", 41),
        ("the the the", "unigram_entropy", 0),
        ("The mill, the river! É e", "unigram_entropy", round(math.log(6) - 4 * math.log(2) / 6, 9)),
    ],
)
def test_single_features(text, feature, value):
    assert row(text)[feature] == pytest.approx(value, rel=1e-12)


# Line cuts


def test_fineweb_cuts_short_and_legal_lines_with_the_blank_lines_behind():
    text = "Home\n\nAll of this stays here. [1]\n\nWe use cookies to annoy you.\n\n\nEnable JAVASCRIPT please now\nand this line too\n\nMenu\n"
    measured = measure(pa.array([text]))
    assert without(text, measured.cuts.to_pylist()[0]) == "All of this stays here.\n\nand this line too"
    assert without(text, measured.cuts_c4.to_pylist()[0]) == "All of this stays here."
    found = measured.table.to_pylist()[0]
    assert found["num_chars_after_cuts"] == len("All of this stays here.\n\nand this line too")
    assert (found["num_lines"], found["num_lines_after_cuts"], found["num_lines_after_c4_cuts"]) == (6, 2, 1)


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("It ends here.", True),
        ("It ends here [12][edit]", False),
        ("It ends here.[12][citation needed]", True),
        ("It ends here. [3]", True),
        ("It trails off...", False),
        ('He said "yes"', True),
        ("No end here", False),
        ("Two words.", False),
        ("See our Terms of Use now.", False),
        ("One word is " + "x" * 1000 + ".", False),
        ("One word is " + "x" * 999 + ".", True),
        ("日本語の文です.", True),
    ],
)
def test_c4_line_rules(line, stays):
    assert row(line)["num_lines_after_c4_cuts"] == int(stays)


def test_text_that_is_cut_away_entirely_leaves_nothing():
    for text in ("Home", "\n\nHome\n\n", "Home\nMenu\n\nTop", "[edit]"):
        assert without(text, measure(pa.array([text])).cuts.to_pylist()[0]) == ""


@pytest.mark.slow
@given(st.lists(TEXT, min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_cuts_are_ordered_spans_inside_the_text_and_cutting_twice_cuts_no_lines(texts):
    measured = measure(pa.array(texts))
    for text, found, spans in zip(texts, measured.table.to_pylist(), measured.cuts.to_pylist(), strict=True):
        edges = [edge for span in spans for edge in (span["start"], span["end"])]
        assert edges == sorted(edges)
        assert all(0 <= span["start"] < span["end"] <= len(text) for span in spans)
        rest = without(text, spans)
        assert len(rest) == found["num_chars_after_cuts"]
        assert row(rest)["num_lines"] <= found["num_lines_after_cuts"]


# Laws


@given(st.lists(st.one_of(TEXT, WITH_PHRASES), max_size=5))
@settings(max_examples=60, deadline=None)
def test_a_document_measures_the_same_in_any_batch_and_every_value_is_finite(texts):
    together = measure(pa.array(texts, pa.string()))
    assert together.table.schema.equals(FEATURES)
    assert together.table.num_rows == len(together.cuts) == len(together.cuts_c4) == len(texts)
    assert len(together.word_offsets) == len(texts) + 1
    for index, text in enumerate(texts):
        alone = measure(pa.array([text]))
        assert together.table.slice(index, 1).equals(alone.table)
        assert together.cuts[index] == alone.cuts[0]
        assert together.cuts_c4[index] == alone.cuts_c4[0]
        assert together.cuts_dclm[index] == alone.cuts_dclm[0]
        span = slice(together.word_offsets[index], together.word_offsets[index + 1])
        assert together.word_hashes[span].tolist() == alone.word_hashes.tolist()
        assert all(np.isfinite(value) for value in alone.table.to_pylist()[0].values())


def test_blocks_and_groups_change_nothing(monkeypatch):
    texts = pa.array([ARTICLE, "", "日本語。\n" * 30, ARTICLE.upper() * 3, "x", "caf\u0301e [1]\nuse cookies"] * 2)
    whole = measure(texts)
    for size in (1, 50, 300):
        monkeypatch.setattr(words, "BLOCK_BYTES", size)
        monkeypatch.setattr(features, "GROUP_BYTES", size * 3)
        parts = measure(texts)
        assert parts.table.equals(whole.table)
        assert parts.cuts.equals(whole.cuts)
        assert (parts.word_hashes == whole.word_hashes).all()
        assert (parts.word_offsets == whole.word_offsets).all()


@given(st.lists(st.one_of(TEXT, WITH_PHRASES), min_size=1, max_size=4), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_where_blocks_and_groups_end_changes_nothing_in_any_text(texts, size):
    whole = measure(pa.array(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "BLOCK_BYTES", size)
        patch.setattr(features, "GROUP_BYTES", 2 * size)
        parts = measure(pa.array(texts))
    assert parts.table.equals(whole.table)
    for name in ("cuts", "cuts_c4", "cuts_dclm"):
        assert getattr(parts, name).equals(getattr(whole, name))
    assert parts.word_hashes.tolist() == whole.word_hashes.tolist()
    assert parts.word_offsets.tolist() == whole.word_offsets.tolist()


def test_slices_and_large_strings_are_texts_too():
    texts = pa.array(["skip me", ARTICLE, "one two three"])
    expected = measure(pa.array([ARTICLE, "one two three"])).table
    assert measure(texts.slice(1)).table.equals(expected)
    assert measure(texts.slice(1).cast(pa.large_string())).table.equals(expected)
    assert measure(texts.slice(0, 0)).table.num_rows == 0


def test_null_is_refused_with_advice():
    with pytest.raises(ValueError, match="1 of 2 texts are null; give documents without text as ''"):
        measure(pa.array(["a", None]))


def test_lone_surrogates_cannot_come_in():
    with pytest.raises(UnicodeEncodeError):
        pa.array(["a\ud800b"])
    assert clean("a\ud800b\x00") == "a\ufffdb"  # what readers of text do first
    surrogate = pa.py_buffer(b"a\xed\xa0\x80")  # as bytes, which Arrow does not look into
    offsets = pa.py_buffer(np.array([0, 4], dtype=np.int32).tobytes())
    with pytest.raises(UnicodeDecodeError):
        measure(pa.Array.from_buffers(pa.string(), 1, [None, offsets, surrogate]))


@pytest.mark.parametrize(
    ("text", "num_words"),
    [
        ("我们在河边磨面粉。", 8),
        ("水車は回る。", 5),
        ("โรงสีเก่า", 7),  # vowels above and below go with their letter
        ("ភាសាខ្មែរ", 5),
        ("물레방아가 돈다", 2),
        ("מים ולחם", 2),
        ("ماء وخبز", 2),
    ],
    ids=["Chinese", "Japanese", "Thai", "Khmer", "Korean", "Hebrew", "Arabic"],
)
def test_letters_of_scripts_without_spaces_are_words(text, num_words):
    found = row(text)
    assert found["num_words"] == num_words
    assert found["num_tokens"] == num_words + text.count("。")


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "\n" * 300_000,
        "a " * 100_000,
        "the mill and\n" * 20_000,
        "\x00" * 50_000,
        "\u0301" * 100_000,
        "字" * 100_000,
        " " * 300_000,
        "[" * 100_000,
        "a." * 100_000,
        "javascript" * 20_000,
        "[1]" * 50_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_monstrous_texts_are_measured(text):
    assert all(np.isfinite(value) for value in row(text).values())


def test_every_feature_says_what_it_counts():
    assert all(field.metadata[b"doc"] for field in FEATURES)
    assert {field.name for field in FEATURES if field.nullable} == VARIANTS


# Agreement with datatrove, on equal words


def greedy_duplicate_chars(text: str, n: int) -> float:
    return repetition_filter.find_all_duplicate(tokens(text), n) / len(text)


def articles(samples) -> list[str]:
    with open(samples / "crawl" / "scrapinghub-articles.groundtruth.jsonl", encoding="utf-8") as stream:
        # datatrove takes a zero-width space for a visible character; here a line of nothing else is blank.
        return [json.loads(line)["articleBody"].replace("\u200b", "") for line in stream]


def check_against_datatrove(texts: list[str], monkeypatch) -> Counter:
    """Compare decisions document by document; returns how often each of datatrove's reasons was agreed on."""
    for module in (repetition_filter, quality_filter, fineweb_quality_filter):
        monkeypatch.setattr(module, "split_into_words", lambda text, language: tokens(text))
    monkeypatch.setattr(c4_filters, "split_into_sentences", lambda line, language: ["."] * num_sentences(line))
    stages = {
        "gopher_repetition": repetition_filter.GopherRepetitionFilter(),
        "gopher_quality": quality_filter.GopherQualityFilter(),
        "c4": c4_filters.C4QualityFilter(),
        "fineweb_rules": fineweb_quality_filter.FineWebQualityFilter(),
    }
    table = measure(pa.array(texts)).table
    agreed: Counter = Counter()
    for preset, reference in stages.items():
        verdicts = filters.judge(table, filters.PRESETS[preset])["rule"].to_pylist()
        for text, verdict in zip(texts, verdicts, strict=True):
            result = reference.filter(Document(text=text, id=""))
            reason = "kept" if result is True else result[1]
            assert (reason == "kept") == (verdict is None), (preset, reason, verdict, text[:200])
            agreed[reason] += 1
    return agreed


def variations(text: str) -> list[str]:
    """A text spoilt in ways that the rules are made for."""
    lines = text.split("\n")
    return [
        text,
        text + "\n" + "\n".join(lines[:2] * 6),
        "\n".join("- " + line for line in lines if line),
        text.replace(".", "..."),
        text.replace(" ", " # "),
        re.sub(r"\b(the|be|to|of|and|that|have|with)\b", "zu", text),
        text.replace(".", ""),
        text + " ".join(["buy cheap flour now and save"] * 40),
        re.sub(r"\w+", "12", text),
        text.replace(" ", "\n"),
        text.replace(" ", ""),
        text + "\nfunction() { return 'the end of it'; }",
        text + "\nLorem ipsum dolor sit amet.",
    ]


def test_decisions_are_those_of_datatrove_on_spoilt_texts(monkeypatch):
    agreed = check_against_datatrove(variations(ARTICLE.replace("\n\n", "\n").strip()), monkeypatch)
    assert len(agreed) >= 12  # most reasons occur


def test_decisions_are_those_of_datatrove_on_real_articles(samples, monkeypatch):
    texts = [re.sub(r"\s*\n\s*", "\n", text).strip() for text in articles(samples)]
    agreed = check_against_datatrove(texts, monkeypatch)
    assert agreed["kept"] > 150


def test_repetition_shares_are_those_of_datatrove_on_real_articles(samples):
    texts = articles(samples)[:30]
    table = measure(pa.array(texts)).table
    for n in (5, 7, 10):
        found = table[f"dup_{n}_gram_char_frac"].to_pylist()
        assert found == pytest.approx([greedy_duplicate_chars(text, n) for text in texts], abs=1e-12)
    for n in (2, 3, 4):
        found = table[f"top_{n}_gram_char_frac"].to_pylist()
        grams = [repetition_filter.get_n_grams(tokens(text), n) for text in texts]
        expected = [
            repetition_filter.find_top_duplicate(gram) / len(text) for gram, text in zip(grams, texts, strict=True)
        ]
        assert found == pytest.approx(expected, abs=1e-12)


def test_fineweb_cuts_give_the_text_that_datatrove_keeps(samples, monkeypatch):
    monkeypatch.setattr(c4_filters, "split_into_sentences", lambda line, language: ["."] * 5)
    reference = c4_filters.C4QualityFilter(filter_no_terminal_punct=False)
    texts = articles(samples)
    for text, spans in zip(texts, measure(pa.array(texts)).cuts.to_pylist(), strict=True):
        document = Document(text=text, id="")
        if reference.filter(document) is True:
            lines = [line.strip() for line in without(text, spans).split("\n")]
            assert [line for line in lines if line] == document.text.split("\n")
