"""A fastText classifier from two sets of texts: what is wanted, and what is not.

floret trains it: a maintained fastText whose wheels are called otherwise than the ones that predict, and which, on one
thread, gives the same bytes again (fasttext-numpy2-wheel 0.9.2 gave others, or "Encountered NaN", on the same file).
Its files are fastText's but for two numbers in the head, which are taken out, so that every fastText reads them.
"""

import math
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np

from gristmill.curation import classifier
from gristmill.curation.documents import content_hash
from gristmill.curation.fasttext_models import PREFIX

POSITIVE, NEGATIVE = "hq", "lq"
"""Labels of the two sets; `hq` as in DCLM's classifier, so that rules need not tell the two apart."""

FIXED_THRESHOLDS = (0.01, 0.1, 0.5, 0.9, 0.99)
NEGATIVE_SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Rows of the threshold table: these thresholds, and those which so much of the negative set is above."""


class TrainingError(ValueError):
    """The sets or parameters cannot give a classifier; the message says why, and how to mend it."""


@dataclass(frozen=True)
class TrainingParams:
    """How the classifier is trained; fastText's names and, but for `buckets` and `word_ngrams`, its defaults."""

    epochs: int = 5
    """Times that each text is seen."""

    dim: int = 100
    """Size of the vectors."""

    word_ngrams: int = 2
    """Longest run of words that is a feature; 2 as in DCLM."""

    lr: float = 0.1
    """Learning rate at the start; it falls to 0."""

    min_count: int = 1
    """Words that are rarer in the training texts are left out."""

    buckets: int = 200_000
    """Vectors that runs of words are hashed to; each costs 4 x dim bytes of the model. fastText's own 2,000,000 would
    make a model of 0.8 GB."""

    seed: int = 0
    """Seed of the first vectors."""

    held_out: float = 0.1
    """Share of each set that is not trained on, but measures the classifier."""

    def __post_init__(self):
        for name in ("epochs", "dim", "word_ngrams", "min_count", "buckets"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if not self.lr > 0:
            raise TrainingError(f"lr is {self.lr}; a learning rate is above 0, such as 0.1")
        if not 0 <= self.held_out < 1:
            raise TrainingError(f"held_out is {self.held_out}; it is a share of each set, 0 or more and below 1")


class Spool:
    """The lines of all texts in one file, each under the digest of its text; in memory some 200 bytes a text."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._at = 0
        self.places: dict[str, dict[str, tuple[int, int]]] = {POSITIVE: {}, NEGATIVE: {}}  # label -> digest -> place
        self.read = {POSITIVE: 0, NEGATIVE: 0}
        self.left_out: dict[str, Counter[str]] = {POSITIVE: Counter(), NEGATIVE: Counter()}

    def add(self, label: str, texts: Iterable[str]) -> None:
        """Take the texts of a set. Empty ones and repetitions are counted and left out."""
        for text in texts:
            self.read[label] += 1
            line, digest = classifier.line(text).encode(), content_hash(text)
            if not line or digest in self.places[label]:
                self.left_out[label]["repeated" if line else "empty"] += 1
                continue
            self.places[label][digest] = (self._at, len(line))
            self._file.write(line)
            self._at += len(line)

    def drop_common(self) -> None:
        """Leave out the texts that are in both sets: they teach nothing."""
        for digest in self.places[POSITIVE].keys() & self.places[NEGATIVE].keys():
            for label, places in self.places.items():
                del places[digest]
                self.left_out[label]["in_both_sets"] += 1

    def lines(self, chosen: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """(label, line) of each (digest, label)."""
        self._file.flush()
        for digest, label in chosen:
            start, size = self.places[label][digest]
            self._file.seek(start)
            yield label, self._file.read(size).decode()


def train(positive: Iterable[str], negative: Iterable[str], out: Path, params: TrainingParams) -> dict:
    """Train on two sets of texts and write the model to `out`; gives the counts and the held-out measures.

    The order of the texts means nothing: they are sorted by their digests, of which the least `held_out` of each set
    measure the classifier. One thread; the same texts and parameters give the same bytes on the same sort of processor.
    Raises TrainingError.
    """
    with TemporaryDirectory(dir=out.parent, prefix=".training-") as folder, open(Path(folder, "lines"), "w+b") as file:
        spool = Spool(file)
        spool.add(POSITIVE, positive)
        spool.add(NEGATIVE, negative)
        spool.drop_common()
        training, held_out = _split(spool, params.held_out)
        text_file, model = Path(folder, "training.txt"), Path(folder, "model.bin")
        with open(text_file, "w", encoding="utf-8", newline="\n") as lines:
            lines.writelines(f"{PREFIX}{label} {line}\n" for label, line in spool.lines(training))
        _fit(text_file, model, params)
        labels, scores = _scored(model, spool.lines(held_out))
        documents = {
            label: {
                "read": spool.read[label],
                "left_out": dict(sorted(spool.left_out[label].items())),
                "trained_on": sum(of == label for _, of in training),
                "held_out": labels.count(label),
            }
            for label in (POSITIVE, NEGATIVE)
        }
        model.replace(out)
    return {
        "documents": documents,
        "params": asdict(params),
        "held_out": measures(np.array(labels) == POSITIVE, scores) if labels else None,
    }


def _split(spool: Spool, share: float) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(digest, label) of the texts to train on, and of those to measure with; each in order of digest."""
    training, held_out = [], []
    for label, places in spool.places.items():
        size = math.ceil(share * len(places))
        if len(places) - size < 1:
            left_out = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in spool.left_out[label].items())
            raise TrainingError(
                f"the {'positive' if label == POSITIVE else 'negative'} set has {len(places)} of {spool.read[label]} texts left"
                f"{f' ({left_out})' if left_out else ''}, {size} of them held out; a classifier needs texts of both"
            )
        digests = sorted(places)
        held_out += [(digest, label) for digest in digests[:size]]
        training += [(digest, label) for digest in digests[size:]]
    return sorted(training), sorted(held_out)


