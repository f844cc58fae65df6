"""How well a model predicts the validation rows: loss over all tokens, and bits per byte of each source."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from gristmill.train.data import IGNORED, Rows
from gristmill.train.inputs import token_bytes
from gristmill.train.losses import token_nll, unigram_loss
from gristmill.train.processes import rank_and_world_size, summed

COUNTED_ROWS = 8192
"""Rows that make up a unigram model: 16 million tokens at 2,048 a row."""


@dataclass(frozen=True)
class Scores:
    """What validation found."""

    loss: float
    """Mean negative log-likelihood of all targets, nats per token."""
    bits_per_byte: dict[str, float]
    """Of each source, over the targets that stand for text; comparable between tokenizers. Empty if not byte-level."""
    tokens: int
    """Targets that it was measured on."""


@torch.no_grad()
def validate(
    model: Callable[[torch.Tensor], torch.Tensor],
    rows: Rows,
    num_rows: int,
    micro_batch_size: int,
    device: torch.device,
) -> Scores:
    """Score the first `num_rows` rows; the processes share them and all get the same result.

    Special tokens count in the loss, but neither as bits nor as bytes in bits per byte (as nanochat has it).
    """
    rank, world_size = rank_and_world_size()
    bytes_of = token_bytes(rows.run / "tokenizer")
    num_sources = len(rows.sources)
    total_nll = total_tokens = 0.0
    nll_of, size_of = np.zeros(num_sources), np.zeros(num_sources)
    for first in range(rank * micro_batch_size, num_rows, micro_batch_size * world_size):
        count = min(micro_batch_size, num_rows - first)
        inputs, targets = rows.inputs_and_targets(first, count)
        nll = token_nll(model(inputs.to(device)), targets.to(device)).double().cpu().numpy()
        carries = targets.numpy() != IGNORED
        total_nll += nll[carries].sum()
        total_tokens += carries.sum()
        if bytes_of is not None:
            source, size = rows.target_sources(first, count)[carries], bytes_of[targets.numpy()[carries]]
            text = size > 0
            nll_of += np.bincount(source[text], weights=nll[carries][text], minlength=num_sources)
            size_of += np.bincount(source[text], weights=size[text], minlength=num_sources)

    total_nll, total_tokens, *sums = summed([total_nll, total_tokens, *nll_of, *size_of], device)
    nll_of, size_of = sums[:num_sources], sums[num_sources:]
    return Scores(
        loss=float(total_nll / max(1.0, total_tokens)),
        bits_per_byte={
            source: nll_of[i] / math.log(2) / size_of[i] for i, source in enumerate(rows.sources) if size_of[i]
        },
        tokens=int(total_tokens),
    )


def unigram_baseline(rows: Rows, validation: Rows, vocab_size: int) -> float:
    """Loss on the validation rows of a unigram model of the training rows (see `losses.unigram_loss`).

    Counted on the first COUNTED_ROWS rows of each: the mixture is the same throughout, and more would change nothing.
    """
    return unigram_loss(_counts(rows, vocab_size), _counts(validation, vocab_size))


def _counts(rows: Rows, vocab_size: int) -> np.ndarray:
    """How often each token is a target in the first COUNTED_ROWS rows, int64 [vocab_size]."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    num_rows = min(COUNTED_ROWS, len(rows))
    for first in range(0, num_rows, 64):
        _, targets = rows.inputs_and_targets(first, min(64, num_rows - first))
        counts += np.bincount(targets[targets != IGNORED].numpy(), minlength=vocab_size)
    return counts
