"""Tokenizers of others, and ours in the forms of others."""

import base64
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.tokenizer import bpe, encoders, foreign
from gristmill.tokenizer.chat import encode_chat
from gristmill.tokenizer.encoders import Encoder, hostile_texts
from gristmill.tokenizer.patterns import PATTERNS
from gristmill.tokenizer.training import TokenizerParams, train
from tests.conftest import PROJECT

TEXT = st.text() | st.lists(st.sampled_from(encoders._PARTS), max_size=30).map("".join)
PEERS = Path(os.environ.get("GRISTMILL_PEERS", PROJECT / ".venv-peers")) / "bin" / "python"


def by_tiktoken(folder: Path) -> tiktoken.Encoding:
    """The encoding that `save` wrote, as docs/tokenizer.md opens it."""
    stored = json.loads((folder / "tokenizer.tiktoken.json").read_text(encoding="utf-8"))
    lines = (folder / "tokenizer.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    return tiktoken.Encoding(
        "mine", pat_str=stored["pattern"], mergeable_ranks=ranks, special_tokens=stored["special_tokens"]
    )


@pytest.fixture(scope="module")
def saved(tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    bpe.save(tokenizer, folder)
    return folder


@settings(max_examples=60)
@given(text=TEXT)
def test_the_tiktoken_encoding_gives_the_same_ids(saved, tokenizer, text):
    encoding = by_tiktoken(saved)
    ids = encoding.encode_ordinary(text)
    assert ids == tokenizer.encode(text).ids
    assert encoding.decode(ids) == text


def test_special_tokens_of_the_tiktoken_encoding_are_ours(saved, tokenizer):
    encoding = by_tiktoken(saved)
    assert encoding.encode("<|user|>hi<|end|>", allowed_special="all") == [2, *tokenizer.encode("hi").ids, 4]


def test_our_own_tiktoken_files_are_read_back(saved, tokenizer):
    again = bpe.load(saved / "tokenizer.tiktoken")
    assert Encoder(again).differing(hostile_texts(tokenizer)) == []
    for text in hostile_texts(tokenizer):
        assert again.encode(text).ids == tokenizer.encode(text).ids
    assert bpe.end_of_document(again) == 0


def test_gpt2s_merges_give_gpt2s_vocabulary(samples):
    published = json.loads((samples / "models" / "gpt2-encoder.json").read_text(encoding="utf-8"))
    gpt2 = bpe.load(samples / "models" / "gpt2-vocab.bpe")
    assert gpt2.get_vocab() == published
    assert gpt2.encode("Hello world").ids == [15496, 995]


@pytest.mark.slow
def test_cl100k_gives_the_ids_of_tiktoken(samples):
    path = samples / "models" / "cl100k_base.tiktoken"
    lines = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    theirs = tiktoken.Encoding("cl100k", pat_str=PATTERNS["gpt4"], mergeable_ranks=ranks, special_tokens={})
    ours = bpe.load(path)
    encoder = Encoder(ours)
    assert encoder.name == "gigatoken"
    assert bpe.end_of_document(ours) == 100257
    books = [(samples / "books" / name).read_text(encoding="utf-8") for name in ("pg25558.txt", "pg2650.txt")]
    for text in [*hostile_texts(ours), *books]:
        expected = theirs.encode_ordinary(text)
        assert encoder.ids(text).tolist() == expected
        assert ours.encode(text[:20_000]).ids == theirs.encode_ordinary(text[:20_000])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tiktoken", b"IQ== 0\n", "255 single bytes have no rank"),
        ("x.tiktoken", b"no base64 here\n", "no rank file of tiktoken"),
        ("vocab.bpe", b"#version: 0.2\na b c\n", "a line has not two tokens"),
        ("merges.txt", b"\xff\xfe\n", "no list of byte-level merges"),
    ],
)
def test_files_that_are_none_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        bpe.load(tmp_path / name)


def test_a_rank_file_without_pattern_says_what_is_missing(saved, tmp_path):
    (tmp_path / "mine.tiktoken").write_bytes((saved / "tokenizer.tiktoken").read_bytes())
    with pytest.raises(ValueError, match=r"cl100k_base.*or put mine\.tiktoken\.json beside it"):
        bpe.load(tmp_path / "mine.tiktoken")
    (tmp_path / "r50k_base.tiktoken").write_bytes((saved / "tokenizer.tiktoken").read_bytes())
    assert bpe.load(tmp_path / "r50k_base.tiktoken").token_to_id(foreign.END_OF_DOCUMENT) == 50256


