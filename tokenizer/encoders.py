"""Texts to token ids by the fastest library that gives the ids of `tokenizers`.

`tokenizers` says what the ids are. gigatoken gives the same ones some thirty times faster but is young and knows a list of
pre-tokenizer patterns; tiktoken is three times as fast and takes any pattern that both regex engines understand alike.
So an encoder begins with the first of them that gives the ids of `tokenizers` on hostile text, and whoever encodes goes
on comparing a sample: `Encoder.next_library` moves to the next library where that differs.
"""

import json
import logging
import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.metadata import version as installed

import numpy as np
import psutil
from tokenizers import Tokenizer

from gristmill.tokenizer.bpe import digest
from gristmill.tokenizer.letters import vocabulary_bytes
from gristmill.tokenizer.pieces import PIECE_CHARS, pieces

CACHE_BYTES = 512 * 2**20
"""gigatoken remembers every pre-token that it has seen, for ever: above so much it forgets them all."""

WARM_BYTES = 64 * 2**20
"""But not before it has encoded so much: a cold cache is five times slower than a warm one."""

log = logging.getLogger(__name__)

Ids = np.ndarray
"""uint32[N]: the ids of one text."""


class Encoder:
    """Gives the ids of texts, by the library `name`; the same ids whichever that is.

    Special tokens in a text are ordinary text; nothing is added. A text longer than a million characters is encoded in
    pieces, cut where its ids stay the same (pieces.py). For one thread.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        if not tokenizer.encode_special_tokens:
            raise ValueError(
                "this tokenizer would encode a text's '<|endoftext|>' as the end of a document; open it with bpe.load."
            )
        self.tokenizer = tokenizer
        self.digest = digest(tokenizer)
        self.byte_counts = byte_counts(tokenizer)
        """Bytes of text that each id stands for; None if the tokenizer is not byte-level."""
        self._hostile = hostile_texts(tokenizer)
        self._libraries = iter(LIBRARIES.items())
        self.next_library()

    def next_library(self) -> None:
        """Go on with the next library that gives the ids of `tokenizers` on hostile text; the last one is tokenizers."""
        for name, make in self._libraries:
            self.name = name
            try:
                self._encode = make(self.tokenizer)
            except Exception as error:  # gigatoken and tiktoken raise what they like for what they do not know
                log.info("%s does not read this tokenizer: %s", self.name, error)
                continue
            if self.name == "tokenizers" or not self.differing(self._hostile):
                return
            log.warning("%s %s gives other ids than tokenizers; it is not used", self.name, installed(self.name))

    def ids(self, text: str) -> Ids:
        """The ids of a text, uint32[N]."""
        if len(text) <= PIECE_CHARS:
            return self._encode(text)
        return np.concatenate([self._encode(piece) for piece in self.pieces(text)])

    def pieces(self, text: str, limit: int = PIECE_CHARS) -> Iterator[str]:
        """The text in pieces whose ids are, one after another, those of the text."""
        return pieces(text, limit, self._safe)

    def reference(self, text: str) -> Ids:
        """The ids that `tokenizers` gives a text of at most a million characters, uint32[N]."""
        return _by_tokenizers(self.tokenizer)(text)

    def differing(self, texts: list[str]) -> list[str]:
        """Those of the texts to which the library gives other ids than `tokenizers`."""
        return [text for text in texts if not np.array_equal(self.ids(text), self.reference(text))]

    def _safe(self, left: str, right: str) -> bool:
        both, first, second = (self._encode(text) for text in (left + right, left, right))
        return np.array_equal(both, np.concatenate([first, second]))


def encoder_of(tokenizer: Tokenizer) -> Encoder:
    """The encoder of a tokenizer; the last one is kept, for its caches make the next shard several times faster."""
    if not tokenizer.encode_special_tokens:
        return Encoder(tokenizer)  # which says what is wrong
    return _kept(digest(tokenizer), _Hidden(tokenizer))


class _Hidden:
    """Carries a tokenizer past the cache's key."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=1)
def _kept(key: str, hidden: _Hidden) -> Encoder:
    return Encoder(hidden.tokenizer)


