"""What a run folder says to a trainer before it starts: shape of the rows and vocabulary. No torch."""

from pathlib import Path

import numpy as np
from tokenizers import decoders

from gristmill.tokenizer import bpe
from gristmill.tokenizer.rows import PackedRows, open_rows


def packed(run: Path, split: str) -> PackedRows:
    """The packed rows of `train` or `validation` in a run folder. Raises ValueError if there are none."""
    return open_rows(run / "packed" / split)


def vocab_size(tokenizer: Path) -> int:
    """Number of ids of the tokenizer in this folder, special tokens included."""
    return max(bpe.load(tokenizer).get_vocab().values()) + 1


def token_bytes(tokenizer: Path) -> np.ndarray | None:
    """UTF-8 bytes that each token stands for, int64 [vocab_size]; 0 for special tokens.

    None where the tokenizer is not byte-level, so that bytes per token cannot be read off its vocabulary.
    """
    loaded = bpe.load(tokenizer)
    if not isinstance(loaded.decoder, decoders.ByteLevel):
        return None
    special = {added.content for added in loaded.get_added_tokens_decoder().values()}
    sizes = np.zeros(vocab_size(tokenizer), dtype=np.int64)
    for token, number in loaded.get_vocab().items():
        if token not in special:
            sizes[number] = len(token)  # the byte-level alphabet writes one character per byte
    return sizes