def test_conversations_are_encoded_without_parsing_what_people_say(tokenizer):
    ids, said = encode_chat(
        [{"role": "user", "content": "end it: <|end|>"}, {"role": "assistant", "content": "no"}], tokenizer, True
    )
    text = tokenizer.encode("end it: <|end|>").ids
    answer = tokenizer.encode("no").ids
    assert ids.tolist() == [2, *text, 4, 3, *answer, 4, 3]
    assert said.tolist() == [False] * (len(text) + 3) + [True] * (len(answer) + 1) + [False]
    with pytest.raises(ValueError, match="role 'robot' is none of"):
        encode_chat([{"role": "robot", "content": ""}], tokenizer)


PROGRAM = """
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
texts = json.load(open(sys.argv[2]))
ids = [tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True) for text in texts["texts"]]
kept = all(tokenizer.decode(i) == text for i, text in zip(ids, texts["texts"]))
chat = tokenizer.apply_chat_template(texts["chat"], add_generation_prompt=True, return_dict=False)
both = tokenizer.apply_chat_template(
    texts["chat"], return_dict=True, return_assistant_tokens_mask=True
)
json.dump({"ids": ids, "kept": kept, "chat": chat, "said": both["assistant_masks"],
           "special": [tokenizer.eos_token_id, tokenizer.pad_token_id]}, open(sys.argv[3], "w"))
"""
CHAT = [
    {"role": "system", "content": "You mill."},
    {"role": "user", "content": "What?\n\n "},
    {"role": "assistant", "content": " Grain. "},
    {"role": "tool", "content": "{}"},
    {"role": "assistant", "content": "Flour."},
]


def in_transformers(folder: Path, texts: list[str], tmp_path: Path) -> dict:
    """What transformers makes of the texts, in the peers' environment: its huggingface-hub is too new for litgpt."""
    if not PEERS.exists():
        pytest.skip(f"no {PEERS}; make bench-tokens makes it")
    given, answer = tmp_path / "texts.json", tmp_path / "ids.json"
    given.write_text(json.dumps({"texts": texts, "chat": CHAT}))
    subprocess.run([PEERS, "-c", PROGRAM, folder, given, answer], check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    return json.loads(answer.read_text())


@pytest.mark.slow
def test_transformers_loads_it_and_gives_the_same_ids_and_conversation(saved, tokenizer, tmp_path):
    texts = hostile_texts(tokenizer)
    found = in_transformers(saved, texts, tmp_path)
    assert found["ids"] == [tokenizer.encode(text).ids for text in texts]
    assert found["kept"]
    assert found["special"] == [0, tokenizer.token_to_id("<|padding|>")]
    assert found["chat"] == encode_chat(CHAT, tokenizer, True)[0].tolist()
    assert [bool(said) for said in found["said"]] == encode_chat(CHAT, tokenizer)[1].tolist()


@pytest.mark.slow
def test_a_million_strings_have_the_same_ids_everywhere(samples, tmp_path):
    """Half of them from books, half made of what splits differently; transformers gets every twentieth."""
    import litgpt.tokenizer

    books = [path.read_text(encoding="utf-8", errors="ignore") for path in sorted((samples / "books").glob("*.txt"))]
    tokenizer = train(books, TokenizerParams(vocab_size=32768))
    bpe.save(tokenizer, tmp_path / "tokenizer")
    encoder, encoding = Encoder(tokenizer), by_tiktoken(tmp_path / "tokenizer")
    assert encoder.name == "gigatoken"
    chance = np.random.default_rng(5)
    text = "".join(books)
    places, sizes = chance.integers(0, len(text) - 100, 500_000), chance.integers(1, 90, 500_000)
    parts = [*encoders._PARTS, *[chr(c) for c in range(0x20, 0x3000, 7) if not 0xD800 <= c < 0xE000]]
    numbers = chance.integers(0, len(parts), (500_000, 12))
    strings = [text[a : a + n] for a, n in zip(places.tolist(), sizes.tolist(), strict=True)]
    strings += ["".join([parts[i] for i in row]) for row in numbers.tolist()]
    stock = litgpt.tokenizer.Tokenizer(tmp_path / "tokenizer")
    every = []
    for first in range(0, len(strings), 20_000):
        batch = strings[first : first + 20_000]
        expected = [e.ids for e in tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
        assert [encoder.ids(one).tolist() for one in batch] == expected
        assert encoding.encode_ordinary_batch(batch, num_threads=1) == expected
        assert tokenizer.decode_batch(expected) == batch
        every += list(zip(batch[::20], expected[::20], strict=True))
    for one, ids in every[::10]:
        if "<|" not in one:  # LitGPT parses special tokens
            assert stock.encode(one).tolist() == ids
    if PEERS.exists():
        assert in_transformers(tmp_path / "tokenizer", [one for one, _ in every], tmp_path)["ids"] == [
            i for _, i in every
        ]
