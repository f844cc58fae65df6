import json
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from gristmill.tokenizer import encoders, pretokens
from gristmill.tokenizer.patterns import named
from gristmill.tokenizer.pretokens import Pretokens, Splitter
from gristmill.tokenizer.special_tokens import SPECIAL_TOKENS
from gristmill.tokenizer.training import TokenizerParams, count, train

FAMILIES = [("gpt2", None), ("gpt2", 3), ("gpt4", None), ("llama3", 1), ("gpt4", 2)]
TEXT = st.text() | st.lists(st.sampled_from(encoders._PARTS), max_size=40).map("".join)


def by_tokenizers(texts: list[str], params: TokenizerParams) -> Tokenizer:
    """The same tokenizer by the trainer of `tokenizers`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = named(params.pattern, params.digits).pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=params.vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


@pytest.mark.parametrize(("pattern", "digits"), [*FAMILIES, (r"\p{L}+|\p{N}{1,2}|[^\p{L}\p{N}]+", None)])
def test_a_tokenizer_is_that_of_tokenizers_byte_for_byte(texts, pattern, digits):
    for size in (266, 300, 2000):
        params = TokenizerParams(vocab_size=size, pattern=pattern, digits=digits)
        assert train(texts, params).to_str() == by_tokenizers(texts, params).to_str()


@settings(max_examples=60)
@given(
    texts=st.lists(st.text("ab ", max_size=40) | st.text("= -\n", max_size=60), min_size=1, max_size=6).filter(any),
    size=st.integers(266, 330),
)
def test_merges_are_those_of_tokenizers_where_runs_and_ties_abound(texts, size):
    params = TokenizerParams(vocab_size=size, pattern=r"[^|]+")  # whole texts are words: the same bytes come up twice
    assert train(texts, params).to_str() == by_tokenizers(texts, params).to_str()


def test_no_merge_gives_a_special_token():
    tokenizer = train(["<|end|>" * 9, "<|en <|end"] * 3, TokenizerParams(vocab_size=300, pattern=r"\S+|\s+"))
    ids = tokenizer.encode("<|end|>").ids
    assert min(ids) >= len(SPECIAL_TOKENS)
    assert tokenizer.decode(ids) == "<|end|>"


@pytest.mark.parametrize(("pattern", "digits"), FAMILIES)
@settings(max_examples=60)
@given(texts=st.lists(TEXT.map(lambda text: text.encode(errors="ignore").decode()), max_size=3))
def test_compiled_patterns_split_as_their_expressions_do(pattern, digits, texts):
    compiled = named(pattern, digits)
    data, ends = Splitter(compiled)([text.encode() for text in texts])
    pieces = np.split(data, ends[:-1]) if len(ends) else []
    splitter = pre_tokenizers.Split(pretokens.Regex(compiled.expression), "isolated")
    expected = [piece for text in texts for piece, _ in splitter.pre_tokenize_str(text)]
    assert [piece.tobytes().decode() for piece in pieces] == expected


def test_every_character_is_classed_as_the_expressions_class_it():
    splitter = Splitter(named("gpt4"))
    expression = pre_tokenizers.Split(pretokens.Regex(named("gpt4").expression), "isolated")
    for first in range(0, 0x40000, 4096):
        if 0xD000 <= first < 0xF000:
            continue
        text = "".join(f"x{chr(c)}1{chr(c)} {chr(c)}" for c in range(first, first + 4096, 7))
        _, ends = splitter([text.encode()])
        expected = [len(piece.encode()) for piece, _ in expression.pre_tokenize_str(text)]
        assert np.diff(ends, prepend=0).tolist() == expected


def _counted(counts) -> dict[bytes, int]:
    pieces = np.split(counts.data, counts.ends[:-1])
    return {piece.tobytes(): n for piece, n in zip(pieces, counts.counts.tolist(), strict=True)}


@pytest.fixture(scope="module")
def many_words() -> list[str]:
    chance = np.random.default_rng(3)
    return [" ".join(f"w{n}" for n in chance.zipf(1.3, 2000) % 50_000) for _ in range(20)]


def test_counts_that_went_to_files_are_those_that_did_not(many_words):
    expected = count(many_words, named("gpt4"))
    with Pretokens(Splitter(named("gpt4")), max_table_bytes=1000) as counted:
        for text in many_words:
            counted.add([text])
        folder = counted._files.name
        spilled = counted.counts()
    assert not pretokens.Path(folder).exists()
    assert _counted(spilled) == _counted(expected)
    assert spilled.num_bytes == expected.num_bytes == sum(map(len, many_words))


@pytest.mark.parametrize("max_table_bytes", [1000, 2**30])
def test_the_rarest_are_left_out_all_alike_and_told(many_words, max_table_bytes, caplog):
    everything = _counted(count(many_words, named("gpt4")))
    with Pretokens(Splitter(named("gpt4")), max_table_bytes) as counted:
        counted.add(many_words)
        kept = counted.counts(max_pretokens=500)
    assert len(kept.counts) <= 500
    assert _counted(kept) == {word: n for word, n in everything.items() if n >= kept.rarest}
    assert len([n for n in everything.values() if n >= kept.rarest - 1]) > 500
    assert kept.left_out == len(everything) - len(kept.counts)
    assert f"{kept.left_out} of {len(everything)} different pre-tokens" in caplog.text


def test_a_word_of_a_million_letters_takes_no_longer_than_its_length():
    tokenizer = train(["a" * 2_000_000, "ab" * 500_000], TokenizerParams(vocab_size=290))
    assert tokenizer.decode(tokenizer.encode("aaab").ids) == "aaab"


def test_a_vocabulary_is_filled_up_to_a_multiple(texts):
    tokenizer = train(texts, TokenizerParams(vocab_size=301, multiple_of=64))
    assert tokenizer.get_vocab_size() == 320
    assert tokenizer.token_to_id("<|unused_0|>") == 301
    ids = tokenizer.encode("<|unused_0|>").ids
    assert 301 not in ids
    assert tokenizer.decode(ids) == "<|unused_0|>"


@pytest.fixture(scope="module")
def real_texts(samples) -> list[str]:
    """Books in five languages and source code in nine."""
    texts = [path.read_text(encoding="utf-8", errors="ignore") for path in sorted((samples / "books").glob("*.txt"))]
    for path in sorted((samples / "code").glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            files = [archive.extractfile(member).read() for member in archive if member.isfile()]
        texts += [content.decode(errors="ignore") for content in files]
    return texts


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "digits"), [("gpt4", None), ("gpt2", None), ("gpt4", 1)])
def test_merges_on_real_texts_are_those_of_tokenizers(real_texts, pattern, digits):
    params = TokenizerParams(vocab_size=32768, pattern=pattern, digits=digits)
    assert json.loads(train(real_texts, params).to_str()) == json.loads(by_tokenizers(real_texts, params).to_str())


PROSE = [
    f"the end of the {n} sacks of the mill, in the middle of the night; {n} of the best of them\n" for n in "abcdefgh"
]


def test_superwords_cross_blanks_after_the_size_that_is_asked_for():
    plain = train(PROSE * 3, TokenizerParams(vocab_size=300))
    tokenizer = train(PROSE * 3, TokenizerParams(vocab_size=400, superwords_from=300))
    first, second = plain.get_vocab(), tokenizer.get_vocab()
    assert {token: i for token, i in second.items() if i < 300} == first
    beyond = [token.replace("Ġ", " ") for token, i in second.items() if i >= 300]
    assert any(token.strip().count(" ") for token in beyond)
    assert max(token.count(" ") for token in beyond) <= 4
    assert len(tokenizer.encode(PROSE[0]).ids) < len(plain.encode(PROSE[0]).ids)


@settings(max_examples=40)
@given(text=TEXT | st.lists(st.sampled_from(PROSE), max_size=3).map(" ".join))
def test_superwords_decode_to_the_text_and_every_library_agrees(superwords, text):
    encoder = encoders.encoder_of(superwords)
    ids = encoder.ids(text)
    assert ids.tolist() == superwords.encode(text).ids
    assert superwords.decode(ids.tolist()) == text


@pytest.fixture(scope="module")
def superwords() -> Tokenizer:
    return train(PROSE * 3, TokenizerParams(vocab_size=400, superwords_from=300))


def test_superwords_need_texts_that_can_be_gone_through_twice():
    with pytest.raises(ValueError, match="gone through twice"):
        train(iter(PROSE), TokenizerParams(vocab_size=400, superwords_from=300))
    with pytest.raises(ValueError, match="superwords_from: 400 must be between 266 and vocab_size"):
        TokenizerParams(vocab_size=400, superwords_from=400)