class _Gigatoken:
    """gigatoken's encoder with its memory bounded."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        stored = json.loads(tokenizer.to_str())
        # gigatoken has no switch for special tokens in a text; without their entries they are text.
        stored["added_tokens"] = [token for token in stored["added_tokens"] if not token["special"]]
        self._json = json.dumps(stored)
        self._process = psutil.Process()
        self._start()

    def _start(self) -> None:
        from gigatoken import Tokenizer as Gigatoken

        self._encoder = None  # frees the old one's cache before the new one is measured
        self._encoder = Gigatoken.from_json(self._json)
        self._encode = self._encoder.encode
        self._before = self._process.memory_info().rss
        self._unchecked = 0

    def __call__(self, text: str) -> Ids:
        self._unchecked += len(text)
        if self._unchecked > WARM_BYTES:
            if self._process.memory_info().rss - self._before > CACHE_BYTES:
                self._start()
            self._unchecked = 0
        return self._encode(text)


def _by_tiktoken(tokenizer: Tokenizer) -> Callable[[str], Ids]:
    from tiktoken import Encoding

    from gristmill.tokenizer.tiktoken_files import pattern, ranks

    encoding = Encoding("gristmill", pat_str=pattern(tokenizer), mergeable_ranks=ranks(tokenizer), special_tokens={})
    return lambda text: np.asarray(encoding.encode_to_numpy(text, disallowed_special=()), np.uint32)


def _by_tokenizers(tokenizer: Tokenizer) -> Callable[[str], Ids]:
    # A batch of one: of the two functions it is the one that keeps no offsets.
    return lambda text: np.array(tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids, np.uint32)


LIBRARIES: dict[str, Callable[[Tokenizer], Callable[[str], Ids]]] = {
    "gigatoken": _Gigatoken,
    "tiktoken": _by_tiktoken,
    "tokenizers": _by_tokenizers,
}
"""What makes an encoding function of a tokenizer, fastest first; each may raise for a tokenizer that it cannot read."""

_PARTS = (
    *("a", "The", " the", "THE", "ß", "磨", "坊", "한", "ไทย", "א", "ع", "é", "e\u0301", "ǅ", "ª", "ⅷ", "²", "½", "१२"),
    *(
        "1",
        "12",
        "123",
        "1234",
        "1,000",
        "3.14",
        "'s",
        "'S",
        "'ll",
        "'LL",
        "n't",
        "’s",
        "'ſ",
        "K",
        "_",
        "__",
        "-",
        "--",
    ),
    *(".", "...", ",", '."', ")", "==", "====", "//", "#", "\\", "$", "€", "©", "\n", "\n\n", "\n\n\n", "\r\n", "\r"),
    *(
        " ",
        "  ",
        "    ",
        "        ",
        "\t",
        "\t\t",
        "\u00a0",
        "\u2003",
        "\u3000",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x1f",
        "\x85",
    ),
    *(
        "\u200b",
        "\u200d",
        "\ufeff",
        "\u2028",
        "\u2029",
        "\x00",
        "\x7f",
        "🌾",
        "👩\u200d🌾",
        "🇧🇬",
        "\U0010ffff",
        "\ue000",
    ),
    *("<|endoftext|>", "<|end", "|>", "def f(x):\n    return x\n", "https://a.b/c?d=e&f", "aaaaaaaaaaaaaaaaaaaaaaaa"),
)


def hostile_texts(tokenizer: Tokenizer) -> list[str]:
    """Some hundred texts, always the same, of whatever libraries are known to split differently."""
    chance = random.Random(17)
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    parts = [*_PARTS, *added[:20]]
    mixed = ["".join(chance.choices(parts, k=chance.randint(2, 40))) for _ in range(200)]
    alphabet = "".join(chr(c) for c in range(0x3000) if not 0xD800 <= c < 0xE000)
    return [*parts, *mixed, *(alphabet[i : i + 512] for i in range(0, len(alphabet), 512))]


def byte_counts(tokenizer: Tokenizer) -> np.ndarray | None:
    """int64[highest id + 1]: the bytes of text that each token stands for; None if the tokenizer is not byte-level.

    Over the ids of a text they add up to its bytes in UTF-8.
    """
    known = vocabulary_bytes(tokenizer)
    if known is None:
        return None
    counts = np.zeros(max(known) + 1, np.int64)
    counts[list(known)] = [len(value) for value in known.values()]
    return counts
