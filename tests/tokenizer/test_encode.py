import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from gristmill.tokenizer import encode
from gristmill.tokenizer.bpe import digest
from gristmill.tokenizer.encode import encode_shard, encode_texts, open_tokens, token_dtype


@given(st.lists(st.text(max_size=20), max_size=8))
def test_every_text_is_its_ids_and_the_end(tokenizer, texts):
    ids, ends = encode_texts(texts, tokenizer, 0)
    assert len(ends) == len(texts) + 1
    for text, first, last in zip(texts, ends[:-1], ends[1:], strict=True):
        assert ids[first:last].tolist() == [*tokenizer.encode(text).ids, 0]


@given(
    st.lists(st.sampled_from(["The mill", "\n", " ", "grinds.\n", "\n\n", "  ", "磨坊", "x"]), max_size=300).map(
        "".join
    )
)
def test_long_texts_have_the_ids_of_the_whole(tokenizer, text):
    texts = [text, "", text + "!"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "PIECE_CHARS", 50)
        patch.setattr(encode, "pieces", lambda text, safe: _pieces(text, 400, safe))
        ids, ends = encode_texts(texts, tokenizer, 0)
    for i, whole in enumerate(texts):
        assert ids[ends[i] : ends[i + 1]].tolist() == [*tokenizer.encode(whole).ids, 0]


_pieces = encode.pieces


def test_cuts_that_another_pretokenizer_would_not_survive_are_vetoed(texts):
    # One that never splits: "ab" and "b " are merges, so a blank does not end a token.
    vocabulary = {"<|endoftext|>": 0, "a": 1, "b": 2, "Ġ": 3, "bĠ": 4}
    other = Tokenizer(models.BPE(vocabulary, [("b", "Ġ")]))
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    other.decoder = decoders.ByteLevel()
    other.encode_special_tokens = True
    text = "ab " * 300_000 + "aa a a" * 200_000
    ids, _ = encode_texts([text], other, 0)
    assert ids[:-1].tolist() == other.encode(text).ids


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
    assert counts == {"documents": len(documents), "tokens": len(documents), "bytes": 0}
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
