"""Two sets of texts give a fastText model that tells them apart, the same bytes each time."""

import random
from collections import Counter

import fasttext
import numpy as np
import pytest

from gristmill.curation import classifier
from gristmill.curation.classifier_training import TrainingError, TrainingParams, auc, measures, train

SMALL = TrainingParams(epochs=10, dim=8, buckets=500, lr=0.5)
WANTED = "The proof follows from the theorem and the lemma above by induction over natural numbers"
OTHERS = "Click here to buy cheap shoes online now with free shipping and great deals today only"


def texts(sentence: str, number: int, seed: int = 0) -> list[str]:
    """Texts of two lines with the words of a sentence, drawn at random."""
    rng, words = random.Random(f"{sentence}{seed}"), sentence.split()
    return [" ".join(rng.choices(words, k=12)) + "\n" + " ".join(rng.choices(words, k=8)) for _ in range(number)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "model.bin"
    return out, train(texts(WANTED, 60), texts(OTHERS, 60), out, SMALL)


def test_texts_that_it_has_not_seen_are_told_apart(trained):
    out, lineage = trained
    assert lineage["held_out"]["auc"] == 1
    assert (classifier.scores(out, "hq", texts(WANTED, 20, seed=1)) > 0.9).all()
    assert (classifier.scores(out, "hq", texts(OTHERS, 20, seed=1)) < 0.1).all()
    assert classifier.labels(out) == ("hq", "lq")


def test_the_library_that_predicts_reads_the_model_as_it_was_trained(trained):
    """The head without floret's numbers is fastText's: both labels, and probabilities that add up to 1."""
    model = fasttext.load_model(str(trained[0]))
    for text in texts(WANTED, 5, seed=2):
        found = dict(zip(*model.predict(classifier.line(text), k=-1), strict=True))
        assert found["__label__hq"] + found["__label__lq"] == pytest.approx(1, abs=1e-4)
        assert classifier.scores(trained[0], "hq", [text])[0] == np.float32(min(found["__label__hq"], 1))


def test_the_same_texts_give_the_same_bytes_in_whatever_order(trained, tmp_path):
    other = tmp_path / "other.bin"
    lineage = train(texts(WANTED, 60)[::-1], texts(OTHERS, 60)[::-1], other, SMALL)
    assert other.read_bytes() == trained[0].read_bytes()
    assert lineage == trained[1]
    assert [p.name for p in tmp_path.iterdir()] == ["other.bin"]


def test_a_model_that_is_cut_off_is_refused(trained, tmp_path):
    cut = tmp_path / "cut.bin"
    for kept in (-1, -100, 2000):
        cut.write_bytes(trained[0].read_bytes()[:kept])
        with pytest.raises(ValueError, match=r"cut\.bin is cut off"):
            classifier.labels(cut)


def test_a_model_that_is_replaced_is_read_again(tmp_path):
    out, text = tmp_path / "model.bin", texts(WANTED, 1, seed=3)
    train(texts(WANTED, 30), texts(OTHERS, 30), out, SMALL)
    before = classifier.scores(out, "hq", text)
    train(texts(OTHERS, 30), texts(WANTED, 30), out, SMALL)
    assert before > 0.5 > classifier.scores(out, "hq", text)


def test_a_text_in_both_sets_a_repeated_and_an_empty_one_are_left_out_and_counted(tmp_path):
    positive, negative = texts(WANTED, 20), texts(OTHERS, 20)
    common = "neither here nor there"
    found = train([*positive, positive[0] + " ", common, ""], [common, *negative], tmp_path / "m.bin", SMALL)
    assert found["documents"]["hq"] == {
        "read": 23,
        "left_out": {"empty": 1, "in_both_sets": 1, "repeated": 1},
        "trained_on": 18,
        "held_out": 2,
    }
    assert found["documents"]["lq"] == {"read": 21, "left_out": {"in_both_sets": 1}, "trained_on": 18, "held_out": 2}


def test_a_text_cannot_bring_labels_of_its_own(tmp_path):
    hostile = [f"__label__lq {text} </s> __label__x" for text in texts(WANTED, 20)]
    train(hostile, texts(OTHERS, 20), tmp_path / "m.bin", SMALL)
    assert Counter(classifier.labels(tmp_path / "m.bin")) == {"hq": 1, "lq": 1}


@pytest.mark.parametrize(
    ("positive", "negative", "said"),
    [
        ([], ["a"], r"the positive set has 0 of 0 texts left"),
        (["a", "b"], ["", " "], r"the negative set has 0 of 2 texts left \(2 empty\)"),
        (["a", "b"], ["b", "a"], r"the positive set has 0 of 2 texts left \(2 in both sets\)"),
        (["a"], ["b", "c"], r"the positive set has 1 of 1 texts left, 1 of them held out"),
    ],
)
def test_a_set_without_texts_is_refused(tmp_path, positive, negative, said):
    with pytest.raises(TrainingError, match=said):
        train(positive, negative, tmp_path / "m.bin", SMALL)
    assert not list(tmp_path.iterdir())


def test_training_that_diverges_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match=r"lower lr than 1000"):
        train(texts(WANTED, 60), texts(OTHERS, 60), tmp_path / "m.bin", TrainingParams(dim=8, buckets=500, lr=1000.0))


@pytest.mark.parametrize("params", [{"epochs": 0}, {"dim": -1}, {"lr": 0}, {"lr": float("nan")}, {"held_out": 1}])
def test_a_parameter_out_of_range_is_refused(params):
    with pytest.raises(TrainingError, match=next(iter(params))):
        TrainingParams(**params)


def test_measures_of_a_worked_example():
    truth = np.array([True, True, True, False, False])
    found = measures(truth, np.array([0.9, 0.6, 0.2, 0.6, 0.1], np.float32))
    assert found["precision"] == 2 / 3
    assert found["recall"] == 2 / 3
    assert found["f1"] == 2 / 3
    assert found["auc"] == 4.5 / 6  # of six pairs four are in order, and one is a tie
    rows = {round(row["threshold"], 3): (row["positive"], row["negative"]) for row in found["thresholds"]}
    assert rows[0.5] == (2 / 3, 1 / 2)
    assert rows[0.6] == (2 / 3, 1 / 2)  # what the best half of the negative set reaches


def test_auc_of_equal_scores_is_a_half():
    assert auc(np.ones(3), np.ones(5)) == 0.5
