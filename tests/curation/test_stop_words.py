"""Stop words are counted in the document's own language, each of them once."""

import pyarrow as pa
import pytest

from gristmill.curation import language, language_table
from gristmill.curation.features import measure


def count(texts: list[str], labels: list[str | None] | None) -> list[int]:
    return measure(pa.array(texts), labels, variants=False).table["num_language_stop_words"].to_pylist()


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [
        ("Der Hund und die Katze sind in dem Haus und in dem Garten.", "de", 4),  # und, die, in, dem; Der is not der
        ("the the THE and And with", "en", 3),
        ("the the THE and And with", "eng_Latn", 3),
        ("През 1999 г. той пое на юг и на север.", "bg", 3),  # "г." is two tokens
        ("这是一个关于中国历史的文章", "zh", 3),  # 是, 中, 的
        ("これは本です。", "ja", 3),  # れ, は, で
        ("เขาไปที่โรงเรียนและของเธอ", "th", 3),  # ที่, และ, ของ; two of them of several letters
        ("the and with", None, 0),
        ("the and with", "xxx_Xxxx", 0),
        ("", "en", 0),
    ],
)
def test_different_stop_words_are_counted(text, label, expected):
    assert count([text], [label]) == [expected]


def test_without_languages_there_are_none():
    assert count(["the and with", "und"], None) == [0, 0]


def test_a_document_counts_the_same_alone_and_among_others():
    texts = ["Der Hund und die Katze", "този г. на и", "the cat and the hat", "这是历史的", ""] * 2
    labels = ["de", "bg", "en", "zh", "de", None, "en", "bg", "ja", "zh"]
    alone = [count([text], [label])[0] for text, label in zip(texts, labels, strict=True)]
    assert count(texts, labels) == alone


def test_every_label_of_lid176_has_an_entry_in_the_table():
    assert [label for label in language.labels() if language_table.known(label) is None] == []


def test_every_language_has_thresholds_for_every_column():
    for name in ("deu_Latn", "cmn_Hani", "eng_Latn", "bul_Cyrl"):
        assert set(language_table.thresholds(name)) == set(language_table.COLUMNS)
    assert language_table.thresholds("bul_Cyrl")["line_punct"] == 0.154
    assert language_table.limits("newlines", ["bg", None, "bul_Cyrl"], 0.3).tolist() == [0.142, 0.3, 0.142]
