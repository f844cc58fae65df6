import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from gristmill.tokenizer import encoders
from gristmill.tokenizer.agreement import Agreement, Disagreement
from gristmill.tokenizer.encode import encode_shard, joined, open_tokens, valid_texts
from gristmill.tokenizer.encoders import LIBRARIES, Encoder, byte_counts, encoder_of, hostile_texts
from gristmill.tokenizer.special_tokens import SPECIAL_TOKENS
from gristmill.tokenizer.training import TokenizerParams, train

TEXT = st.text() | st.lists(st.sampled_from([*encoders._PARTS, *SPECIAL_TOKENS]), max_size=30).map("".join)


@pytest.fixture(scope="module", params=["gpt2", "gpt4", "llama3", r"\p{L}+|\p{N}{1,2}|[^\p{L}\p{N}]+"])
def patterned(request, texts) -> Tokenizer:
    """A tokenizer of each named pattern, and one with a pattern of one's own."""
    return train(texts, TokenizerParams(vocab_size=400, pattern=request.param))


@pytest.mark.parametrize("library", ["gigatoken", "tiktoken"])
@settings(max_examples=40)
@given(text=TEXT)
def test_every_library_gives_the_ids_of_tokenizers(patterned, library, text):
    try:
        encode = LIBRARIES[library](patterned)
    except RuntimeError:
        pytest.skip("gigatoken knows a list of patterns")
    assert encode(text).tolist() == patterned.encode(text, add_special_tokens=False).ids


def test_the_named_patterns_are_encoded_by_gigatoken(patterned):
    named = patterned.to_str().find("1,2") < 0
    assert Encoder(patterned).name == ("gigatoken" if named else "tiktoken")


@settings(max_examples=40)
@given(text=TEXT)
def test_special_tokens_in_a_text_are_text(tokenizer, text):
    ids = encoder_of(tokenizer).ids(text)
    assert not set(ids.tolist()) & set(range(len(SPECIAL_TOKENS)))
    assert tokenizer.decode(ids.tolist()) == text


@given(st.lists(st.sampled_from(["The mill", "\n", " ", "grinds.\n", "\n\n", "  ", "磨坊", "x"]), max_size=300))
def test_long_texts_have_the_ids_of_the_whole(tokenizer, parts):
    text = "".join(parts)
    encoder = encoder_of(tokenizer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "PIECE_CHARS", 400)
        patch.setattr(encoders.pieces, "__defaults__", (400, encoders.pieces.__defaults__[1]))
        patch.setattr(Encoder.pieces, "__defaults__", (400,))
        assert encoder.ids(text).tolist() == tokenizer.encode(text).ids


def test_cuts_that_another_pretokenizer_would_not_survive_are_vetoed():
    # One that never splits: "ab" and "b " are merges, so a blank does not end a token.
    vocabulary = {"<|endoftext|>": 0, "a": 1, "b": 2, "Ġ": 3, "bĠ": 4}
    other = Tokenizer(models.BPE(vocabulary, [("b", "Ġ")]))
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    other.decoder = decoders.ByteLevel()
    other.encode_special_tokens = True
    text = "ab " * 250_000 + "aa a a" * 60_000
    assert Encoder(other).ids(text).tolist() == other.encode(text).ids


class Wrong:
    """A library that begins to err at some text, as one with a bug in its cache might."""

    def __init__(self, tokenizer, at):
        self.encode, self.at = LIBRARIES["tokenizers"](tokenizer), at

    def __call__(self, text):
        ids = self.encode(text)
        return self.at(text, ids) if "grist" in text else ids


ERRORS = {
    "one token missing": lambda text, ids: ids[1:],
    "tokens in another order": lambda text, ids: ids[::-1],
    "an id beyond the vocabulary": lambda text, ids: np.concatenate([ids[:-1], [70_000]]).astype(np.uint32),
}


@pytest.mark.parametrize("error", ERRORS)
def test_a_library_that_errs_is_replaced_and_the_shard_encoded_again(
    tokenizer, texts, document_shard, tmp_path, monkeypatch, caplog, error
):
    right = tmp_path / "right.arrow"
    documents = document_shard("a", texts * 3)
    expected = encode_shard(documents, right, tokenizer, source="s")
    wrong = {"gigatoken": lambda tokenizer: Wrong(tokenizer, ERRORS[error])}
    monkeypatch.setattr(encoders, "LIBRARIES", wrong | {k: v for k, v in LIBRARIES.items() if k != "gigatoken"})
    monkeypatch.setattr(encoders, "_PARTS", ("a",))
    encoders._kept.cache_clear()
    counts = encode_shard(documents, tmp_path / "again.arrow", tokenizer, source="s")
    encoders._kept.cache_clear()
    assert counts["libraries"] == {"tiktoken": 1}
    assert "gives document a-" in caplog.text
    assert (tmp_path / "again.arrow").read_bytes() == right.read_bytes()
    assert expected["libraries"] == {"gigatoken": 1}