def _fit(text_file: Path, out: Path, params: TrainingParams) -> None:
    """fastText's supervised training of a file, on one thread."""
    import floret  # half a second, which only training needs

    trained = out.with_suffix(".floret")
    try:
        model = floret.train_supervised(
            str(text_file),
            mode="fasttext",
            thread=1,
            verbose=0,
            epoch=params.epochs,
            dim=params.dim,
            wordNgrams=params.word_ngrams,
            lr=params.lr,
            minCount=params.min_count,
            bucket=params.buckets,
            seed=params.seed,
        )
    except RuntimeError as error:
        raise TrainingError(f"training failed ({error}); a lower lr than {params.lr} may help") from None
    except ValueError as error:
        raise TrainingError(f"training failed ({error}); min_count is {params.min_count}") from None
    model.save_model(str(trained))
    with open(trained, "rb") as source, open(out, "wb") as target:
        target.write(source.read(_FLORETS_OWN.start))
        assert source.read(len(_FLORETS_OWN)) == b"\1\0\0\0" * 2, "floret's mode and number of hashes"
        shutil.copyfileobj(source, target)
    trained.unlink()


_FLORETS_OWN = range(52, 60)
"""Bytes of the head that only floret's files have: its mode (1: fastText's own) and number of hashes (1)."""


def _scored(model: Path, lines: Iterable[tuple[str, str]]) -> tuple[list[str], np.ndarray]:
    """Labels and scores of the held-out lines, some hundreds in memory at a time."""
    labels, scores = [], [np.zeros(0, np.float32)]
    for label, line in lines:
        labels.append(label)
        scores.append(classifier.scores(model, POSITIVE, [line]))
    return labels, np.concatenate(scores)


def measures(truth: np.ndarray, scores: np.ndarray) -> dict:
    """What scores say of a truth (bool of [N]): precision, recall and F1 at 0.5, AUC, and the table of thresholds.

    A share or ratio of nothing is None.
    """
    positive, negative = scores[truth], scores[~truth]
    hits, alarms = int((positive >= 0.5).sum()), int((negative >= 0.5).sum())
    precision = hits / (hits + alarms) if hits + alarms else None
    recall = hits / len(positive) if len(positive) else None
    thresholds = {*FIXED_THRESHOLDS, *(_threshold(negative, share) for share in NEGATIVE_SHARES if len(negative))}
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (hits + alarms + len(positive)) if hits + alarms + len(positive) else None,
        "auc": auc(positive, negative) if len(positive) and len(negative) else None,
        "thresholds": [
            {"threshold": t, "positive": _share_above(positive, t), "negative": _share_above(negative, t)}
            for t in sorted(thresholds)
        ],
    }


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive text scores above a negative one, ties counting half (Mann and Whitney's U)."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    up_to = np.searchsorted(ordered, positive, "right")
    return float((below + up_to).sum() / 2 / len(positive) / len(negative))


def _threshold(scores: np.ndarray, share: float) -> float:
    """The threshold that `share` of the scores reach."""
    ordered = np.sort(scores)[::-1]
    return float(ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1])


def _share_above(scores: np.ndarray, threshold: float) -> float | None:
    return float((scores >= threshold).mean()) if len(scores) else None
