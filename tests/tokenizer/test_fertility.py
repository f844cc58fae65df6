import json

import numpy as np
import pytest

from gristmill.tokenizer.bpe import load
from gristmill.tokenizer.fertility import Document, measure, summary, sweep, truncated
from gristmill.tokenizer.training import TokenizerParams, train


@pytest.fixture(scope="module")
def measured(tokenizer):
    documents = [
        Document("The mill grinds.", "books", "en", "text"),
        Document("磨坊", "books", "zh", "text"),
        Document("", "code", "", "code"),
    ]
    return documents, measure(documents, {"own": tokenizer})["own"]


def test_sums_are_those_of_the_documents(measured, tokenizer):
    documents, result = measured
    ids = [tokenizer.encode(document.text).ids for document in documents]
    assert result.total.measures() == {
        "documents": 3,
        "bytes": 22,
        "characters": 18,
        "words": 4,
        "tokens": sum(map(len, ids)),
        "bytes_per_token": 22 / sum(map(len, ids)),
        "characters_per_token": 18 / sum(map(len, ids)),
        "fertility": sum(map(len, ids)) / 4,
    }
    assert result.groups["language"]["zh"].tokens == len(ids[1])
    assert result.groups["source"]["code"].measures()["bytes_per_token"] is None
    assert set(result.groups["kind"]) == {"text", "code"}
    assert result.counts.tolist() == np.bincount([i for one in ids for i in one], minlength=len(result.counts)).tolist()


def test_bits_per_byte_are_the_entropy_of_the_tokens(tokenizer):
    result = measure([Document("abab" * 4)], {"own": tokenizer})["own"]
    shares = result.counts[result.counts > 0] / result.counts.sum()
    assert result.bits_per_byte() == pytest.approx(-(shares * np.log2(shares)).sum() * result.total.tokens / 16)
    assert measure([], {"own": tokenizer})["own"].bits_per_byte() is None


def test_the_summary_tells_unused_rare_and_longest_tokens(measured, tokenizer):
    found = json.loads(json.dumps(summary(measured[1], tokenizer), ensure_ascii=False))
    assert found["tokens_of_bytes"] == tokenizer.get_vocab_size() - 266
    used = np.count_nonzero(measured[1].counts[266:])
    assert (found["unused"], found["rare"]) == (found["tokens_of_bytes"] - used, used)
    assert [one["bytes"] for one in found["longest"]] == sorted(
        (one["bytes"] for one in found["longest"]), reverse=True
    )
    assert "".join(found["numbers"]["1,000,000"]) == "1,000,000"
    assert found["indents"]["4 spaces"] <= 5


@pytest.mark.parametrize("size", [270, 330, 399])
def test_a_smaller_vocabulary_is_what_training_at_its_size_gives(texts, tokenizer, size):
    assert truncated(tokenizer, size).to_str() == train(texts, TokenizerParams(vocab_size=size)).to_str()


def test_a_larger_vocabulary_needs_fewer_tokens(texts, tokenizer):
    rows = sweep(
        [Document(text) for text in texts], {n: truncated(tokenizer, n) for n in (280, 350)} | {400: tokenizer}
    )
    assert [row["vocab_size"] for row in rows] == [280, 350, 400]
    assert rows[0]["bytes_per_token"] < rows[1]["bytes_per_token"] < rows[2]["bytes_per_token"]


def test_where_merges_are_not_in_the_order_of_ids_no_size_is_guessed(tokenizer):
    stored = json.loads(tokenizer.to_str())
    stored["model"]["merges"] = stored["model"]["merges"][:3][::-1]
    shuffled = type(tokenizer).from_str(json.dumps(stored))
    assert truncated(shuffled, 399) is None


def test_gpt2_is_measured_as_published(samples):
    gpt2 = load(samples / "models" / "gpt2-vocab.bpe")
    found = summary(measure([Document("Hello world" * 3)], {"gpt2": gpt2})["gpt2"], gpt2)
    assert found["vocab_size"] == 50257
    assert found["numbers"]["1984"] == ["1984"]
    assert found["longest"][0]["bytes"] == 128
