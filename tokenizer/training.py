"""Byte-level BPE from a sample of texts: the merges of `tokenizers`, in a fifth of its time.

Pre-tokens are counted (pretokens.py), then the most frequent pair is merged again and again (merge_kernels.py). Both are
compiled loops; tests compare the result with that of `tokenizers`' own trainer, byte for byte.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models

from gristmill.tokenizer.letters import BYTE_OF
from gristmill.tokenizer.patterns import Pattern, named
from gristmill.tokenizer.pretokens import Counts, Pretokens, Splitter
from gristmill.tokenizer.special_tokens import SPECIAL_TOKENS

VERSION = 2
"""Raised when the same sample and parameters would give another tokenizer."""

MIN_COUNT = 2
"""A pair that occurs once is not merged."""

MIN_VOCAB = 256 + len(SPECIAL_TOKENS)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenizerParams:
    """What shapes a tokenizer."""

    vocab_size: int = 32768
    """Tokens in all: special tokens, 256 bytes and merges. A small sample may give fewer."""

    multiple_of: int = 1
    """Unused special tokens `<|unused_0|>` ... fill the vocabulary up to a multiple of so many, if a small sample gave
    fewer tokens. The model's own table is padded anyway (`pretrain.model.padding_multiple`)."""

    pattern: str = "gpt4"
    """Split before BPE: gpt2, gpt4, llama3, or a regular expression in Oniguruma's syntax."""

    digits: int | None = None
    """Digits in one token at most, 1 to 3; the pattern's own if not given: 3 of gpt4 and llama3, any number of gpt2."""

    superwords_from: int | None = None
    """Vocabulary size from which on merges may cross white space (SuperBPE, Liu et al. 2025); none do if not given."""

    path: str | None = None
    """An existing tokenizer: a tokenizer.json, a folder with one, a .tiktoken file, or GPT-2's vocab.bpe. Then nothing is
    trained."""

    sample_bytes: int = 512 * 2**20
    """Text to train on, in bytes of UTF-8."""

    sample_exponent: float = 0.5
    """A source's part of the sample goes by its bytes to this power: 1 is as it comes, 0 is equal parts."""

    sample_weights: Mapping[str, float] = field(default_factory=dict)
    """Parts of the sample by source, in place of the exponent; a source that is not named gives nothing."""

    held_out: float = 0.01
    """Share of the documents that the sample leaves out, by a hash of their ids: `tokenizer eval` measures on them."""

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out: {self.held_out} must be at least 0 and below 1.")
        if self.vocab_size < MIN_VOCAB:
            raise ValueError(
                f"vocab_size: {self.vocab_size} is below {MIN_VOCAB}, the 256 bytes and "
                f"{len(SPECIAL_TOKENS)} special tokens; set at least {MIN_VOCAB}."
            )
        if self.vocab_size >= 2**31:
            raise ValueError(f"vocab_size: {self.vocab_size} is above {2**31 - 1}, the highest that ids have room for.")
        if not 1 <= self.multiple_of <= 2**16:
            raise ValueError(f"multiple_of: {self.multiple_of} must be between 1 and {2**16}.")
        if self.sample_bytes <= 0:
            raise ValueError(f"sample_bytes: {self.sample_bytes} must be at least 1.")
        if not 0 <= self.sample_exponent <= 1:
            raise ValueError(f"sample_exponent: {self.sample_exponent} must be between 0 and 1.")
        if any(not 0 <= weight < float("inf") for weight in self.sample_weights.values()):
            raise ValueError("sample_weights: every weight must be a number of at least 0.")
        if self.sample_weights and not any(self.sample_weights.values()):
            raise ValueError("sample_weights: all weights are 0, so there is nothing to train on; give one at least.")
        if self.superwords_from is not None and not MIN_VOCAB <= self.superwords_from < self.vocab_size:
            raise ValueError(
                f"superwords_from: {self.superwords_from} must be between {MIN_VOCAB} and vocab_size ({self.vocab_size}); "
                "the paper takes three fifths to nine tenths of it."
            )
        named(self.pattern, self.digits)


