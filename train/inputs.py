"""What a run folder says to a trainer before it starts: shape of the rows and vocabulary. No torch."""

from pathlib import Path

import numpy as np
from tokenizers import decoders

from gristmill.tokenizer import bpe
from gristmill.tokenizer.rows import PackedRows, open_rows


def packed(run: Path, split: str) -> PackedRows:
    """The packed rows of `train` or `validation` in a run folder.

    Raises ValueError if there are none, or if their ids are of another tokenizer than the one beside them.
    """
    rows = open_rows(run / "packed" / split)
    encoded_with = (rows.table.schema.metadata or {}).get(b"gristmill.tokenizer", b"").decode()
    if encoded_with and (run / "tokenizer" / "tokenizer.json").is_file():
        beside = bpe.digest(bpe.load(run / "tokenizer"))
        if beside != encoded_with:
            raise ValueError(
                f"{run / 'packed' / split} was encoded with another tokenizer ({encoded_with[:8]}) than {run / 'tokenizer'} "
                f"({beside[:8]}): its ids mean other texts; run tokens and pack again."
            )
    return rows


def check_tokenizer(run: Path, rows: PackedRows) -> None:
    """Raise ValueError unless the run's tokenizer made the tokens; a run folder without one is taken at its word."""
    folder = run / "tokenizer"
    if folder.is_dir() and bpe.digest(bpe.load(folder)) != rows.tokenizer:
        raise ValueError(
            f"the tokens of {run} were made by another tokenizer than the one in {folder}; encode and pack again, or put"
            " back the tokenizer that they were made with"
        )


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
