"""How well a tokenizer fits a corpus: bytes per token, fertility, tokens that nobody uses, numbers, code.

Fertility is tokens per word, a word being what stands between white space; in Chinese, Japanese or Thai, where nothing
does, compare characters per token. Bits per byte are what a model costs that knows how often each token occurs and no
more: they make vocabularies of different sizes comparable where bytes per token always favours the larger.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from tokenizers import Tokenizer

from gristmill.tokenizer.bpe import digest
from gristmill.tokenizer.encoders import Encoder
from gristmill.tokenizer.letters import vocabulary_bytes

RARE = 10
"""A token is rare that occurs fewer times than this."""

LONGEST = 20
NUMBERS = (
    "7",
    "42",
    "365",
    "1984",
    "65536",
    "1000000",
    "1,000,000",
    "3.14159",
    "2026-11-30",
    "0.000012",
    "-17.5e-3",
    "१२३४",
)
INDENTS = {f"{n} spaces": "\n" + " " * n for n in (2, 4, 8, 12, 16)} | {f"{n} tabs": "\n" + "\t" * n for n in (1, 2, 4)}


@dataclass(frozen=True)
class Document:
    """A text and the groups that it counts in."""

    text: str
    source: str = ""
    language: str = ""
    kind: str = ""


@dataclass
class Tally:
    """Sums over some documents."""

    documents: int = 0
    bytes: int = 0
    characters: int = 0
    words: int = 0
    tokens: int = 0

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    def measures(self) -> dict[str, float | None]:
        """The sums, and `bytes_per_token`, `characters_per_token`, `fertility`; None where nothing can be divided."""
        per = {
            "bytes_per_token": self.bytes / self.tokens if self.tokens else None,
            "characters_per_token": self.characters / self.tokens if self.tokens else None,
            "fertility": self.tokens / self.words if self.words else None,
        }
        return {**asdict(self), **per}


@dataclass
class Measured:
    """What one tokenizer makes of a corpus."""

    vocab_size: int
    digest: str
    encoder: Encoder
    total: Tally = field(default_factory=Tally)
    groups: dict[str, dict[str, Tally]] = field(default_factory=lambda: {"source": {}, "language": {}, "kind": {}})
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """How often each id occurs."""

    def bits_per_byte(self) -> float | None:
        """Entropy of the tokens' frequencies, over bytes."""
        seen = self.counts[self.counts > 0]
        if not self.total.bytes or not len(seen):
            return None
        return float(-(seen * np.log2(seen / seen.sum())).sum() / self.total.bytes)


def measure(documents: Iterable[Document], tokenizers: Mapping[str, Tokenizer]) -> dict[str, Measured]:
    """What each of the tokenizers makes of the same documents, which are gone through once."""
    encoders = {name: Encoder(tokenizer) for name, tokenizer in tokenizers.items()}
    results = {}
    for name, tokenizer in tokenizers.items():
        size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        results[name] = Measured(tokenizer.get_vocab_size(), digest(tokenizer), encoders[name])
        results[name].counts = np.zeros(size, np.int64)
    for document in documents:
        text = document.text
        about = (1, len(text.encode(errors="replace")), len(text), len(text.split()))
        for name, encoder in encoders.items():
            result, ids = results[name], encoder.ids(text)
            tally = Tally(*about, tokens=len(ids))
            result.counts += np.bincount(ids, minlength=len(result.counts))
            result.total.add(tally)
            for group, members in result.groups.items():
                members.setdefault(getattr(document, group) or "-", Tally()).add(tally)
    return results


def summary(result: Measured, tokenizer: Tokenizer) -> dict[str, object]:
    """All about one tokenizer, as JSON."""
    known = vocabulary_bytes(tokenizer) or {
        i: token.encode() for token, i in tokenizer.get_vocab(with_added_tokens=False).items()
    }
    ids = np.array(sorted(known), np.int64)
    merged = ids[[len(known[i]) > 1 for i in ids.tolist()]]
    used = result.counts[merged]
    unused = merged[used == 0]
    longest = sorted(merged.tolist(), key=lambda i: (-len(known[i]), known[i]))[:LONGEST]
    encoder = result.encoder
    return {
        "vocab_size": result.vocab_size,
        "digest": result.digest,
        "library": encoder.name,
        "all": result.total.measures(),
        "unigram_bits_per_byte": result.bits_per_byte(),
        **{
            group: {name: tally.measures() for name, tally in sorted(members.items())}
            for group, members in result.groups.items()
        },
        "tokens_of_bytes": len(merged),
        "unused": len(unused),
        "rare": int(np.count_nonzero((used > 0) & (used < RARE))),
        "unused_examples": [_shown(known[i]) for i in unused[:LONGEST].tolist()],
        "longest": [
            {"token": _shown(known[i]), "bytes": len(known[i]), "count": int(result.counts[i])} for i in longest
        ],
        "numbers": {text: [_shown(known[i]) for i in encoder.ids(text).tolist()] for text in NUMBERS},
        "numbers_below_1000_of_one_token": sum(len(encoder.ids(str(n))) == 1 for n in range(1000)),
        "indents": {name: len(encoder.ids(text + "x")) - len(encoder.ids("x")) for name, text in INDENTS.items()},
    }


def truncated(tokenizer: Tokenizer, vocab_size: int) -> Tokenizer | None:
    """The tokenizer that the same training would have given at a smaller size: its first merges and no more.

    None where ids are not in the order of merges, so that the first ones cannot be told.
    """
    stored = json.loads(tokenizer.to_str())
    model = stored["model"]
    specials = {token["content"] for token in stored["added_tokens"]}
    merges, highest = [], -1
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        result = model["vocab"][left + right]
        if result >= vocab_size:
            break
        if result < highest and not any("".join(earlier) == left + right for earlier in merges):
            return None
        highest = max(highest, result)
        merges.append([left, right])
    if not merges:
        return None
    model["merges"] = merges
    model["vocab"] = {token: i for token, i in model["vocab"].items() if i < vocab_size or token in specials}
    smaller = Tokenizer.from_str(json.dumps(stored, ensure_ascii=False))
    smaller.encode_special_tokens = True
    return smaller


def sweep(documents: Sequence[Document], tokenizers: Mapping[int, Tokenizer]) -> list[dict[str, float | int | None]]:
    """Bytes per token and bits per byte by vocabulary size, from the smallest."""
    rows = []
    measured = measure(documents, {str(size): tokenizer for size, tokenizer in tokenizers.items()})
    for size in sorted(tokenizers):
        result = measured[str(size)]
        used = int(np.count_nonzero(result.counts))
        per = result.total.measures()
        rows.append(
            {
                "vocab_size": size,
                "bytes_per_token": per["bytes_per_token"],
                "fertility": per["fertility"],
                "unigram_bits_per_byte": result.bits_per_byte(),
                "used": used,
            }
        )
    return rows


def _shown(token: bytes) -> str:
    """A token as people read it: its text, or bytes where it is no text."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return token.decode(errors="backslashreplace")
