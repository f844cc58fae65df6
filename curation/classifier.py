"""The probability that a fastText classifier gives to one label of a text, such as DCLM's "high quality".

Any supervised `.bin` or `.ftz` will do: one of `gristmill classifier train`, or a published one, such as DCLM's
fasttext_oh_eli5.bin, whose rule is `hq` of at least 0.018112.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gristmill.curation import fasttext_models
from gristmill.curation.fasttext_models import LINE_END, PREFIX

VERSION = 1
"""Bumped when the same text would get another score."""


def labels(path: Path | str) -> tuple[str, ...]:
    """The labels of a classifier, without `__label__`, read from its file without loading it.

    Raises ValueError if the file is not a fastText classifier, OSError if it cannot be read.
    """
    return fasttext_models.labels(path)


def scores(path: Path | str, label: str, texts: Sequence[str], max_chars: int | None = None) -> np.ndarray:
    """Probability of `label` (`hq` or `__label__hq`) for each text, float32 of [N], 0 to 1; nan for an empty text.

    It is that label's own probability, be it the likeliest or not, of the whole text or of its first `max_chars`
    characters. A text of white space alone has none, nor one in which the model knows nothing. The model is loaded once
    a process, and each text is scored alone, so that neighbours and batches change nothing. Raises ValueError for a
    label that the classifier has not.

    fastText adds 0.00001 to each probability, as it does here; DCLM's code computes one minus the other label's
    probability for texts that are likelier `cc`, and so gives 0.00002 less for them.
    """
    wanted = fasttext_models.shorn(label)
    known = fasttext_models.labels(path)
    if wanted not in known:
        raise ValueError(f"{path} has no label {wanted!r}; its labels: {', '.join(known[:20])}")
    predict = fasttext_models.model(path).predict
    wanted = PREFIX + wanted
    found = np.full(len(texts), np.nan, np.float32)
    for row, text in enumerate(texts):
        if text := line(text if max_chars is None else text[:max_chars]):
            answer = predict(text + "\n", -1, 0.0, "strict")
            # Models with hierarchical softmax leave out labels of 1e-5 and less. No answer at all: no known word.
            probability = next((p for p, name in answer if name == wanted), 0.0 if answer else np.nan)
            found[row] = min(probability, 1.0)
    return found


def line(text: str) -> str:
    """What fastText is given of a text, in training as in scoring: one line, "" if it is white space alone.

    As DCLM does it: stripped, and its lines joined by blanks; case, punctuation and everything else stay. Besides, what
    fastText would take for its own marks is broken up: `</s>` would end the text there, and a word that begins with
    `__label__` would be a label of it. Lone surrogates, which no file can hold, become question marks.
    """
    text = text.replace(LINE_END, " ").replace(PREFIX, "__ label__")
    return " ".join(text.strip().splitlines()).encode("utf-8", "replace").decode("utf-8")
