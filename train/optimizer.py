"""AdamW over two groups of parameters, and the learning rate of each step."""

import math

import torch
from torch import nn

from gristmill.train.config import PretrainParams, min_learning_rate, warmup_steps


def build_optimizer(model: nn.Module, params: PretrainParams) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) that decays matrices and leaves norms and biases alone."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": params.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = trained[0].device.type == "cuda"
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=params.betas, fused=fused)


def learning_rate(step: int, steps: int, params: PretrainParams) -> float:
    """Rate of optimizer step `step` (0 ... steps - 1): linear warm-up to the peak, then half a cosine to the minimum.

    The first step moves already (1/warm-up of the peak); LitGPT's first step has rate 0.
    """
    warmup = warmup_steps(params, steps)
    if step < warmup:
        return params.learning_rate * (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, steps - 1 - warmup))
    low = min_learning_rate(params)
    return low + (params.learning_rate - low) * (1 + math.cos(math.pi * share)) / 2
