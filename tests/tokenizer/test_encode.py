import os

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models

from gristmill.tokenizer.bpe import digest
from gristmill.tokenizer.encode import _schema, check_tokenizer, encode_shard, open_tokens, token_dtype
from gristmill.tokenizer.training import TokenizerParams, train


@pytest.fixture
def encoded(tokenizer, texts, document_shard, tmp_path):
    """Texts in three record batches (one of them empty) and their token shard."""
    documents = [*texts, "", "the end"]
    path = tmp_path / "out.arrow"
    counts = encode_shard(document_shard("a", documents), path, tokenizer, source="mill")
    return documents, path, counts


def test_rows_and_batches_of_a_token_shard_are_those_of_its_document_shard(encoded, tokenizer):
    documents, path, _ = encoded
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    assert [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)] == [2, 2, 2]
    table = reader.read_all()
    assert table["id"].to_pylist() == [f"a-{i}" for i in range(6)]
    assert table.schema.field("tokens").type.value_type == pa.uint16()
    for text, ids in zip(documents, table["tokens"].to_pylist(), strict=True):
        assert ids[-1] == 0
        assert tokenizer.decode(ids[:-1]) == text


def test_metadata_name_tokenizer_source_and_end(encoded, tokenizer):
    opened = open_tokens(encoded[1])
    assert (opened.tokenizer, opened.end_id, opened.source) == (digest(tokenizer), 0, "mill")


def test_counts_are_of_documents_tokens_and_bytes(encoded):
    documents, path, counts = encoded
    assert counts["documents"] == 6
    assert counts["bytes"] == sum(len(text.encode()) for text in documents)
    assert counts["tokens"] == open_tokens(path).lengths.sum()


def test_an_open_shard_gives_each_document_without_a_copy(encoded):
    _, path, _ = encoded
    opened = open_tokens(path)
    expected = pa.ipc.open_file(pa.memory_map(str(path))).read_all()["tokens"].to_pylist()
    for row, ids in enumerate(expected):
        assert opened.document(row).tolist() == ids
        assert np.shares_memory(opened.document(row), opened.file)
    assert opened.ids.to_pylist() == [f"a-{i}" for i in range(6)]


def test_open_shards_hold_no_file_descriptors(encoded):
    before = len(os.listdir("/dev/fd"))
    kept = [open_tokens(encoded[1]) for _ in range(20)]
    assert len(os.listdir("/dev/fd")) == before
    assert kept[0].document(0)[-1] == 0


@pytest.mark.parametrize("documents", [[], [""]])
def test_empty_shards_are_valid(tokenizer, document_shard, tmp_path, documents):
    counts = encode_shard(document_shard("e", documents), tmp_path / "e.arrow", tokenizer, source="s")
    assert (counts["documents"], counts["tokens"], counts["bytes"]) == (len(documents), len(documents), 0)
    opened = open_tokens(tmp_path / "e.arrow")
    assert opened.lengths.tolist() == [1] * len(documents)


def test_the_same_shard_gives_the_same_bytes(encoded, tokenizer, document_shard, tmp_path):
    documents, path, _ = encoded
    encode_shard(document_shard("a", documents), tmp_path / "again.arrow", tokenizer, source="mill")
    assert (tmp_path / "again.arrow").read_bytes() == path.read_bytes()


def test_large_vocabularies_take_32_bits():
    small = Tokenizer(models.WordLevel({"a": 0, "b": 65535}, "a"))
    large = Tokenizer(models.WordLevel({"a": 0, "b": 65536}, "a"))
    assert (token_dtype(small), token_dtype(large)) == (np.uint16, np.uint32)


def test_a_tokenizer_that_would_parse_special_tokens_is_refused(tokenizer, document_shard, tmp_path):
    careless = Tokenizer.from_str(tokenizer.to_str())
    with pytest.raises(ValueError, match=r"open it with bpe\.load"):
        encode_shard(document_shard("a", ["x"]), tmp_path / "x.arrow", careless, source="s")


def test_other_arrow_files_are_refused(document_shard):
    with pytest.raises(ValueError, match="no token shard"):
        open_tokens(document_shard("a", ["x"]))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99, 0.9999])
def test_a_shard_that_was_cut_short_is_named(encoded, tmp_path, share):
    whole = encoded[1].read_bytes()
    short = tmp_path / "short.arrow"
    short.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"short\.arrow .*cut short.*run the tokens step again"):
        open_tokens(short)


def test_documents_that_do_not_tile_their_tokens_are_named(tokenizer, tmp_path):
    schema = _schema(np.uint16, digest(tokenizer), 0, "s")
    path = tmp_path / "damaged.arrow"
    column = pa.LargeListArray.from_arrays(
        pa.array([0, 0, 3]), pa.array([1, 0, 1], pa.uint16()), type=schema.field("tokens").type
    )
    with pa.ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pa.record_batch([pa.array(["a", "b"]), column], schema=schema))
    with pytest.raises(ValueError, match="damaged"):  # even an empty document has its end
        open_tokens(path)


def test_shards_of_another_vocabulary_are_refused(encoded, tokenizer, texts):
    other = train([text.upper() for text in texts], TokenizerParams(vocab_size=300))
    opened = open_tokens(encoded[1])
    check_tokenizer(opened, tokenizer, encoded[1])
    with pytest.raises(ValueError, match=r"out\.arrow was encoded with another tokenizer"):
        check_tokenizer(opened, other, encoded[1])
