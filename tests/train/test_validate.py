"""Validation is a mean over tokens, the same however it is cut up, and knows where each token came from."""

import math

import numpy as np
import pytest
import torch

from gristmill.train.data import IGNORED, Rows
from gristmill.train.inputs import token_bytes, vocab_size
from gristmill.train.validate import unigram_baseline, validate

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows(run_folder) -> Rows:
    return Rows(run_folder, "validation")


def knows_nothing(inputs: torch.Tensor) -> torch.Tensor:
    return torch.zeros(*inputs.shape, 320)


def by_token(inputs: torch.Tensor) -> torch.Tensor:
    """Some logits that differ from place to place."""
    return torch.sin(inputs.unsqueeze(-1) * 0.37 + torch.arange(320.0))


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary(rows):
    scores = validate(knows_nothing, rows, len(rows), 4, CPU)
    assert scores.loss == pytest.approx(math.log(320), rel=1e-6)
    assert scores.tokens == rows.num_targets(0, len(rows))


@pytest.mark.parametrize("micro_batch_size", [1, 3, 1000])
def test_the_loss_does_not_depend_on_the_batches(rows, micro_batch_size):
    expected = validate(by_token, rows, len(rows), 4, CPU)
    found = validate(by_token, rows, len(rows), micro_batch_size, CPU)
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    assert found.bits_per_byte == pytest.approx(expected.bits_per_byte)


def test_bits_per_byte_count_the_bytes_of_the_targets(rows, run_folder):
    bytes_of = token_bytes(run_folder / "tokenizer")
    bits = dict.fromkeys(rows.sources, 0.0)
    size = dict.fromkeys(rows.sources, 0)
    _, targets = rows.inputs_and_targets(0, len(rows))
    for row, sources in zip(targets, rows.target_sources(0, len(rows)), strict=True):
        for target, source in zip(row.tolist(), sources, strict=True):
            if target != IGNORED and bytes_of[target]:
                bits[rows.sources[source]] += math.log2(320)
                size[rows.sources[source]] += bytes_of[target]
    expected = {source: bits[source] / size[source] for source in rows.sources}
    assert validate(knows_nothing, rows, len(rows), 4, CPU).bits_per_byte == pytest.approx(expected)


def test_the_bytes_of_the_tokens_are_the_bytes_of_the_text(run_folder):
    from gristmill.tokenizer import bpe

    sizes = token_bytes(run_folder / "tokenizer")
    tokenizer = bpe.load(run_folder / "tokenizer")
    for text in ("Ann thought of the captain.", "naïve Ω \U0001f600\n\t", "日本"):
        assert sizes[tokenizer.encode(text).ids].sum() == len(text.encode())
    assert sizes[bpe.end_of_document(tokenizer)] == 0
    assert len(sizes) == vocab_size(run_folder / "tokenizer")


def test_the_unigram_baseline_is_the_entropy_where_both_sides_agree(run_folder):
    rows = Rows(run_folder, "train")
    _, targets = rows.inputs_and_targets(0, len(rows))
    counts = np.bincount(targets[targets != IGNORED].numpy(), minlength=320)
    share = counts[counts > 0] / counts.sum()
    entropy = -(share * np.log(share)).sum()
    baseline = unigram_baseline(rows, rows, 320)
    assert entropy <= baseline < entropy + 0.1
