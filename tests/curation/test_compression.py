"""What a compressor makes of texts."""

import random

import pyarrow as pa

from gristmill.curation import compression
from gristmill.curation.compression import compressed_sizes
from gristmill.curation.features import measure


def ratios(*texts: str) -> list[float]:
    return measure(pa.array(texts)).table["compression_ratio"].to_pylist()


def test_repetition_makes_the_ratio_small_and_noise_keeps_it_at_one():
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=5000))
    empty, repeated, random_text = ratios("", "buy now " * 600, noise)
    assert empty == 0
    assert repeated < 0.02
    assert 0.98 < random_text < 1.02


def test_sizes_are_those_of_lz4_alone():
    texts = [b"", b"x", b"the mill and the mill and the mill", "é".encode() * 300]
    stream = b"".join(text + b"\n" for text in texts)
    offsets = [0]
    for text in texts:
        offsets.append(offsets[-1] + len(text) + 1)
    codec = pa.Codec("lz4_raw")
    expected = [codec.compress(text).size if text else 0 for text in texts]
    assert compressed_sizes(pa.py_buffer(stream), offsets) == expected


def test_a_long_text_is_compressed_piece_by_piece(monkeypatch):
    text = b"the mill and the river, " * 40
    monkeypatch.setattr(compression, "PIECE_BYTES", 100)
    codec = pa.Codec("lz4_raw")
    pieces = [text[place : place + 100] for place in range(0, len(text), 100)]
    expected = sum(codec.compress(piece).size for piece in pieces)
    assert compressed_sizes(pa.py_buffer(text + b"\n"), [0, len(text) + 1]) == [expected]
