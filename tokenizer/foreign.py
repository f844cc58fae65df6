"""Tokenizers that others published in forms of their own: tiktoken's rank files, and GPT-2's list of merges.

Both become what a `tokenizer.json` holds, with the ids that they were published with.
"""

import base64
import binascii
import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models

from gristmill.tokenizer.letters import BYTE_OF
from gristmill.tokenizer.patterns import PATTERNS, Pattern
from gristmill.tokenizer.special_tokens import END_OF_DOCUMENT

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CL100K = PATTERNS["gpt4"]
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")

ENCODINGS: dict[str, tuple[str, dict[str, int]]] = {
    "r50k_base": (PATTERNS["gpt2"], {END_OF_DOCUMENT: 50256}),
    "p50k_base": (PATTERNS["gpt2"], {END_OF_DOCUMENT: 50256}),
    "cl100k_base": (
        _CL100K,
        {END_OF_DOCUMENT: 100257, **{name: 100258 + i for i, name in enumerate(_FIM)}, "<|endofprompt|>": 100276},
    ),
    "o200k_base": (_O200K, {END_OF_DOCUMENT: 199999, "<|endofprompt|>": 200018}),
}
"""Pattern and special tokens of the encodings that OpenAI publishes: a rank file has neither (tiktoken_ext/openai_public.py)."""

SUFFIXES = (".tiktoken", ".bpe", "merges.txt")
"""How the names of files end that `read` takes."""


def read(path: str | Path) -> Tokenizer:
    """The tokenizer of a rank file (`.tiktoken`) or of GPT-2's merges (`vocab.bpe`, `merges.txt`).

    The pattern and special tokens of a rank file are those of the published encoding that its name says, or of the JSON
    file beside it that `tiktoken_files.save` writes. Raises ValueError for what is none of these.
    """
    path = Path(path)
    try:
        return _from_ranks(path) if path.suffix == ".tiktoken" else _from_merges(path)
    except (UnicodeDecodeError, binascii.Error, KeyError, IndexError) as error:
        kind = "rank file of tiktoken" if path.suffix == ".tiktoken" else "list of byte-level merges"
        raise ValueError(f"{path} is no {kind} ({type(error).__name__}: {error}).") from None


def _from_ranks(path: Path) -> Tokenizer:
    lines = [line.split() for line in path.read_bytes().splitlines() if line]
    if any(len(line) != 2 for line in lines):
        raise KeyError("a line is not a token and its rank")
    ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in lines}
    if missing := [byte for byte in range(256) if bytes([byte]) not in ranks]:
        raise ValueError(f"{path}: {len(missing)} single bytes have no rank, so it could not encode every text.")
    beside = path.with_suffix(".tiktoken.json")
    if beside.is_file():
        stored = json.loads(beside.read_text(encoding="utf-8"))
        expression, special = stored["pattern"], stored["special_tokens"]
    elif path.stem in ENCODINGS:
        expression, special = ENCODINGS[path.stem]
    else:
        raise ValueError(
            f"{path}: a rank file has neither pattern nor special tokens; name it after a published encoding "
            f"({', '.join(ENCODINGS)}), or put {beside.name} beside it: "
            '{"pattern": "...", "special_tokens": {"<|endoftext|>": 100257}}.'
        )
    # tiktoken joins two neighbours whenever their bytes have a rank, so every way to part a token's bytes is a merge.
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        parts = ((token[:i], token[i:]) for i in range(1, len(token)))
        known = [(ranks[a], ranks[b], a, b) for a, b in parts if a in ranks and b in ranks]
        merges += [(_letters(a), _letters(b)) for _, _, a, b in sorted(known)]
    vocabulary = {_letters(token): rank for token, rank in ranks.items()}
    return _tokenizer(vocabulary, merges, expression, special, ignore_merges=True)


def _from_merges(path: Path) -> Tokenizer:
    lines = path.read_text(encoding="utf-8").split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    if any(len(merge) != 2 for merge in merges):
        raise ValueError(f"{path} is no list of merges: a line has not two tokens.")
    letters = list(BYTE_OF)  # in GPT-2's order: what can be printed first
    tokens = dict.fromkeys([*letters, *(left + right for left, right in merges)])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return _tokenizer(vocabulary, merges, PATTERNS["gpt2"], {END_OF_DOCUMENT: len(vocabulary)})


def _tokenizer(
    vocabulary: dict[str, int],
    merges: list[tuple[str, str]],
    expression: str,
    special: dict[str, int],
    ignore_merges: bool = False,
) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(vocabulary | special, merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = Pattern(expression).pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    tokenizer.encode_special_tokens = True
    return tokenizer


_LETTER_OF = {byte: letter for letter, byte in BYTE_OF.items()}


def _letters(token: bytes) -> str:
    return "".join(map(_LETTER_OF.__getitem__, token))
