"""Real documents with edited copies among them, and how similar each pair truly is: what deduplication is judged by.

The similarity is that of word 5-grams, worked out by plain Python with no help from what it judges: words by a regular
expression, sets of strings, every pair above a threshold found by prefix filtering (Chaudhuri et al. 2006), which leaves
none out. A seed decides everything.
"""

import math
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

NGRAM_WORDS = 5

_APOSTROPHES = str.maketrans("\u2019\uff07", "''")
_SOLO = "[\u0e00-\u0e4f\u0e5a-\u0ecf\u0eda-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3021-\u30ff\u3105-\u312f\u3400-\u4dbf\u4e00-\u9fff]"
_SOUND = rf"(?:(?!{_SOLO})[^\W_])"
_WORD = re.compile(
    rf"{_SOLO}|{_SOUND}+(?:(?:(?<=[^\W\d_])['.](?=[^\W\d_])|(?<=\d)['.,](?=\d)|_(?={_SOUND})){_SOUND}+)*",
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

Edit = Callable[[str, random.Random, Sequence[str]], str]


# --- what is true ----------------------------------------------------------------------------------------------------


def words(text: str) -> list[str]:
    """The words of a text, without case and accents; of Thai, Khmer, Chinese or Japanese the letters, near enough.

    >>> words("Don't count 3.14 cafés!")
    ["don't", 'count', '3.14', 'cafes']
    """
    return _WORD.findall(_without_marks(text.translate(_APOSTROPHES)).casefold())


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    return "".join(
        c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) not in ("Mn", "Mc", "Me", "Cf")
    )


def shingles(text: str) -> frozenset[str]:
    """The word 5-grams of a text; all its words as one where there are fewer."""
    found = words(text)
    count = max(len(found) - NGRAM_WORDS + 1, min(len(found), 1))
    return frozenset(" ".join(found[place : place + NGRAM_WORDS]) for place in range(count))


def similarity(a: Collection[str], b: Collection[str]) -> float:
    """Exact Jaccard similarity of two sets; 0 for two empty ones.

    >>> similarity({"x", "y"}, {"y", "z"})
    0.3333333333333333
    """
    common = len(set(a) & set(b))
    return common / (len(a) + len(b) - common) if common else 0.0


def similar_pairs(texts: Sequence[str], at_least: float) -> dict[tuple[int, int], float]:
    """Every pair of texts, the smaller number first, that is similar by `at_least` or more, and how similar it is.

    The rarest shingles of a text stand first. Two sets that similar have one in common among the first n - ceil(t n) + 1
    of each.
    """
    sets = [shingles(text) for text in texts]
    frequency = Counter(shingle for one in sets for shingle in one)
    index: dict[str, list[int]] = defaultdict(list)
    found: dict[tuple[int, int], float] = {}
    for here in sorted(range(len(texts)), key=lambda number: len(sets[number])):
        size = len(sets[here])
        prefix = size - math.ceil(at_least * size - 1e-9) + 1 if size else 0
        first = sorted(sets[here], key=lambda shingle: (frequency[shingle], shingle))[:prefix]
        for other in {other for shingle in first for other in index[shingle]}:
            if len(sets[other]) >= at_least * size - 1e-9:
                score = similarity(sets[here], sets[other])
                if score >= at_least:
                    found[min(here, other), max(here, other)] = score
        for shingle in first:
            index[shingle].append(here)
    return found


@dataclass(frozen=True)
class Judgement:
    """What became of documents, beside what should have."""

    pairs: int
    """Pairs that are similar."""
    missed: tuple[tuple[int, int], ...]
    """Those of which both documents are still there."""
    removed: int
    wrong: tuple[int, ...]
    """Documents removed though none that is similar to them was kept."""

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.pairs if self.pairs else 1.0

    @property
    def precision(self) -> float:
        return 1 - len(self.wrong) / self.removed if self.removed else 1.0


def judged(pairs: Iterable[tuple[int, int]], kept: Collection[int], num_documents: int) -> Judgement:
    """Recall over similar pairs, precision over removed documents; it asks only what a tool has kept, so all can be judged.

    >>> found = judged([(0, 1), (1, 2)], kept={0, 2}, num_documents=4)
    >>> found.recall, found.precision
    (1.0, 0.5)
    """
    pairs, kept = list(pairs), set(kept)
    vouched = {a for a, b in pairs if b in kept} | {b for a, b in pairs if a in kept}
    removed = [number for number in range(num_documents) if number not in kept]
    missed = tuple((a, b) for a, b in pairs if a in kept and b in kept)
    return Judgement(len(pairs), missed, len(removed), tuple(number for number in removed if number not in vouched))


# --- what is planted -------------------------------------------------------------------------------------------------


def change_words(text: str, rng: random.Random, vocabulary: Sequence[str], rate: float) -> str:
    """A share of the words, one at least, replaced, left out or preceded by another one; white space stays."""
    pieces = re.split(r"(\s+)", text)
    places = [place for place, piece in enumerate(pieces) if piece and not piece.isspace()]
    for place in rng.sample(places, min(len(places), max(1, round(rate * len(places))))):
        other = rng.choice(vocabulary)
        pieces[place] = rng.choice((other, "", f"{other} {pieces[place]}"))
    return "".join(pieces)


