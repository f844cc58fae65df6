"""How well extracted text matches what a person marked as the content of a page.

Three measures, each as its benchmark defines it: shingles of four tokens (scrapinghub's article-extraction-benchmark,
evaluate.py), segments that must or must not be in the text (trafilatura's tests/evaluate.py), and ROUGE-5 (WebMainBench,
which cuts Chinese into words with jieba; here a Chinese, Japanese or Thai character is a token of its own).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

SHINGLE_TOKENS = 4
ROUGE_N = 5

WORD = re.compile(r"\w+")
SPACES = re.compile(r"\s+")
# Words of scripts with spaces, single characters of scripts without, single marks; like jieba's cut, but without its dictionary.
ROUGE_TOKEN = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+|\S"
)


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


def ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n tokens occurs."""
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Shingles of four word tokens; a shorter text is a single shingle of what it has."""
    tokens = WORD.findall(text)
    if 0 < len(tokens) < SHINGLE_TOKENS:
        return Counter([tuple(tokens)])
    return ngrams(tokens, SHINGLE_TOKENS)


def shingle_fractions(truth: str, predicted: str) -> tuple[float, float, float]:
    """True positive, false positive and false negative shingles of one page, as fractions of their sum."""
    true, pred = shingles(truth), shingles(predicted)
    tp = (true & pred).total()
    fp, fn = pred.total() - tp, true.total() - tp
    total = tp + fp + fn
    return (tp / total, fp / total, fn / total) if total else (0.0, 0.0, 0.0)


def shingle_score(fractions: Iterable[tuple[float, float, float]]) -> Score:
    """Precision and recall as means over pages, and the F1 of these means: the benchmark's headline numbers."""
    fractions = list(fractions)
    precision = mean(_precision(*page) for page in fractions if page[0] + page[1] > 0)
    recall = mean(_precision(page[0], page[2], page[1]) for page in fractions if page[0] + page[2] > 0)
    return Score(precision, recall, _f1(precision, recall))


@dataclass(frozen=True, slots=True)
class SegmentCounts:
    """What became of the segments of some pages."""

    true_positives: int = 0
    """Wanted segments that were found."""
    false_negatives: int = 0
    """Wanted segments that were not."""
    false_positives: int = 0
    """Unwanted segments that were found."""
    true_negatives: int = 0
    """Unwanted segments that were not."""

    def __add__(self, other: "SegmentCounts") -> "SegmentCounts":
        return SegmentCounts(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
            self.true_negatives + other.true_negatives,
        )

    @property
    def score(self) -> Score:
        """Precision, recall and F1 over all segments."""
        found, wanted = self.true_positives + self.false_positives, self.true_positives + self.false_negatives
        precision = self.true_positives / found if found else 0.0
        recall = self.true_positives / wanted if wanted else 0.0
        return Score(precision, recall, _f1(precision, recall))

    @property
    def accuracy(self) -> float:
        """Share of the segments that were treated rightly."""
        right = self.true_positives + self.true_negatives
        total = right + self.false_positives + self.false_negatives
        return right / total if total else 0.0


def segment_counts(wanted: Iterable[str], unwanted: Iterable[str], predicted: str) -> SegmentCounts:
    """Which segments are in a text, compared up to white space."""
    text = _one_line(predicted)
    found = [_one_line(segment) in text for segment in wanted]
    leaked = [_one_line(segment) in text for segment in unwanted]
    return SegmentCounts(sum(found), len(found) - sum(found), sum(leaked), len(leaked) - sum(leaked))


def rouge_5(truth: str, predicted: str, tokens: Callable[[str], list[str]] = ROUGE_TOKEN.findall) -> Score:
    """ROUGE-5 of one page: shared runs of five tokens, without regard to order; `tokens` cuts a text into tokens."""
    if not truth.strip() and not predicted.strip():
        return Score(1.0, 1.0, 1.0)
    true, pred = ngrams(tokens(truth), ROUGE_N), ngrams(tokens(predicted), ROUGE_N)
    shared = (true & pred).total()
    precision, recall = shared / max(pred.total(), 1), shared / max(true.total(), 1)
    return Score(precision, recall, _f1(precision, recall))


def _precision(right: float, wrong: float, missed: float) -> float:
    if wrong == missed == 0:
        return 1.0
    return right / (right + wrong) if right else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _one_line(text: str) -> str:
    return SPACES.sub(" ", text).strip()
