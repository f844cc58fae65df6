"""Runs datatrove's filters over texts: `python filter_tools.py COMMAND SPLITTER IN OUT`, in the peers' environment.

IN is JSON lines of {"text": ..., "language": ...}. COMMAND is

- `time`: OUT becomes {"all": [processor s, wall s], "chain": [...]}. `all` asks each filter about each
  text and signs each; `chain` lets a text that is dropped out of the rest, as a pipeline does. Imports and the first
  texts to warm up are not counted, and nothing is written to a disk.
- `decide`: OUT becomes JSON lines, for each text the value of every rule by datatrove's own helper functions: its filters
  stop at the first reason, which would leave all later rules unseen. What the filters themselves say stands beside it.

SPLITTER is `spacy` (datatrove's own), or `light`, a regular expression in its place.
"""

import json
import re
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import fmean

WARM_UP = 3
"""Texts before the clock starts."""

SHINGLES = {"n_grams": 5, "num_buckets": 14, "hashes_per_bucket": 8}
"""What FineWeb signs with, and datatrove's defaults."""


class LightSplitter:
    """Words and sentences by one regular expression each."""

    words = re.compile(r"\w+|[^\w\s]")
    sentence_end = re.compile(r"[.!?]+\s+")

    def word_tokenize(self, text: str) -> list[str]:
        return self.words.findall(text)

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        edges = [0, *(match.end() for match in self.sentence_end.finditer(text)), len(text)]
        return [(start, end) for start, end in pairwise(edges) if start < end]


def use_light_splitter() -> None:
    from datatrove.pipeline.dedup import minhash
    from datatrove.utils import word_tokenizers

    splitter = LightSplitter()
    word_tokenizers.load_word_tokenizer = minhash.load_word_tokenizer = lambda language: splitter


def filters() -> list:
    """The four filters as FineWeb uses them: of C4's rules all but the one on terminal punctuation."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    c4 = C4QualityFilter(filter_no_terminal_punct=False)
    return [GopherRepetitionFilter(), GopherQualityFilter(), c4, FineWebQualityFilter()]


def signer(folder: str):
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig

    return MinhashDedupSignature(folder, MinhashConfig(**SHINGLES))


def timed(texts: list[str], folder: str) -> dict[str, list[float]]:
    """Seconds for all texts in both ways of asking."""
    from datatrove.data import Document

    steps, step = filters(), signer(folder)

    def run(stops: bool, chosen: list[str]) -> None:
        for text in chosen:
            document = Document(text=text, id="")
            said = (answer(filter_, document) is True for filter_ in steps)
            if all(said) if stops else list(said):
                shingles = step.get_shingles(document.text)
                if shingles.size:
                    step.get_signature(shingles)

    result: dict[str, list[float]] = {}
    for name, stops in (("all", False), ("chain", True)):
        run(stops, texts[:WARM_UP])
        cpu, wall = time.process_time(), time.perf_counter()
        run(stops, texts)
        result[name] = [time.process_time() - cpu, time.perf_counter() - wall]
    return result


def answer(step, document) -> bool | str:
    """True, or the reason for which a filter drops a document; what it raises counts as one."""
    try:
        said = step.filter(document)
    except Exception as error:  # datatrove divides by a number of words that may be 0
        return type(error).__name__
    return said[1] if isinstance(said, tuple) else said


# Values of all rules, by the labels that Gristmill gives them


def decided(text: str, language: str) -> dict[str, object]:
    """The value of every rule, the reasons of the four filters, and the text without the lines that C4's rules remove."""
    from datatrove.data import Document

    values = gopher_repetition(text, language) | gopher_quality(text, language)
    values |= {f"fineweb.{name}": value for name, value in fineweb(text, language).items()}
    rewritten = {}
    for preset, variant, terminal in (("c4", "c4", True), ("fineweb after cuts", "fineweb", False)):
        found, rewritten[variant] = c4(text, language, terminal)
        values |= {f"{preset}.{name}": value for name, value in found.items()}
    values |= {f"fineweb after cuts.{name}": value for name, value in fineweb(rewritten["fineweb"], language).items()}
    reasons = [answer(step, Document(text=text, id="")) for step in filters()]
    return {"values": values, "reasons": reasons, "texts": rewritten}


