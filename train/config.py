"""What a training run is told, checked before any of it starts: parameters only, and no torch.

`gristmill check` and `gristmill plan` read this module on machines that have no torch, so a mistake in a model's
shape is found before hours of curation and not after them.
"""

import difflib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

Precision = Literal["auto", "32-true", "bf16-mixed", "bf16-true"]

LITGPT_FIELDS = (
    *("name", "hf_config", "block_size", "n_layer", "n_embd", "vocab_size", "padding_multiple"),
    *("padded_vocab_size", "norm_class_name", "norm_eps", "norm_qk", "norm_qk_type", "post_attention_norm"),
    *("post_mlp_norm", "parallel_residual", "shared_attention_norm", "n_head", "head_size", "n_query_groups"),
    *("attn_bias", "attention_scores_scalar", "sliding_window_size", "sliding_window_indices"),
    *("attention_logit_softcapping", "rope_base", "rotary_percentage", "rope_condense_ratio"),
    *("rope_adjustments", "rope_interleave", "intermediate_size", "moe_intermediate_size", "bias"),
    *("mlp_class_name", "gelu_approximate", "n_expert", "n_shared_expert", "n_expert_groups"),
    *("n_topk_groups", "n_topk_scores_per_group", "n_expert_per_token", "first_k_dense_replace"),
    *("routed_scaling_factor", "norm_topk_prob", "scale_embeddings", "lm_head_bias"),
    *("final_logit_softcapping", "norm_1", "norm_2", "latent_attention", "rope_local_base_freq"),
    "rope_indices",
)
"""The fields of `litgpt.Config` 0.5.13, kept as data because importing litgpt imports torch (a test compares them)."""

FROM_THE_DATA = ("block_size", "vocab_size", "padded_vocab_size")
"""Fields that follow from the packed rows and their tokenizer, so a manifest may not set them."""

SIZES = (
    "n_layer",
    "n_head",
    "n_embd",
    "n_query_groups",
    "head_size",
    "intermediate_size",
    "padding_multiple",
)

MODEL_DEFAULTS: Mapping[str, object] = {
    "n_layer": 8,
    "n_head": 8,
    "n_embd": 512,
    "norm_class_name": "RMSNorm",
    "mlp_class_name": "LLaMAMLP",
    "bias": False,
    "parallel_residual": False,
    "rotary_percentage": 1.0,
    "padding_multiple": 64,
}
"""A small LLaMA (Touvron et al. 2023): 25 million parameters and the vocabulary's. Not used beside `name`."""

FREE_ON_RESUME = (
    "eval_interval",
    "eval_rows",
    "save_interval",
    "log_interval",
    "micro_batch_size",
    "compile",
)
"""Parameters that may differ between a checkpoint and the run that goes on from it: none changes what is learned."""


@dataclass(frozen=True)
class PretrainParams:
    """Parameters of pretraining: the model's shape, how long to train and how to step."""

    model: Mapping[str, object] = field(default_factory=dict)
    """Fields of LitGPT's `Config` (n_layer, n_head, n_embd, ...) over MODEL_DEFAULTS; or `name` of a LitGPT model, then over its fields."""
    max_steps: int | None = None
    """Optimizer steps; None with max_tokens None: one pass over the packed rows."""
    max_tokens: int | None = None
    """Tokens to train on, rounded down to whole steps; instead of max_steps."""
    global_batch_size: int = 32
    """Rows in one optimizer step, over all processes."""
    micro_batch_size: int = 4
    """Rows in one forward pass of one process; only memory and speed depend on it."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""
    min_learning_rate: float | None = None
    """Learning rate at the end of the cosine; None: a tenth of learning_rate."""
    warmup_steps: int | None = None
    """Steps of linear warm-up; None: 2 % of all steps."""
    weight_decay: float = 0.1
    """Decoupled weight decay, on matrices only (not on norms and biases)."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates of the first and second moment."""
    max_norm: float = 1.0
    """Gradients are scaled down to this global norm."""
    precision: Precision = "auto"
    """LitGPT's names; auto: 32-true on a CPU, bf16-mixed on a GPU."""
    eval_interval: int = 250
    """Steps between two looks at the validation rows; there is always one at the end."""
    eval_rows: int = 256
    """Validation rows seen at an interval; at the end all of them are."""
    save_interval: int = 500
    """Steps between two checkpoints; there is always one at the end."""
    log_interval: int = 10
    """Steps between two lines of metrics."""
    compile: bool = False
    """Run the model through torch.compile: faster on a GPU, minutes slower to start."""

    def __post_init__(self) -> None:
        problems = _problems(self) + _model_problems(self.model)
        if problems:
            raise ValueError("; ".join(problems))