def test_a_library_that_differs_at_the_start_is_not_used(tokenizer, monkeypatch, caplog):
    wrong = {"gigatoken": lambda tokenizer: lambda text: np.zeros(1, np.uint32)}
    monkeypatch.setattr(encoders, "LIBRARIES", wrong | {k: v for k, v in LIBRARIES.items() if k != "gigatoken"})
    assert Encoder(tokenizer).name == "tiktoken"
    assert "gives other ids than tokenizers" in caplog.text


def test_every_shard_is_compared_in_part(tokenizer, texts, document_shard, tmp_path):
    counts = encode_shard(document_shard("a", texts * 9, batch_rows=6), tmp_path / "a.arrow", tokenizer, source="s")
    assert counts["compared"] == 6  # one of each record batch


def test_pieces_within_long_documents_are_compared(tokenizer, texts):
    encoder = Encoder(tokenizer)
    text = "".join(texts) * 60
    ids = encoder.ids(text)
    for name in "abcdefgh":  # other draws, other pieces
        Agreement(encoder).check([name], [text], [ids])
    swapped = ids.copy()
    where = np.flatnonzero(np.diff(ids.astype(np.int64)))
    swapped[where], swapped[where + 1] = ids[where + 1], ids[where]  # as many bytes, in another order
    encoder._encode = lambda part: np.roll(LIBRARIES["tokenizers"](tokenizer)(part), 1)
    with pytest.raises(Disagreement, match="document a other ids"):
        Agreement(encoder).check(["a"], [text], [swapped])


def test_byte_counts_add_up_to_the_text(tokenizer):
    counts = byte_counts(tokenizer)
    for text in hostile_texts(tokenizer):
        assert counts[encoder_of(tokenizer).ids(text)].sum() == len(text.encode())


def test_the_cache_is_forgotten_when_it_is_large(tokenizer, monkeypatch):
    monkeypatch.setattr(encoders, "CACHE_BYTES", 0)
    monkeypatch.setattr(encoders, "WARM_BYTES", 10)
    gigatoken = encoders._Gigatoken(tokenizer)
    first = gigatoken._encoder
    gigatoken._before = 0
    ids = [gigatoken("the mill grinds").tolist() for _ in range(3)]
    assert gigatoken._encoder is not first
    assert ids == [tokenizer.encode("the mill grinds").ids] * 3


def test_bytes_that_are_no_utf8_become_replacement_characters_and_are_counted(tokenizer, document_shard, tmp_path):
    column = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.array([0, 4, 7], pa.int32()).buffers()[1], pa.py_buffer(b"caf\xc3end")]
    )
    assert valid_texts(column) == (["caf�", "end"], 1)
    assert valid_texts(pa.array(["é", "\ufffd"])) == (["é", "\ufffd"], 0)
    path = tmp_path / "invalid.arrow"
    batch = pa.record_batch({"id": ["a", "b"], "text": column})
    with pa.ipc.new_file(str(path), batch.schema) as writer:
        writer.write_batch(batch)
    counts = encode_shard(path, tmp_path / "out.arrow", tokenizer, source="s")
    assert counts["invalid_utf8"] == 1
    assert tokenizer.decode(open_tokens(tmp_path / "out.arrow").document(0)[:-1].tolist()) == "caf�"


def test_an_id_that_the_dtype_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="65536 does not fit uint16"):
        joined([np.array([65536], np.uint32)], 0, np.uint16)


def test_what_tiktoken_cannot_do_is_left_to_tokenizers(tokenizer):
    stored = json.loads(tokenizer.to_str())
    stored["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": r"\d"}, "behavior": "MergedWithNext", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        ],
    }
    other = Tokenizer.from_str(json.dumps(stored))
    other.encode_special_tokens = True
    encoder = Encoder(other)
    assert encoder.name == "tokenizers"
    assert encoder.ids("12 mills").tolist() == other.encode("12 mills").ids


@pytest.mark.slow
def test_a_document_of_100_megabytes(tokenizer, texts, document_shard, tmp_path):
    from resource import RUSAGE_SELF, getrusage

    line = "".join(texts)
    text = line * (100_000_000 // len(line.encode()) + 1)
    shard = document_shard("long", [text], batch_rows=1)
    before = getrusage(RUSAGE_SELF).ru_maxrss
    counts = encode_shard(shard, tmp_path / "long.arrow", tokenizer, source="s")
    assert counts["bytes"] >= 100_000_000
    assert (getrusage(RUSAGE_SELF).ru_maxrss - before) * 1024 < 15 * counts["bytes"]
    one = encoder_of(tokenizer).ids(line)
    tokens = open_tokens(tmp_path / "long.arrow").document(0)
    assert np.array_equal(tokens[: len(one)], one)
    assert byte_counts(tokenizer)[tokens[:-1]].sum() == counts["bytes"]
