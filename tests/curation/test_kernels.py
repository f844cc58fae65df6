"""The compiled loops give what a few lines of plain Python give, for every width of characters."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import count_kernels, minhash, text_kernels, words
from gristmill.curation.lines import marks
from gristmill.curation.minhash import SignatureParams
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS, ngram_repetition, occurrences

ALPHABETS = ("ab", "abcd", "abcdefghijklmnop")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@given(st.lists(st.integers(0, 127), max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_the_hash_of_a_span_is_that_of_prefix_sums(dtype, codes, start, end):
    codes = np.array(codes, dtype=dtype)
    start, end = sorted((min(start, len(codes)), min(end, len(codes))))
    expected = words.SpanHasher(codes)(np.array([start]), np.array([end]))[0]
    assert text_kernels.hash_of_span(codes, start, end) == expected


def repetition_by_hand(tokens: str) -> dict[str, int]:
    chars = {}
    for n in range(2, 11):
        ngrams = [tokens[place : place + n] for place in range(len(tokens) - n + 1)]
        if n in TOP_NGRAMS:
            top = max(ngrams, key=ngrams.count, default=None)
            chars[f"top_{n}_gram_chars"] = ngrams.count(top) * (sum(map(length, top)) + n - 1) if top else 0
        if n in DUPLICATE_NGRAMS:
            counted = onward = 0
            for place, ngram in enumerate(ngrams):
                if place >= onward and ngrams.index(ngram) < place:
                    counted += sum(map(length, ngram))
                    onward = place + n
            chars[f"dup_{n}_gram_chars"] = counted
    return chars


def length(token: str) -> int:
    return 1 + ord(token) % 5


@given(st.lists(st.one_of(*(st.text(alphabet, max_size=60) for alphabet in ALPHABETS)), min_size=1, max_size=5))
def test_repeated_ngrams_are_those_of_each_document_by_hand(documents):
    token_type = np.array([ord(token) - ord("a") for token in "".join(documents)], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, documents)])
    first, counts = occurrences(token_type, offsets, 26)
    lengths = np.array([length(chr(ord("a") + kind)) for kind in range(26)])
    found = ngram_repetition(first, counts, token_type, lengths, offsets)
    by_hand = [repetition_by_hand(document) for document in documents]
    assert {name: values.tolist() for name, values in found.items()} == {
        name: [each[name] for each in by_hand] for name in found
    }


PIECES = ["Use Cookies", "use of cookies", "cookie policy", "JAVASCRIPT", "java", "script", "terms of use", "of", "use"]
PIECES += ["privacy policy", "lorem ipsum", "Lorem", " ", "  ", "\n", "é", "水", "😀", "{", "K", "\x00", "cookies", "İ"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_phrases_mark_the_lines_that_have_them_in_any_case(text):
    block = f"{text}\n".encode()
    codes = words.code_points(block)
    _, lines, _ = words.scan(codes)
    found, _ = marks(block, codes, lines)
    small = [line.lower() for line in block.split(b"\n")[:-1]]  # of bytes: ASCII letters alone
    notices = [b"javascript", b"terms of use", b"privacy policy", b"cookie policy"]
    notices += [b"uses cookies", b"use of cookies", b"use cookies"]
    assert found.cut_phrase.tolist() == [any(phrase in line for phrase in notices) for line in small]
    assert found.lorem_ipsum.tolist() == [b"lorem ipsum" in line for line in small]
    assert found.curly_bracket.tolist() == [b"{" in line for line in small]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_a_signature_has_the_smallest_value_of_each_permutation(sizes):
    params = SignatureParams(num_perm=19, seed=3)
    hashes = words.mixed(np.arange(sum(sizes), dtype=np.uint64) + np.uint64(len(sizes)))
    offsets = np.cumsum([0, *sizes])
    multiply, add = minhash.permutations(params)
    permuted = (hashes >> np.uint64(32)).astype(np.uint32)[:, None] * multiply + add
    expected = [permuted[begin:end].min(axis=0, initial=minhash.NO_SHINGLES) for begin, end in pairwise(offsets)]
    assert minhash.signatures(hashes, offsets, params).tolist() == [row.tolist() for row in expected]


def test_keys_that_collide_under_every_multiplier_that_is_tried_first_are_told_apart():
    golden = int(count_kernels.GOLDEN)
    keys = np.array(
        [number * pow(golden, -power, 1 << 64) % 2**64 for power in (1, 2, 3) for number in range(2000)],
        dtype=np.uint64,
    )
    number, places = count_kernels.numbered(keys)
    _, first = np.unique(keys, return_index=True)
    assert np.array_equal(places, np.sort(first))
    assert np.array_equal(keys[places][number], keys)
