from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.tokenizer import pack as pack_module
from gristmill.tokenizer.encode import open_tokens
from gristmill.tokenizer.mixture import MixtureParams, is_validation
from gristmill.tokenizer.pack import PackParams, TokenShard, pack
from gristmill.tokenizer.rows import gather, open_rows, rows_of, segment_numbers

FIXTURE_IS_FRESH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


def segments_of(folder) -> list[list[dict]]:
    """The segments of each row of a split."""
    return open_rows(folder).table["segments"].to_pylist()


def drawn_tokens(rows) -> Counter:
    """How often each token (source, shard, row, place) occurs."""
    return Counter(
        (s["source"], s["shard"], s["row"], s["start"] + k) for row in rows for s in row for k in range(s["length"])
    )


@pytest.fixture
def shards(token_shard) -> list[TokenShard]:
    """Two shards of web, one of books, with an empty one between; 60 documents of 1 to 60 tokens."""
    lengths = np.random.default_rng(0).integers(1, 61, 60).tolist()
    parts = {"w1": lengths[:25], "w2": [], "w3": lengths[25:50], "b1": lengths[50:]}
    return [
        TokenShard("web" if name[0] == "w" else "books", name, str(token_shard(name, part, first=1000 * i + 1)))
        for i, (name, part) in enumerate(parts.items())
    ]


def length_of(shards) -> dict:
    """Tokens of every document."""
    return {(s.source, s.shard, i): n for s in shards for i, n in enumerate(open_tokens(s.path).lengths.tolist())}


@FIXTURE_IS_FRESH
@given(st.integers(0, 10**6), st.sampled_from(["best_fit", "concat", "bos_aligned"]), st.integers(3, 50))
def test_every_token_is_once_in_train_or_in_validation_or_counted_as_cropped(
    shards, tmp_path_factory, seed, method, seq_length
):
    out = tmp_path_factory.mktemp("packed")
    counts = pack(shards, PackParams(seq_length, method), MixtureParams(validation=0.1), None, {}, seed, out)
    train, validation = (
        drawn_tokens(segments_of(out / "train")),
        drawn_tokens(segments_of(out / "validation")),
    )
    assert not {key[:3] for key in train} & {key[:3] for key in validation}
    most = seq_length + 1 if method == "bos_aligned" else 10**6
    lengths = length_of(shards)
    assert train + validation == Counter((*doc, k) for doc, n in lengths.items() for k in range(min(n, most)))
    cropped = counts["cropped"] + counts["validation"]["cropped"]
    assert train.total() + validation.total() + cropped == sum(lengths.values())
    assert (
        counts["cut"] == sum(n > seq_length + 1 for doc, n in lengths.items() if (*doc, 0) in train)
        or method == "concat"
    )
    assert (counts["tokens"], counts["validation"]["tokens"]) == (train.total(), validation.total())
    for split, count in (("train", counts), ("validation", counts["validation"])):
        rows = segments_of(out / split)
        fill = [sum(s["length"] for s in row) for row in rows]
        assert len(rows) == count["rows"]
        assert 0 < min(fill) <= max(fill) <= seq_length + 1
        assert count["padding"] == pytest.approx(1 - sum(fill) / (len(rows) * (seq_length + 1)))


@FIXTURE_IS_FRESH
@given(st.integers(0, 10**6), st.integers(1, 3000))
def test_epochs_repeat_each_document_alike_and_the_last_is_cut_to_the_token(shards, tmp_path_factory, seed, tokens):
    out = tmp_path_factory.mktemp("packed")
    epochs = {"web": 9, "books": 9}
    mixture = MixtureParams(tokens=tokens)
    counts = pack(shards, PackParams(31), mixture, {"web": 1, "books": 1}, epochs, seed, out)
    assert counts["tokens"] == tokens
    assert abs(counts["sources"]["web"]["tokens"] - counts["sources"]["books"]["tokens"]) <= 1
    lengths, times, partial = length_of(shards), defaultdict(set), Counter()
    seen = drawn_tokens(segments_of(out / "train"))
    held_out = {key[:3] for key in drawn_tokens(segments_of(out / "validation"))}
    for doc, n in lengths.items():
        if doc not in held_out:
            number = [seen[*doc, k] for k in range(n)]
            assert number == sorted(number, reverse=True)
            partial[doc[0]] += len(set(number)) > 1
            times[doc[0]] |= set(number)
    for source, number in times.items():
        assert max(number) - min(number) <= 1
        assert partial[source] <= 1
        share = counts["sources"][source]
        assert share["epochs"] == pytest.approx(share["tokens"] / share["available"])
        assert min(number) <= share["epochs"] <= max(number)


