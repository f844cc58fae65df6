"""SuperBPE's second stage: merges across white space (Liu et al. 2025, arXiv 2503.13423).

A tokenizer is trained as usual up to a part of its vocabulary; from there on texts are split no longer at white space but
at numbers, punctuation of two characters or more and runs of blanks, by the expression of the paper's own code, and what
often stands side by side, such as ` of the`, becomes one token. As there, a token has at most four words.

The second stage sees whole sentences, hardly one of them twice, so it learns from a part of the sample that memory has
room for: texts are chosen by a hash of what they say.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import xxhash

from gristmill.tokenizer.draw import SCALE
from gristmill.tokenizer.encoders import Encoder
from gristmill.tokenizer.letters import BYTE_OF
from gristmill.tokenizer.patterns import Pattern
from gristmill.tokenizer.special_tokens import SPECIAL_TOKENS
from gristmill.tokenizer.training import MIN_COUNT, build, count, spelled

_SPLIT = r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S)"

SUPERWORDS = Pattern(rf"{_SPLIT}|(?:(?!{_SPLIT})[\s\S])+")
"""What is split in the second stage, and when a text is encoded; the last alternative is all that lies between."""

SAMPLE_BYTES = 64 * 2**20
"""Text of the second stage; a gigabyte of memory."""

MAX_WORDS = 4

_WHOLE = Pattern(r"[\s\S]+")


def learn_superwords(
    texts: Iterable[str], num_bytes: int, tokens: list[str], merges: list[tuple[str, str]], vocab_size: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """The tokens and merges of a vocabulary that begins with those given and goes on across white space.

    `num_bytes` is how much text there is. Raises ValueError if the texts can be gone through once only.
    """
    from gristmill.tokenizer.merge_kernels import merges as merged

    if iter(texts) is texts:
        raise ValueError("superwords_from: texts are gone through twice, and these can be gone through once.")
    counts = count(_chosen(texts, num_bytes), SUPERWORDS)
    # What the first stage makes of a stretch that is not split: the same merges are used when texts are encoded.
    encoder = Encoder(build(tokens, merges, _WHOLE))
    raw = counts.data.tobytes()
    starts = [0, *counts.ends[:-1].tolist()]
    found = [encoder.ids(raw[a:b].decode()) for a, b in zip(starts, counts.ends.tolist(), strict=True)]
    known = [token.encode() if token in SPECIAL_TOKENS else bytes(map(BYTE_OF.__getitem__, token)) for token in tokens]
    made, num_made, num_tokens = merged(
        np.concatenate([np.empty(0, np.uint32), *found]).astype(np.int32),
        np.cumsum([len(ids) for ids in found], dtype=np.int64),
        counts.counts,
        np.frombuffer(b"".join(known), np.uint8),
        np.cumsum([0, *map(len, known)], dtype=np.int64),
        len(SPECIAL_TOKENS),
        vocab_size,
        MIN_COUNT,
        MAX_WORDS,
    )
    tokens, more = spelled(tokens, made[:num_made], num_tokens)
    return tokens, merges + more


def _chosen(texts: Iterable[str], num_bytes: int) -> Iterator[str]:
    share = min(1.0, SAMPLE_BYTES / max(1, num_bytes))
    for text in texts:
        if share == 1 or xxhash.xxh3_64_intdigest(text.encode()) < share * SCALE:
            yield text
