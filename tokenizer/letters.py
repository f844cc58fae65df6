"""How byte-level tokenizers write bytes: each of the 256 as a letter that can be printed (GPT-2)."""

import json

from tokenizers import Tokenizer


def _byte_alphabet() -> dict[str, int]:
    """The 256 letters that byte-level vocabularies are written in, and the bytes that they stand for (GPT-2)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}


BYTE_OF = _byte_alphabet()
"""The byte behind each letter of a byte-level vocabulary."""


_AS_BYTES = str.maketrans({letter: chr(byte) for letter, byte in BYTE_OF.items()})


def vocabulary_bytes(tokenizer: Tokenizer) -> dict[int, bytes] | None:
    """The bytes of text that each id stands for, special tokens left out; None if the tokenizer is not byte-level."""
    steps = json.loads(tokenizer.decoder.__getstate__()) if tokenizer.decoder is not None else {}
    if "ByteLevel" not in [step["type"] for step in (steps, *steps.get("decoders", ())) if step]:
        return None
    added = tokenizer.get_added_tokens_decoder()
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    known = {i: token.translate(_AS_BYTES).encode("latin-1") for token, i in vocabulary.items() if i not in added}
    return known | {i: token.content.encode() for i, token in added.items() if not token.special}