def test_the_order_of_shards_and_where_documents_lie_do_not_matter(shards, tmp_path):
    for out, order in (("a", shards), ("b", shards[::-1])):
        pack(order, PackParams(31), MixtureParams(), None, {}, 5, tmp_path / out)
    files = [sorted((tmp_path / out).rglob("*.arrow")) for out in ("a", "b")]
    assert [f.relative_to(tmp_path / "a") for f in files[0]] == [f.relative_to(tmp_path / "b") for f in files[1]]
    for one, two in zip(*files, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_another_seed_gives_another_order(shards, tmp_path):
    for seed in (1, 2):
        pack(shards, PackParams(31), MixtureParams(), None, {}, seed, tmp_path / str(seed))
    assert segments_of(tmp_path / "1" / "train") != segments_of(tmp_path / "2" / "train")


def test_validation_is_what_the_hash_says(shards, tmp_path):
    pack(shards, PackParams(31), MixtureParams(validation=0.3), None, {}, 5, tmp_path)
    ids = {(s.source, s.shard, i): d for s in shards for i, d in enumerate(open_tokens(s.path).ids.to_pylist())}
    expected = {doc for doc, d in ids.items() if is_validation([d], 0.3, 5)[0]}
    assert {key[:3] for key in drawn_tokens(segments_of(tmp_path / "validation"))} == expected
    assert expected


def test_one_document_is_held_out_if_the_hash_selects_none(shards, tmp_path):
    counts = pack(shards, PackParams(31), MixtureParams(validation=0.0), None, {}, 5, tmp_path)
    assert sum(source["documents"] for source in counts["validation"]["sources"].values()) == 1
    assert sum(source["documents"] for source in counts["sources"].values()) == 59


def test_sources_of_weight_zero_are_in_neither_split(shards, tmp_path):
    mixture = MixtureParams(validation=0.5)
    counts = pack(shards, PackParams(31), mixture, {"web": 1, "books": 0}, {}, 5, tmp_path)
    assert counts["sources"]["books"]["tokens"] == counts["validation"]["sources"]["books"]["tokens"] == 0


def test_any_stretch_of_blocks_has_the_mixtures_proportions(token_shard, tmp_path, monkeypatch):
    monkeypatch.setattr(pack_module, "BLOCK_ROWS", 16)
    shards = [
        TokenShard("web", "w", token_shard("w", [20] * 900)),
        TokenShard("books", "b", token_shard("b", [400] * 10)),
    ]
    counts = pack(shards, PackParams(63), MixtureParams(), {"web": 0.6, "books": 0.4}, {"books": 3}, 5, tmp_path)
    rows = segments_of(tmp_path / "train")
    share = counts["sources"]["books"]["tokens"] / counts["tokens"]
    for first in range(0, len(rows) - 160, 80):
        part = [s for row in rows[first : first + 160] for s in row]
        books = sum(s["length"] for s in part if s["source"] == "books")
        assert abs(books / sum(s["length"] for s in part) - share) < 0.12


def test_rows_are_shuffled_within_their_block(shards, tmp_path):
    pack(shards, PackParams(7), MixtureParams(), None, {}, 5, tmp_path)
    sources = [row[0]["source"] for row in segments_of(tmp_path / "train")]
    changes = sum(a != b for a, b in pairwise(sources))
    assert changes > len(sources) * 0.1


def test_the_index_leads_from_each_document_to_its_rows(shards, tmp_path):
    pack(shards, PackParams(15), MixtureParams(), {"web": 1, "books": 1}, {"web": 2, "books": 3}, 5, tmp_path)
    expected = []
    for split in ("train", "validation"):
        for k, row in enumerate(segments_of(tmp_path / split)):
            place = 0
            for s in row:
                expected.append(s | {"split": split, "packed_row": k, "position": place})
                place += s["length"]
    index = pa.ipc.open_file(pa.memory_map(str(tmp_path / "index.arrow"))).read_all().to_pylist()
    names = ("source", "shard", "row", "start", "split", "packed_row")
    assert index == sorted(expected, key=lambda s: [s[name] for name in names])
    some = expected[len(expected) // 2]
    found = rows_of(tmp_path / "index.arrow", some["source"], some["shard"], some["row"]).to_pylist()
    assert some in found
    assert {(s["source"], s["shard"], s["row"]) for s in found} == {(some["source"], some["shard"], some["row"])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shards, new: [], "no token shards"),
        (lambda shards, new: [*shards, shards[0]], "named twice in one source: w1"),
        (lambda shards, new: [*shards, ("web", "x", new("x", [3], digest="other"))], "another tokenizer"),
        (lambda shards, new: [("web", "x", new("x", [3]))], "no source has two"),
    ],
)
def test_what_cannot_be_packed_is_said(shards, token_shard, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        pack(change(shards, token_shard), PackParams(7), MixtureParams(), None, {}, 5, tmp_path)


def test_a_source_without_documents_is_named(shards, tmp_path):
    with pytest.raises(ValueError, match="no tokens in code"):
        pack(shards, PackParams(7), MixtureParams(), {"web": 1, "books": 1, "code": 1}, {}, 5, tmp_path)
    pack(shards, PackParams(7), MixtureParams(), None, {"web": 1, "books": 1, "code": 1}, 5, tmp_path)


@pytest.mark.parametrize("wrong", [{"seq_length": 0}, {"method": "bestfit"}])
def test_parameters_say_what_is_wrong(wrong):
    with pytest.raises(ValueError, match=r"must be at least|use best_fit, concat"):
        PackParams(**wrong)


def test_the_files_are_those_of_8192_rows(token_shard, tmp_path):
    shard = token_shard("s", [4] * 20_000, batch_rows=5000)
    pack([("s", "s", shard)], PackParams(3), MixtureParams(validation=0.0), None, {}, 5, tmp_path)
    names = sorted(path.name for path in (tmp_path / "train").iterdir())
    assert names == ["rows-0000000000.arrow", "rows-0000008192.arrow", "rows-0000016384.arrow"]
    rows = open_rows(tmp_path / "train")
    assert (len(rows.table), rows.seq_length, rows.end_id) == (19_999, 3, 0)
    across = rows.table.slice(8190, 4)
    opened = {("s", "s/s.arrow"): open_tokens(shard)}
    assert gather(across, opened, 4, 0).shape == (4, 4)
    assert (segment_numbers(across, 4) == 0).all()


@pytest.mark.parametrize("method", ["best_fit", "concat", "bos_aligned"])
def test_a_document_of_millions_of_tokens_is_packed_like_any_other(token_shard, tmp_path, method):
    shard = token_shard("s", [3_000_000, 70, 70, 70])
    mixture = MixtureParams(validation=0.0)
    counts = pack([("s", "s", shard)], PackParams(2048, method), mixture, None, {}, 5, tmp_path)
    seen = Counter()
    for s in (s for row in segments_of(tmp_path / "train") + segments_of(tmp_path / "validation") for s in row):
        seen[s["row"]] += s["length"]
    assert seen == {0: 2049 if method == "bos_aligned" else 3_000_000, 1: 70, 2: 70, 3: 70}
    assert counts["cropped"] + counts["validation"]["cropped"] == (3_000_000 - 2049 if method == "bos_aligned" else 0)


def test_a_token_shard_that_was_cut_short_is_named(token_shard, tmp_path):
    path = token_shard("s", [9] * 50)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(
        ValueError, match=r"s.tokens.arrow was cut short or is no Arrow file .* run the tokens step again"
    ):
        pack([("s", "s", path)], PackParams(7), MixtureParams(), None, {}, 5, tmp_path)
