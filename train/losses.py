"""Losses as pure functions. B: rows, T: targets in a row, V: padded vocabulary."""

import numpy as np
import torch
from torch.nn import functional as F

from gristmill.train.data import IGNORED


def token_nll(logits_BTV: torch.Tensor, targets_BT: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each target in nats, float32 [B, T]; 0 where the target is IGNORED."""
    nll = F.cross_entropy(
        logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return nll.view_as(targets_BT)


def unigram_loss(train_counts: np.ndarray, held_out_counts: np.ndarray) -> float:
    """Nats per token of a model that knows only how often each token occurs in training, on held-out tokens.

    Counts are int64 [V]; every token has one occurrence added (Laplace), so unseen ones are possible. A trained model
    must fall well below this.
    """
    logp = np.log((train_counts + 1) / (train_counts + 1).sum())
    return float(-(held_out_counts * logp).sum() / max(1, held_out_counts.sum()))