def _problems(params: PretrainParams) -> list[str]:
    """What is wrong with everything but the model, each with how to mend it."""
    problems = []
    if params.max_steps is not None and params.max_tokens is not None:
        problems.append("max_steps and max_tokens are both set; keep one, the other follows from it")
    counts = ("global_batch_size", "micro_batch_size", "eval_interval", "eval_rows", "save_interval")
    for name in (*counts, "log_interval", "max_steps", "max_tokens"):
        value = getattr(params, name)
        if value is not None and value < 1:
            problems.append(f"{name} is {value}; set it to at least 1")
    total, micro = params.global_batch_size, params.micro_batch_size
    if total >= 1 and micro >= 1 and total % micro:
        fits = max(size for size in range(1, micro + 1) if total % size == 0)
        problems.append(
            f"global_batch_size {total} is not a multiple of micro_batch_size {micro}; set micro_batch_size: {fits},"
            f" or global_batch_size: {total // micro * micro or micro}"
        )
    if params.learning_rate <= 0:
        problems.append(f"learning_rate is {params.learning_rate}; set it above 0, such as 1e-3")
    floor = params.min_learning_rate
    if floor is not None and not 0 <= floor <= params.learning_rate:
        problems.append(
            f"min_learning_rate {floor} is outside 0 ... learning_rate {params.learning_rate}; leave it out for a tenth"
        )
    if params.warmup_steps is not None and params.warmup_steps < 0:
        problems.append(f"warmup_steps is {params.warmup_steps}; set 0 for none")
    if None not in (params.warmup_steps, params.max_steps) and params.warmup_steps >= params.max_steps:
        problems.append(
            f"warmup_steps {params.warmup_steps} leaves none of the {params.max_steps} max_steps to train at full"
            " rate; lower it, or leave it out for 2 %"
        )
    if params.weight_decay < 0:
        problems.append(f"weight_decay is {params.weight_decay}; set 0 for none")
    if len(params.betas) != 2 or not all(0 <= beta < 1 for beta in params.betas):
        problems.append(f"betas is {params.betas}; set two numbers from 0 up to below 1, such as [0.9, 0.95]")
    if params.max_norm <= 0:
        problems.append(f"max_norm is {params.max_norm}; set it above 0, such as 1.0")
    if params.precision not in ("auto", "32-true", "bf16-mixed", "bf16-true"):
        problems.append(f"precision is {params.precision!r}; choose auto, 32-true, bf16-mixed or bf16-true")
    return problems


