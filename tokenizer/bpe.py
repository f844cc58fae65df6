"""The tokenizer: byte-level BPE, trained, kept in Hugging Face's and LitGPT's files, loaded without surprises.

Two traps of `tokenizer.json` are handled by `load`, so open tokenizers with it only:

- a text that mentions `<|endoftext|>` would be encoded as the end of a document. `encode_special_tokens` prevents it,
  but neither the file nor a pickle keeps that flag: send worker processes the folder, not the object;
- truncation, padding, BPE dropout and start tokens of somebody else's file would change ids silently.

LitGPT's own class parses special tokens in what it encodes, which chat prompts need.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VERSION = 1
"""Raised when the same sample and parameters would give another tokenizer."""

log = logging.getLogger(__name__)

_GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "gpt4": _GPT4,
    "llama3": _GPT4,
}
"""Where a text is split before BPE. Llama 3 took GPT-4's pattern (cl100k) over; both names are for those who look."""

END_OF_DOCUMENT = "<|endoftext|>"
"""Ends every document, pads rows, and stands before a document where something must."""

SPECIAL_TOKENS = (END_OF_DOCUMENT, "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
"""Ids 0 to 4 of every tokenizer trained here: end of document, three chat roles, end of a turn. Bytes are 5 to 260."""

_MIN_VOCAB = 256 + len(SPECIAL_TOKENS)
_KNOWN_ENDS = (END_OF_DOCUMENT, "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>", "<eos>")


@dataclass(frozen=True)
class TokenizerParams:
    """What shapes a tokenizer."""

    vocab_size: int = 32768
    """Tokens in all: special tokens, 256 bytes and merges. A small sample may give fewer."""

    pattern: str = "gpt4"
    """Split before BPE: gpt2, gpt4, llama3, or a regular expression in Oniguruma's syntax."""

    path: str | None = None
    """An existing tokenizer.json, or a folder with one; then nothing is trained."""

    sample_bytes: int = 512 * 2**20
    """Text to train on, in bytes of UTF-8."""

    sample_exponent: float = 0.5
    """A source's part of the sample goes by its bytes to this power: 1 is as it comes, 0 is equal parts."""

    def __post_init__(self) -> None:
        if self.vocab_size < _MIN_VOCAB:
            raise ValueError(
                f"vocab_size: {self.vocab_size} is below {_MIN_VOCAB}, the 256 bytes and "
                f"{len(SPECIAL_TOKENS)} special tokens; set at least {_MIN_VOCAB}."
            )
        if not 0 < self.sample_bytes < 2**31:
            raise ValueError(
                f"sample_bytes: {self.sample_bytes} is outside 1 to {2**31 - 1}; the trainer counts pairs in 32 bits, "
                "and a larger sample overflows silently."
            )
        if not 0 <= self.sample_exponent <= 1:
            raise ValueError(f"sample_exponent: {self.sample_exponent} must be between 0 and 1.")
        split_pattern(self.pattern)


def split_pattern(pattern: str) -> str:
    """The regular expression behind a name or itself; ValueError for an unknown name or a broken expression."""
    if pattern in PATTERNS:
        return PATTERNS[pattern]
    if re.fullmatch(r"[\w.-]*", pattern):
        raise ValueError(
            f"pattern: {pattern!r} is not known; use {', '.join(PATTERNS)} or a regular expression of your own."
        )
    try:
        Regex(pattern)
    except Exception as error:  # tokenizers raises bare Exception
        raise ValueError(f"pattern: {pattern!r} is no valid regular expression ({error}).") from None
    return pattern


def train(texts: Iterable[str], params: TokenizerParams) -> Tokenizer:
    """A byte-level BPE tokenizer of at most `params.vocab_size` tokens; the same texts in any order give the same bytes.

    Any text decodes to itself. Merges need a pair seen twice, so a small sample ends below the size asked for: compare
    `get_vocab_size()`, which is also logged. Raises ValueError if there is no text at all.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split_pattern(params.pattern)), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=params.vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    sample = _Measured(texts)
    tokenizer.train_from_iterator(sample, trainer)
    if not sample.num_bytes:
        raise ValueError("the sample for the tokenizer holds no text; check the sources' filters, or set a path.")
    size = tokenizer.get_vocab_size()
    if size < params.vocab_size:
        log.warning(
            "vocabulary of %d tokens, not %d: %d bytes of sample have no more repeated pairs",
            size,
            params.vocab_size,
            sample.num_bytes,
        )
    else:
        log.info("vocabulary of %d tokens from %d bytes of sample", size, sample.num_bytes)
    tokenizer.encode_special_tokens = True
    return tokenizer


class _Measured:
    """Passes texts on and counts their bytes."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = texts
        self.num_bytes = 0

    def __iter__(self) -> Iterator[str]:
        for text in self.texts:
            self.num_bytes += len(text.encode())
            yield text


def save(tokenizer: Tokenizer, folder: str | Path, end_token: str | None = None) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, as LitGPT and Hugging Face read them.

    `end_token` is the end of a document, found by `end_of_document` if None. It is start token too, for programs that
    want one; texts are encoded without it (`add_bos_token: false`), as in the token shards.
    """
    folder = Path(folder)
    end = end_token or tokenizer.id_to_token(end_of_document(tokenizer))
    config = {
        "add_bos_token": False,
        "add_eos_token": False,
        "bos_token": end,
        "clean_up_tokenization_spaces": False,
        "eos_token": end,
        "pad_token": end,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load(path: str | Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json` or its folder, set to give the ids of a text and nothing else.

    Special tokens in a text are ordinary text; nothing is truncated, padded, dropped or added. Raises ValueError if
    there is no such file or it is none.
    """
    file = _json_file(path)
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        stored |= {"truncation": None, "padding": None, "post_processor": None}
        if "dropout" in stored["model"]:
            stored["model"]["dropout"] = None
        tokenizer = Tokenizer.from_str(json.dumps(stored, ensure_ascii=False))
    except Exception as error:  # tokenizers raises bare Exception
        raise ValueError(f"{file} is no tokenizer.json of the tokenizers library ({error}).") from None
    tokenizer.encode_special_tokens = True
    if tokenizer.normalizer is not None:
        log.warning("%s normalises text, so decoded text may differ from what was encoded", file)
    return tokenizer


def end_of_document(tokenizer: Tokenizer, path: str | Path | None = None) -> int:
    """The id that ends a document: of `<|endoftext|>` and its like, else `eos_token` of the config beside `path`.

    The well-known names go first because configs of chat models name the end of a turn. Raises ValueError if there is
    neither.
    """
    for name in _KNOWN_ENDS:
        if (token_id := tokenizer.token_to_id(name)) is not None:
            return token_id
    config = _json_file(path).with_name("tokenizer_config.json") if path is not None else None
    if config is not None and config.is_file():
        name = json.loads(config.read_text(encoding="utf-8")).get("eos_token")
        name = name.get("content") if isinstance(name, dict) else name
        if name is not None and (token_id := tokenizer.token_to_id(name)) is not None:
            return token_id
    raise ValueError(
        f"the tokenizer has no end-of-document token: none of {', '.join(_KNOWN_ENDS)} is in it, and no "
        "tokenizer_config.json names its eos_token; put one beside tokenizer.json."
    )


def digest(tokenizer: Tokenizer) -> str:
    """What identifies a tokenizer in token shards: XXH3-128 of its JSON, 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(tokenizer.to_str().encode())


def _json_file(path: str | Path) -> Path:
    path = Path(path)
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"{file}: no such file; path must name a tokenizer.json or a folder with one.")
    return file