@dataclass
class Counted:
    """What a tokenizer was trained on."""

    sample_bytes: int = 0
    """Text that was counted, in bytes of UTF-8."""
    pretokens: int = 0
    """Different pre-tokens that were trained on."""
    rarest: int = 1
    """The lowest count of one."""
    left_out: int = 0
    """Different pre-tokens that are rarer, for want of memory (pretokens.MAX_PRETOKENS)."""


def train(texts: Iterable[str], params: TokenizerParams, counted: Counted | None = None) -> Tokenizer:
    """A byte-level BPE tokenizer of at most `params.vocab_size` tokens; the same texts in any order give the same bytes.

    Any text decodes to itself. Merges need a pair seen twice, so a small sample ends below the size asked for: compare
    `get_vocab_size()`, which is also logged. `counted` is filled in with what was counted. With
    `superwords_from` the texts are gone through twice, so a generator does not do. Raises ValueError if there is no text
    at all.
    """
    pattern = named(params.pattern, params.digits)
    counts = count(texts, pattern)
    if counted is not None:
        counted.sample_bytes, counted.pretokens = counts.num_bytes, len(counts.counts)
        counted.rarest, counted.left_out = counts.rarest, counts.left_out
    if not counts.num_bytes:
        raise ValueError("the sample for the tokenizer holds no text; check the sources' filters, or set a path.")
    vocabulary, merges = learn(counts, params.superwords_from or params.vocab_size)
    if params.superwords_from:
        from gristmill.tokenizer.superwords import SUPERWORDS, learn_superwords

        vocabulary, merges = learn_superwords(texts, counts.num_bytes, vocabulary, merges, params.vocab_size)
        pattern = SUPERWORDS
    tokenizer = build(vocabulary, merges, pattern, params.multiple_of)
    size = len(vocabulary)
    if size < params.vocab_size:
        log.warning(
            "vocabulary of %d tokens, not %d: %d bytes of sample have no more repeated pairs",
            size,
            params.vocab_size,
            counts.num_bytes,
        )
    else:
        log.info("vocabulary of %d tokens from %d bytes of sample", size, counts.num_bytes)
    return tokenizer


def count(texts: Iterable[str], pattern: Pattern) -> Counts:
    """How often each pre-token occurs in these texts."""
    with Pretokens(Splitter(pattern)) as counted:
        counted.add(texts)
        return counted.counts()


def learn(counts: Counts, vocab_size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """The tokens by id, in the letters of the byte-level alphabet, and the merges by priority.

    Special tokens are first, then the 256 bytes in the order of their letters, then what the merges give.
    """
    from gristmill.tokenizer.merge_kernels import merges

    letters = sorted(BYTE_OF)
    known = [*SPECIAL_TOKENS, *letters]
    id_of_byte = np.empty(256, np.int32)
    id_of_byte[[BYTE_OF[letter] for letter in letters]] = np.arange(len(SPECIAL_TOKENS), len(known), dtype=np.int32)
    raw = [*(token.encode() for token in SPECIAL_TOKENS), *(bytes([BYTE_OF[letter]]) for letter in letters)]
    made, num_made, num_tokens = merges(
        id_of_byte[counts.data],
        counts.ends,
        counts.counts,
        np.frombuffer(b"".join(raw), np.uint8),
        np.cumsum([0, *map(len, raw)]),
        len(SPECIAL_TOKENS),
        vocab_size,
        MIN_COUNT,
        -1,
    )
    return spelled(known, made[:num_made], num_tokens)


def spelled(known: list[str], made: np.ndarray, num_tokens: int) -> tuple[list[str], list[tuple[str, str]]]:
    """All tokens in letters, and the merges that `made` them of those known, int64[M, 3]."""
    tokens = known + [""] * (num_tokens - len(known))
    pairs = []
    for left, right, result in made.tolist():
        tokens[result] = tokens[left] + tokens[right]
        pairs.append((tokens[left], tokens[right]))
    return tokens, pairs


def build(tokens: list[str], merges: list[tuple[str, str]], pattern: Pattern, multiple_of: int = 1) -> Tokenizer:
    """The tokenizer of these tokens, by id, and merges, set to give the ids of a text and nothing else."""
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pattern.pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    unused = [f"<|unused_{i}|>" for i in range(-len(tokens) % multiple_of)]
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in (*SPECIAL_TOKENS, *unused)]
    )
    tokenizer.encode_special_tokens = True
    return tokenizer