def move_sentences(text: str, rng: random.Random, vocabulary: Sequence[str], share: float) -> str:
    """A share of the sentences, one at least, somewhere else."""
    sentences = _SENTENCE_END.split(text)
    for _ in range(max(1, round(share * len(sentences)))):
        moved = sentences.pop(rng.randrange(len(sentences)))
        sentences.insert(rng.randrange(len(sentences) + 1), moved)
    return " ".join(sentences)


def reorder_paragraphs(text: str, rng: random.Random, vocabulary: Sequence[str]) -> str:
    """All paragraphs, or stretches of four sentences where there are none, in another order."""
    parts = [part for part in text.split("\n\n") if part.strip()]
    if len(parts) < 3:
        sentences = _SENTENCE_END.split(text)
        parts = [" ".join(sentences[place : place + 4]) for place in range(0, len(sentences), 4)]
    rng.shuffle(parts)
    return "\n\n".join(parts)


def truncate(text: str, rng: random.Random, vocabulary: Sequence[str], share: float) -> str:
    """The first words only."""
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    return text[: ends[max(0, round(share * len(ends)) - 1)]] if ends else text


def redress(text: str, rng: random.Random, vocabulary: Sequence[str]) -> str:
    """The same words, set otherwise: all capitals, typographic apostrophes, one line."""
    return " ".join(text.upper().replace("'", "\u2019").split())


def surround(text: str, rng: random.Random, vocabulary: Sequence[str], share: float) -> str:
    """With a notice of its own before and behind, so many words in all by those that it has."""
    length = max(1, round(share * len(text.split()) / 2))
    before, behind = (" ".join(rng.choices(vocabulary, k=length)) for _ in range(2))
    return f"{before}.\n\n{text}\n\n{behind}."


EDITS: Mapping[str, Edit] = {
    "nothing": lambda text, rng, vocabulary: text,
    "case and apostrophes": redress,
    **{
        f"{rate:.1%} of words": partial(change_words, rate=rate) for rate in (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
    },
    **{f"{share:.0%} of sentences moved": partial(move_sentences, share=share) for share in (0.05, 0.2, 0.5)},
    "paragraphs reordered": reorder_paragraphs,
    **{f"first {share:.0%}": partial(truncate, share=share) for share in (0.97, 0.9, 0.82, 0.7, 0.5)},
    **{f"{share:.0%} boilerplate": partial(surround, share=share) for share in (0.05, 0.2, 0.4)},
}
"""What is done to copies, by name. What it means for the similarity depends on the text, and is worked out."""


@dataclass(frozen=True)
class Planted:
    """Documents, some of which were made of others."""

    texts: list[str]
    edit: list[str]
    """What was done, `original` for nothing yet."""
    origin: list[int]
    """Number of the document that it was made of, its own for an original."""


def plant(originals: Sequence[str], seed: int, copies: int = 3, chains: int = 2, frames: int = 2) -> Planted:
    """The originals and, in a random order among them, so many edited copies of each on average, by all `EDITS` in turn.

    Besides `chains` of ten successive edits, and `frames`: the same 120 words around pieces of twenty originals each.
    """
    rng = random.Random(seed)
    vocabulary = [word for text in originals for word in text.split()]
    made = [(text, "original", number) for number, text in enumerate(originals)]
    names = list(EDITS)
    for number in range(copies * len(originals)):
        origin = rng.randrange(len(originals))
        name = names[number % len(names)]
        made.append((EDITS[name](originals[origin], rng, vocabulary), name, origin))
    for _ in range(chains):
        origin = rng.randrange(len(originals))
        made += [
            (text, "chain", origin) for text in chain(originals[origin], 10, 0.01, rng.randrange(1 << 30), vocabulary)
        ]
    for _ in range(frames):
        frame = rng.choices(vocabulary, k=120)
        chosen = rng.sample(range(len(originals)), min(20, len(originals)))
        made += [(framed(frame, originals[origin].split()[:60]), "frame", origin) for origin in chosen]
    order = list(range(len(made)))
    rng.shuffle(order)
    place = {number: place for place, number in enumerate(order)}
    texts, edits, origins = zip(*(made[number] for number in order), strict=True)
    return Planted(list(texts), list(edits), [place[origin] for origin in origins])


def chain(text: str, steps: int, rate: float, seed: int, vocabulary: Sequence[str]) -> Iterator[str]:
    """A text after one edit, after two, and so on: neighbours are alike, the ends are not."""
    rng = random.Random(seed)
    for _ in range(steps):
        text = change_words(text, rng, vocabulary, rate)
        yield text


def framed(frame: Sequence[str], content: Sequence[str]) -> str:
    """A page from a template: content between the two halves of a frame."""
    half = len(frame) // 2
    return "\n\n".join(" ".join(part) for part in (frame[:half], content, frame[half:]))


def library_texts(num_words: int = 150, at_most: int = 400) -> list[str]:
    """Real texts where no samples are: Python's own documentation, which its library carries, in pieces."""
    from pydoc_data.topics import topics

    found = []
    for name in sorted(topics):
        pieces = [match.end() for match in re.finditer(r"\S+", topics[name])]
        starts = [0, *pieces[num_words - 1 :: num_words]]
        found += [topics[name][a:b].strip() for a, b in pairwise(starts)]
    return found[:at_most]
