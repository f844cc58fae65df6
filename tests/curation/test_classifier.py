"""A fastText classifier's probability of one label, for any text."""

import fasttext
import numpy as np
import pytest

from gristmill.curation import classifier, language

MODEL = language.model_path()
TEXTS = [
    "The mill grinds the grain that the farmers bring down from the hills in autumn.",
    "Die Mühle mahlt das Korn,\ndas die Bauern im Herbst\r\nvon den Hügeln bringen.",
    "x",
]


def test_scores_are_those_of_the_library():
    library = fasttext.load_model(str(MODEL))
    for label in ("en", "de", "sw"):
        for text, score in zip(TEXTS, classifier.scores(MODEL, label, TEXTS), strict=True):
            found = dict(zip(*library.predict(" ".join(text.splitlines()), k=-1), strict=True))
            assert score == np.float32(min(found.get(f"__label__{label}", 0), 1))


def test_a_label_may_be_written_with_its_prefix():
    assert classifier.scores(MODEL, "__label__de", TEXTS).tolist() == classifier.scores(MODEL, "de", TEXTS).tolist()


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", "\u3000\u2028", "</s>"])
def test_a_text_of_white_space_has_no_score(text):
    assert np.isnan(classifier.scores(MODEL, "en", [text])).all()


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "🙂", "\u0301" * 9, "a" * 1_000_000, "\n" * 100_000 + "a"])
def test_any_other_text_has_a_score(text):
    (score,) = classifier.scores(MODEL, "en", [text])
    assert 0 <= score <= 1


def test_neighbours_change_nothing():
    together = classifier.scores(MODEL, "de", TEXTS)
    assert [classifier.scores(MODEL, "de", [text])[0] for text in TEXTS] == together.tolist()
    assert together.dtype == np.float32
    assert classifier.scores(MODEL, "de", []).shape == (0,)


def test_a_long_text_can_be_cut():
    text = TEXTS[0] + TEXTS[1]
    cut = classifier.scores(MODEL, "de", [text], max_chars=len(TEXTS[0]))
    assert cut == classifier.scores(MODEL, "de", TEXTS[:1])
    assert cut < classifier.scores(MODEL, "de", [text])


def test_fasttexts_own_marks_in_a_text_are_words():
    assert classifier.line("a </s> b __label__hq\u2028c\x85d") == "a   b __ label__hq c d"


def test_labels_come_without_prefix():
    assert set(classifier.labels(MODEL)) == language.labels()


def test_a_label_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="no label 'hq'; its labels: en, ru, de"):
        classifier.scores(MODEL, "hq", TEXTS)


@pytest.mark.parametrize("kept", [0, 3, 100, 20_000, 500_000, 930_000, -1])
def test_a_file_that_is_no_classifier_is_refused(tmp_path, kept):
    cut = tmp_path / "cut.bin"
    cut.write_bytes(MODEL.read_bytes()[:kept] if kept != 3 else b"PK\3\4" * 100)
    with pytest.raises(ValueError, match=r"cut\.bin .*(not a fastText model|cut off)"):
        classifier.labels(cut)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        classifier.scores(tmp_path / "none.bin", "hq", TEXTS)
