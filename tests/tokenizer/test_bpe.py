import hashlib
import json
import os
import subprocess
import sys

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from gristmill.tokenizer.bpe import (
    digest,
    end_of_document,
    load,
    save,
)
from gristmill.tokenizer.patterns import PATTERNS, named
from gristmill.tokenizer.special_tokens import SPECIAL_TOKENS
from gristmill.tokenizer.training import TokenizerParams, train

CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
"""The pattern of cl100k_base as OpenAI publishes it, possessive quantifiers and all."""

ASSIGNED = st.text(st.characters(codec="utf-8", exclude_categories=["Cn", "Cs"]))


@given(st.text())
@example("<|endoftext|>")
@example("a\r\n \t\x00\u2028\U0010ffff")
def test_any_text_decodes_to_itself(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


@given(st.lists(st.sampled_from([*SPECIAL_TOKENS, "a", " ", "<|", "mill", "|>", "\n"]), max_size=8).map("".join))
def test_special_tokens_in_a_text_are_ordinary_text(tokenizer, text):
    stored = json.loads(tokenizer.to_str())
    stored["added_tokens"] = []
    without = Tokenizer.from_str(json.dumps(stored))
    ids = tokenizer.encode(text).ids
    assert ids == without.encode(text).ids
    assert ids == tokenizer.encode_batch_fast([text])[0].ids
    assert all(i >= len(SPECIAL_TOKENS) for i in ids)
    assert tokenizer.decode(ids) == text


def test_special_tokens_have_the_first_ids_and_bytes_follow(tokenizer):
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(10))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    assert sorted(tokenizer.token_to_id(byte) for byte in alphabet) == list(range(10, 266))
    assert end_of_document(tokenizer) == 0


def test_training_does_not_depend_on_the_order_of_texts(tokenizer, texts):
    assert digest(train(reversed(texts), TokenizerParams(vocab_size=400))) == digest(tokenizer)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_training_does_not_depend_on_threads_or_hash_seeds(tokenizer, texts, threads):
    program = (
        "import sys, json, hashlib; from gristmill.tokenizer.training import train, TokenizerParams\n"
        "texts = json.load(sys.stdin)\n"
        "print(hashlib.sha256(train(texts, TokenizerParams(vocab_size=400)).to_str().encode()).hexdigest())"
    )
    environment = os.environ | {"RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
    result = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(texts),
        env=environment,
        text=True,
        capture_output=True,
        check=True,
    )
    assert result.stdout.strip() == hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


def test_a_small_sample_gives_a_smaller_vocabulary_and_says_so(caplog):
    tokenizer = train(["the mill the mill"], TokenizerParams(vocab_size=1000))
    assert 266 < tokenizer.get_vocab_size() < 285
    assert f"vocabulary of {tokenizer.get_vocab_size()} tokens, not 1000: 17 bytes" in caplog.text


def test_no_text_is_an_error():
    with pytest.raises(ValueError, match="holds no text"):
        train(["", ""], TokenizerParams())


@given(ASSIGNED | st.text("aZ'stmre 12\n\r\t.!ßé磨", max_size=30))
def test_gpt4_splits_as_openai_does(text):
    ours = pre_tokenizers.Split(_compiled("gpt4"), "isolated").pre_tokenize_str(text)
    assert [piece for piece, _ in ours] == regex.findall(CL100K, text)


@given(ASSIGNED | st.text("aZ'stmre 12\n\r\t.!ßé磨", max_size=30))
def test_gpt2_splits_as_the_byte_level_pretokenizer_does(text):
    ours = pre_tokenizers.Split(_compiled("gpt2"), "isolated").pre_tokenize_str(text)
    theirs = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True).pre_tokenize_str(text)
    assert [place for _, place in ours] == [place for _, place in theirs]


def _compiled(name: str) -> Regex:
    return Regex(PATTERNS[name])


