"""Time and memory grow as a text grows, and no faster; memory follows neither the batch nor the longest text."""

import random
import time
import tracemalloc

import pyarrow as pa
import pytest

from gristmill.curation.features import measure

_RANDOM = random.Random(7)
_VOCABULARY = ["".join(_RANDOM.choices("etaoinshrdlucmfw", k=_RANDOM.randint(2, 9))) for _ in range(20_000)]


def prose(num_chars: int) -> str:
    """Words with about the frequencies of a language (Zipf), in sentences and lines."""
    words, size = [], 0
    while size < num_chars:
        word = _VOCABULARY[min(int(_RANDOM.paretovariate(0.6)), len(_VOCABULARY) - 1)]
        words.append(word + ".\n" if _RANDOM.random() < 0.02 else word)
        size += len(words[-1]) + 1
    return " ".join(words)[:num_chars]


MONSTERS = {
    "two symbols in turn": "!?",
    "one word": "abcdefghij",
    "blank lines": "\n",
    "one character": "a",
    "combining marks": "\u0301",
    "short lines": "a\n",
    "two words": "a b ",
    "citations": "[1]",
    "NULs": "\x00",
    "emoji": "😀😁",
    "one line again and again": "the mill and the river\n",
    "Khmer": "ក្រុម",
}


def cpu_time(texts: list[str]) -> float:
    batch, best = pa.array(texts), float("inf")
    for _ in range(3):
        start = time.process_time()
        measure(batch)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("unit", MONSTERS.values(), ids=MONSTERS)
def test_a_monster_four_times_as_long_takes_about_four_times_as_long(unit):
    short, long = (unit * (size // len(unit.encode())) for size in (150_000, 600_000))
    assert cpu_time([long]) < 10 * cpu_time([short])  # 16 times, if it were quadratic


def test_one_long_text_takes_no_more_than_the_same_in_short_ones():
    text = prose(2_000_000)
    pieces = [text[place : place + 1000] for place in range(0, len(text), 1000)]
    assert cpu_time([text]) < 3 * cpu_time(pieces)


def peak_bytes(texts: list[str]) -> tuple[int, int]:
    """The most that Python and NumPy held while measuring, without and with the result; compiled loops keep less for
    themselves than the arrays that they are given."""
    batch = pa.array(texts)
    tracemalloc.start()
    try:
        result = measure(batch, variants=False)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del result
    return peak - held, peak


def test_memory_does_not_grow_with_the_batch():
    texts = [prose(5000) for _ in range(300)]
    once, _ = peak_bytes(texts)
    thrice, _ = peak_bytes(texts * 3)
    assert thrice < 1.3 * once


def test_a_long_text_needs_a_small_multiple_of_its_size():
    _, peak = peak_bytes([prose(4_000_000)])
    assert peak < 6 * 4_000_000


@pytest.mark.parametrize("unit", MONSTERS.values(), ids=MONSTERS)
def test_a_byte_more_of_a_monster_needs_no_more_than_a_hundred_bytes_more(unit):
    _, short = peak_bytes([unit * (600_000 // len(unit.encode()))])
    _, long = peak_bytes([unit * (1_600_000 // len(unit.encode()))])
    assert long - short < 100 * 1_000_000