def gopher_repetition(text: str, language: str) -> dict[str, float | None]:
    from datatrove.pipeline.filters import gopher_repetition_filter as gopher
    from datatrove.utils.text import split_into_words

    chars = len(text)
    paragraphs, lines = re.split(r"\n{2,}", text.strip()), re.split("\n+", text)
    values = {}
    for name, parts in (("para", paragraphs), ("line", lines)):
        elements, duplicate_chars = gopher.find_duplicates(parts)
        values[f"gopher.dup_{name}_frac"] = elements / len(parts)
        values[f"gopher.dup_{name}_char_frac"] = share(duplicate_chars, chars)
    words = split_into_words(text, language)
    for n in (2, 3, 4):
        grams = gopher.get_n_grams(words, n)
        values[f"gopher.top_{n}_gram"] = share(gopher.find_top_duplicate(grams), chars) if grams else 0.0
    for n in range(5, 11):
        values[f"gopher.dup_{n}_gram"] = share(gopher.find_all_duplicate(words, n), chars)
    return values


def gopher_quality(text: str, language: str) -> dict[str, float | None]:
    from datatrove.pipeline.filters.gopher_quality_filter import STOP_WORDS
    from datatrove.utils.text import PUNCTUATION_SET, split_into_words

    words = split_into_words(text, language)
    lengths = [len(word) for word in words if not PUNCTUATION_SET.issuperset(word)]
    lines = [line.strip() for line in text.splitlines()]
    mean_length = fmean(lengths) if lengths else None
    return {
        "gopher.min_words": len(lengths),
        "gopher.max_words": len(lengths),
        "gopher.min_mean_word_length": mean_length,
        "gopher.max_mean_word_length": mean_length,
        "gopher.max_hash_ratio": share(text.count("#"), len(words)),
        "gopher.max_ellipsis_ratio": share(text.count("...") + text.count("…"), len(words)),
        "gopher.max_bullet_lines": share(sum(line.startswith(("•", "-")) for line in lines), len(lines)),
        "gopher.max_ellipsis_lines": share(sum(line.endswith(("...", "…")) for line in lines), len(lines)),
        "gopher.min_alpha_words": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "gopher.min_stop_words": len(set(STOP_WORDS) & set(words)),
    }


def c4(text: str, language: str, terminal: bool) -> tuple[dict[str, float], str]:
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4QualityFilter, c4_filters

    counts: list[int] = []
    split = c4_filters.split_into_sentences

    def counted(line: str, language: str) -> list[str]:
        sentences = split(line, language)
        counts.append(len(sentences))
        return sentences

    def asked(**options: object) -> tuple[bool | str, str]:
        document = Document(text=text, id="")
        return answer(C4QualityFilter(filter_no_terminal_punct=terminal, language=language, **options), document), (
            document.text
        )

    c4_filters.split_into_sentences = counted
    try:
        _, rewritten = asked(min_num_sentences=0, filter_lorem_ipsum=False, filter_curly_bracket=False)
    finally:
        c4_filters.split_into_sentences = split
    lorem, _ = asked(min_num_sentences=-1, filter_curly_bracket=False)
    curly, _ = asked(min_num_sentences=-1, filter_lorem_ipsum=False)
    values = {"no_lorem_ipsum": int(lorem is not True), "no_curly_bracket": int(curly is not True)}
    return values | {"min_sentences": sum(counts)}, rewritten


def fineweb(text: str, language: str) -> dict[str, float | None]:
    from datatrove.pipeline.filters.gopher_repetition_filter import find_duplicates
    from datatrove.utils.text import TERMINAL_PUNCTUATION, split_into_words

    lines = [line for line in text.split("\n") if line.strip() != ""]
    stops = tuple(TERMINAL_PUNCTUATION)
    return {
        "min_lines": len(lines),
        "min_line_punct": share(sum(line.endswith(stops) for line in lines), len(lines)),
        "max_short_lines": share(sum(len(line) <= 30 for line in lines), len(lines)),
        "max_char_dup": share(find_duplicates(lines)[1], len(text.replace("\n", ""))),
        "max_newlines": share(text.count("\n"), len(split_into_words(text, language))),
    }


def share(part: float, whole: float) -> float | None:
    """None where datatrove would divide by zero."""
    return part / whole if whole else None


def main() -> None:
    command, splitter, source, out = sys.argv[1:]
    if splitter == "light":
        use_light_splitter()
    documents = [json.loads(line) for line in Path(source).read_text(encoding="utf-8").splitlines()]
    if command == "time":
        Path(out).write_text(json.dumps(timed([document["text"] for document in documents], str(Path(out).parent))))
        return
    with Path(out).open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(decided(document["text"], document["language"])) + "\n")


if __name__ == "__main__":
    main()