def test_gpt2s_published_merges_give_gpt2s_published_ids(samples):
    vocabulary = json.loads((samples / "models" / "gpt2-encoder.json").read_text(encoding="utf-8"))
    lines = (samples / "models" / "gpt2-vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(line.split()) for line in lines if line]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS["gpt2"]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    assert tokenizer.encode("Hello world").ids == [15496, 995]
    assert end_of_document(tokenizer) == 50256


def test_a_saved_tokenizer_loads_as_it_was(tokenizer, texts, tmp_path):
    save(tokenizer, tmp_path / "a")
    for path in (tmp_path / "a", tmp_path / "a" / "tokenizer.json"):
        again = load(path)
        assert digest(again) == digest(tokenizer)
        assert again.encode_special_tokens
        assert again.encode(texts[3]).ids == tokenizer.encode(texts[3]).ids
    save(load(tmp_path / "a"), tmp_path / "b")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_litgpt_reads_the_folder_and_gives_the_same_ids(tokenizer, texts, tmp_path):
    litgpt = pytest.importorskip("litgpt.tokenizer")
    save(tokenizer, tmp_path)
    theirs = litgpt.Tokenizer(tmp_path)
    assert (theirs.bos_id, theirs.eos_id, theirs.use_bos) == (0, 0, False)
    assert theirs.vocab_size == tokenizer.get_vocab_size()
    for text in [*texts, " leading", "trailing \n", "x", " ", "<|", "\x1e", "é"]:
        ids = tokenizer.encode(text).ids
        assert theirs.encode(text).tolist() == ids
        assert theirs.encode(text, bos=True, eos=True).tolist() == [0, *ids, 0]
        assert theirs.decode(theirs.encode(text)) == text
        assert theirs.decode(theirs.encode(text, eos=True)) == text
    assert theirs.encode("<|user|>hi").tolist()[0] == tokenizer.token_to_id("<|user|>")


def test_somebody_elses_settings_do_not_change_ids(tokenizer, texts, tmp_path):
    foreign = Tokenizer.from_str(tokenizer.to_str())
    foreign.enable_truncation(5)
    foreign.enable_padding(length=64)
    foreign.post_processor = processors.TemplateProcessing("<|system|> $A", None, [("<|system|>", 1)])
    foreign.model.dropout = 0.5
    foreign.save(str(tmp_path / "tokenizer.json"))
    for _ in range(2):
        assert load(tmp_path).encode(texts[0]).ids == tokenizer.encode(texts[0]).ids


def test_the_end_of_document_is_found_by_name_or_in_the_config(tokenizer, tmp_path):
    stored = json.loads(tokenizer.to_str())
    for token, name in (("</s>", "</s>"), ("<eot>", {"content": "<eot>"})):
        renamed = json.dumps(stored).replace("<|endoftext|>", token)
        (tmp_path / "tokenizer.json").write_text(renamed)
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": name}))
        assert end_of_document(load(tmp_path), tmp_path) == 0
    with pytest.raises(ValueError, match="no end-of-document token"):
        end_of_document(load(tmp_path))
    save(load(tmp_path), tmp_path / "copy", "<eot>")
    assert end_of_document(load(tmp_path / "copy"), tmp_path / "copy") == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vocab_size": 265}, "set at least 266"),
        ({"vocab_size": 2**31}, "highest that ids have room for"),
        ({"multiple_of": 0}, "between 1 and"),
        ({"digits": 4}, "not 1, 2 or 3"),
        ({"digits": 2, "pattern": r"\d+|\D+"}, "splits digits itself"),
        ({"sample_weights": {"web": -1.0}}, "at least 0"),
        ({"sample_weights": {"web": 0.0}}, "all weights are 0"),
        ({"pattern": "gtp4"}, "use gpt2, gpt4, llama3"),
        ({"pattern": ""}, "use gpt2, gpt4, llama3"),
        ({"pattern": "(a"}, "no valid regular expression"),
        ({"sample_bytes": 0}, "at least 1"),
        ({"sample_exponent": 2.0}, "between 0 and 1"),
    ],
)
def test_parameters_say_what_is_wrong(wrong, message):
    with pytest.raises(ValueError, match=message):
        TokenizerParams(**wrong)


def test_a_pattern_of_ones_own_is_used(texts):
    assert named(r"\d|\D+").expression == r"\d|\D+"
    tokenizer = train(texts, TokenizerParams(vocab_size=300, pattern=r"\d|\D+"))
    pieces = tokenizer.pre_tokenizer.pre_tokenize_str("ab 12")
    assert [piece for piece, _ in pieces] == ["abĠ", "1", "2"]


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_what_is_no_tokenizer_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        load(tmp_path)