def _model_problems(model: Mapping[str, object]) -> list[str]:
    """What is wrong with the model's fields, as far as can be told without LitGPT."""
    problems = []
    for name in model:
        if name in FROM_THE_DATA:
            problems.append(f"model.{name} follows from the packed rows and their tokenizer; leave it out")
        elif name not in LITGPT_FIELDS:
            near = difflib.get_close_matches(str(name), LITGPT_FIELDS, n=1)
            hint = f"did you mean {near[0]}?" if near else "see litgpt.Config for the fields there are"
            problems.append(f"model.{name} is no field of LitGPT's Config; {hint}")
    fields = {**_starting_fields(model, problems), **model}
    for name in SIZES:
        value = fields.get(name)
        if value is not None and (not isinstance(value, int) or value < 1):
            problems.append(f"model.{name} is {value!r}; set a whole number of at least 1")
    if problems:
        return problems
    n_embd, n_head, groups = (fields.get(name) for name in ("n_embd", "n_head", "n_query_groups"))
    if n_embd and n_head and fields.get("head_size") is None and n_embd % n_head:
        fits = min(range(1, n_embd + 1), key=lambda size: (n_embd % size > 0, abs(size - n_head)))
        problems.append(
            f"model.n_embd {n_embd} is not a multiple of model.n_head {n_head}; set n_head: {fits}, or"
            f" n_embd: {-(-n_embd // n_head) * n_head}, or a head_size"
        )
    if groups and n_head and n_head % groups:
        problems.append(f"model.n_head {n_head} is not a multiple of model.n_query_groups {groups}; use a divisor")
    return problems


def _starting_fields(model: Mapping[str, object], problems: list[str]) -> Mapping[str, object]:
    """The fields that `model` is laid over: our defaults, or those of the LitGPT model that it names."""
    if "name" not in model:
        return MODEL_DEFAULTS
    name = model["name"]
    known = _litgpt_models()
    if known is None:  # no litgpt here: the name is checked where the training runs
        return {}
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`litgpt pretrain list` names them"
        problems.append(f"model.name {name!r} is no model of LitGPT; {hint}, or leave it out and set the sizes")
        return {}
    return known[name]


@cache
def _litgpt_models() -> Mapping[str, Mapping[str, object]] | None:
    """LitGPT's named models, or None where it is not installed.

    Its file `config.py` is loaded by itself, for the package's own `__init__` imports torch (seconds, and not wanted
    by `gristmill plan`).
    """
    package = importlib.util.find_spec("litgpt")
    if package is None or not package.submodule_search_locations:
        return None
    path = f"{package.submodule_search_locations[0]}/config.py"
    spec = importlib.util.spec_from_file_location("_litgpt_config", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.name_to_config


def model_fields(params: PretrainParams, vocab_size: int, seq_length: int) -> dict[str, object]:
    """All fields of the `litgpt.Config` that the parameters ask for, for a tokenizer and a row length.

    The vocabulary is padded to `padding_multiple` (64: LitGPT's own 512 would double a tiny model) and
    `intermediate_size`, where LLaMAMLP needs one, is 8/3 of n_embd rounded up to a multiple of 64 (Shazeer 2020).
    Raises ValueError if `name` cannot be looked up because litgpt is not installed.
    """
    if "name" in params.model and _litgpt_models() is None:
        raise ValueError("model.name needs litgpt to look it up; pip install 'gristmill[train]', or set the sizes")
    fields = {"name": "gristmill", **_starting_fields(params.model, []), **params.model}
    multiple = fields.get("padding_multiple", 64)
    fields.update(
        block_size=seq_length,
        vocab_size=vocab_size,
        padded_vocab_size=-(-vocab_size // multiple) * multiple,
    )
    if fields.get("intermediate_size") is None and fields.get("mlp_class_name") == "LLaMAMLP":
        fields["intermediate_size"] = -(-fields["n_embd"] * 8 // 3 // 64) * 64
    return fields


def total_steps(params: PretrainParams, num_rows: int, seq_length: int) -> int:
    """Optimizer steps of the run: as told, else whole global batches in one pass over the packed rows; at least 1."""
    if params.max_steps is not None:
        return params.max_steps
    if params.max_tokens is not None:
        return max(1, params.max_tokens // (params.global_batch_size * seq_length))
    return max(1, num_rows // params.global_batch_size)


def warmup_steps(params: PretrainParams, steps: int) -> int:
    """Steps of warm-up in a run of `steps` steps."""
    return params.warmup_steps if params.warmup_steps is not None else steps // 50


def min_learning_rate(params: PretrainParams) -> float:
    """Learning rate at the end of the run."""
    return params.learning_rate / 10 if params.min_learning_rate is None else params.min_learning_rate
