"""The model: LitGPT's GPT with initial weights that depend on the seed and on each parameter's name alone.

LitGPT draws all weights from one random stream, so the draw depends on the order of the modules and on how they are
spread over machines. Here every parameter has a stream of its own: whatever part of the model a process holds, it
starts with the same numbers.
"""

import math
from collections.abc import Mapping

import torch
import xxhash
from litgpt.config import Config
from litgpt.model import GPT, CausalSelfAttention, LLaMAMLP
from torch import nn


def build_model(fields: Mapping[str, object], seed: int, device: torch.device | str = "cpu") -> GPT:
    """A LitGPT model of these `litgpt.Config` fields (see `config.model_fields`), float32, with its initial weights."""
    with torch.device(device):
        model = GPT(Config(**fields))
    initialize(model, seed)
    return model


def initialize(model: GPT, seed: int) -> None:
    """Set the initial weights as GPT-NeoX does (Black et al. 2022, as in LitGPT's pretraining).

    Matrices are normal with standard deviation sqrt(2 / (5 n_embd)), those that write into the residual stream with
    1 / (sqrt(n_embd) n_layer); biases are 0; norms keep the 1 (or 0) they were built with.
    """
    config = model.config
    small = {
        id(module.proj.weight) for module in model.modules() if isinstance(module, (LLaMAMLP, CausalSelfAttention))
    }
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2:
            std = math.sqrt(2 / 5 / config.n_embd)
            if id(parameter) in small:
                std = 1 / math.sqrt(config.n_embd) / config.n_layer
            draw = torch.randn(parameter.shape, generator=parameter_generator(seed, name))
            with torch.no_grad():
                parameter.copy_(draw * std)
        elif name.endswith(".bias"):
            nn.init.zeros_(parameter)


def parameter_generator(seed: int, name: str) -> torch.Generator:
    """The random stream of one parameter: a CPU generator seeded by the hash of seed and name."""
    return torch.Generator().manual_seed(xxhash.xxh3_64_intdigest(f"{seed}/{name}".encode()) >> 1)


def num_parameters(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(parameter.numel() for parameter in model.parameters())
