import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gristmill.tokenizer.sample
from gristmill.tokenizer.sample import Shard, budgets, held_out, sample
from gristmill.tokenizer.training import TokenizerParams

SIZES = st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 10**12), max_size=6)


def test_the_worked_example_holds():
    assert doctest.testmod(gristmill.tokenizer.sample).failed == 0


@given(SIZES, st.integers(1, 10**10), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_budgets_spend_what_there_is_and_no_source_gives_more_than_it_has(sizes, sample_bytes, exponent):
    result = budgets(sizes, sample_bytes, exponent)
    assert set(result) == set(sizes)
    assert all(0 <= result[source] <= sizes[source] for source in sizes)
    expected = min(sample_bytes, sum(sizes.values()))
    assert expected * (1 - 1e-9) - len(sizes) <= sum(result.values()) <= expected * (1 + 1e-9)


def test_small_sources_are_lifted_by_the_square_root():
    assert budgets({"web": 1_000_000, "code": 10_000}, 1_100, 0.5) == {"code": 100, "web": 1000}


@pytest.fixture
def shards(document_shard) -> list[Shard]:
    """Sources a (large, in two shards) and b (small), each text telling its document."""
    result = []
    for source, name, count in (("a", "a1", 60), ("a", "a2", 40), ("b", "b1", 4)):
        texts = [f"{name}.{i:02d} " + "é" * 48 for i in range(count)]
        path = document_shard(name, texts, batch_rows=7)
        result.append(Shard(source, str(path), sum(len(text.encode()) for text in texts)))
    return result


def test_everything_is_taken_if_it_fits(shards):
    assert len(list(sample(shards, TokenizerParams(held_out=0), 1))) == 104


def test_the_budget_is_met_and_small_sources_give_all(shards):
    drawn = list(sample(shards, TokenizerParams(held_out=0, sample_bytes=3000), 1))
    assert sum(text.startswith("b1") for text in drawn) == 4
    assert 2990 <= sum(len(text.encode()) for text in drawn) <= 3000
    assert sum(len(text.encode()) < 102 for text in drawn) <= 1  # only the last drawn document is cut


def test_the_draw_depends_on_seed_and_ids_alone(shards):
    params = TokenizerParams(held_out=0, sample_bytes=3000)
    first = list(sample(shards, params, 1))
    assert list(sample(shards[::-1], params, 1)) == first
    assert set(sample(shards, params, 2)) != set(first)


def test_the_same_documents_in_other_shards_are_drawn_alike(shards, document_shard):
    params = TokenizerParams(held_out=0, sample_bytes=3000)
    rows = [(f"{name}.{i:02d} " + "é" * 48, f"{name}-{i}") for name, n in (("a2", 40), ("a1", 60)) for i in range(n)]
    merged = document_shard("merged", [text for text, _ in rows], ids=[i for _, i in rows])
    total = sum(shard.num_bytes for shard in shards[:2])
    again = sample([Shard("a", str(merged), total), shards[2]], params, 1)
    assert set(again) == set(sample(shards, params, 1))


def test_long_documents_come_in_pieces(document_shard):
    text = "word " * 500_000
    path = document_shard("long", [text])
    drawn = list(sample([Shard("a", str(path), len(text))], TokenizerParams(held_out=0), 1))
    assert len(drawn) > 2
    assert "".join(drawn) == text


def test_empty_shards_give_nothing(document_shard):
    path = document_shard("empty", [])
    assert list(sample([Shard("a", str(path), 0)], TokenizerParams(held_out=0), 1)) == []
    full = document_shard("full", ["x" * 100] * 5)
    both = [Shard("a", str(path), 0), Shard("a", str(full), 500)]
    assert sum(map(len, sample(both, TokenizerParams(held_out=0, sample_bytes=250), 1))) == 250


def test_weights_of_its_own_take_the_place_of_sizes(shards):
    assert budgets({"web": 10_000, "code": 500, "law": 9}, 1_000, 0.5, {"web": 1, "code": 3}) == {
        "code": 500,
        "law": 0,
        "web": 500,
    }
    drawn = list(sample(shards, TokenizerParams(held_out=0, sample_bytes=300, sample_weights={"b": 1.0}), 1))
    assert {text[0] for text in drawn} == {"b"}


def test_held_out_documents_are_never_drawn_and_always_the_same(shards):
    everything = set(sample(shards, TokenizerParams(held_out=0), 1))
    kept = set(sample(shards, TokenizerParams(held_out=0.2), 1))
    assert 5 < len(everything - kept) < 40
    names = [f"{name}-{i}" for name, n in (("a1", 60), ("a2", 40), ("b1", 4)) for i in range(n)]
    left_out = np.array(names)[held_out(names, 1, 0.2)]
    assert {text.split()[0].replace(".", "-").replace("-0", "-") for text in everything - kept} == {
        name.replace("-0", "-") for name in left_out
    }
    assert set(held_out(names, 2, 0.2).tolist()) == {True, False}
