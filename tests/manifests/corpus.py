"""A small corpus made of words drawn at random: what tests of whole runs read."""

import json
import random
from pathlib import Path

WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "that",
    "was",
    "with",
    "his",
    "for",
    "had",
    "not",
    "but",
    "from",
    "which",
    "this",
    "have",
    "they",
    "all",
    "one",
    "her",
    "were",
    "when",
    "said",
    "there",
    "been",
    "into",
    "who",
    "more",
    "their",
    "some",
    "would",
    "about",
    "them",
    "time",
    "could",
    "then",
    "other",
    "like",
    "our",
    "may",
    "these",
    "two",
    "over",
    "after",
    "such",
    "first",
    "water",
    "river",
    "mountain",
    "house",
    "light",
    "paper",
    "stone",
    "garden",
    "letter",
    "window",
    "journey",
    "winter",
    "summer",
    "morning",
    "evening",
    "people",
    "country",
    "village",
    "market",
    "music",
    "story",
    "question",
    "answer",
    "reason",
    "history",
    "science",
    "number",
    "language",
    "memory",
]


def sentence(rng: random.Random) -> str:
    words = [rng.choice(WORDS) for _ in range(rng.randint(8, 16))]
    return " ".join(words).capitalize() + "."


def document(seed: int, sentences: int = 12) -> str:
    """A text of paragraphs that the default rules keep; different for every seed."""
    rng = random.Random(seed)
    return "\n\n".join(" ".join(sentence(rng) for _ in range(4)) for _ in range(sentences // 4))


def write_jsonl(path: Path, texts: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


MANIFEST = """\
name: small
seed: 5
sources:
  news:
    kind: text
    paths: [news/*.jsonl]
    filters: {gopher_quality: {min_words: 50}}
    weight: 0.5
    max_epochs: 2
  letters: {kind: text, paths: [letters/*.jsonl], weight: 0.5, max_epochs: 2}
curate:
  languages: null
  dedup: {prefer: [letters]}
  pii: {email: mask, ip: mask}
tokenizer: {vocab_size: 400}
mixture: {tokens: 6000, validation: 0.1}
pack: {seq_length: 64}
"""


def make(folder: Path) -> Path:
    """A folder with raw files and `small.yaml`; gives the manifest's path."""
    write_jsonl(folder / "news/a.jsonl", [document(i) for i in range(20)] + ["too short to keep"])
    write_jsonl(folder / "news/b.jsonl", [document(i) for i in range(20, 40)] + [document(101)])
    write_jsonl(
        folder / "letters/c.jsonl",
        [document(i) for i in range(100, 130)] + [document(140) + " Write to jo@farm.org."],
    )
    (folder / "small.yaml").write_text(MANIFEST)
    return folder / "small.yaml"
