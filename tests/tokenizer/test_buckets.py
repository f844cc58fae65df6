"""Buckets: every document is in one, and the mixture weighs them as it weighs sources."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.curation import shards as shard_files
from gristmill.tokenizer.buckets import BUCKETS_SCHEMA, BucketParams, MissingBucket, bucket_numbers
from gristmill.tokenizer.encode import open_tokens
from gristmill.tokenizer.mixture import MixtureParams
from gristmill.tokenizer.pack import Divided, PackParams, pack
from gristmill.tokenizer.rows import open_rows

BY = "classifier.hq"
FIXTURE_IS_FRESH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


def segments_of(folder: Path) -> list[dict]:
    return [s for row in open_rows(folder).table["segments"].to_pylist() for s in row]


@pytest.fixture
def web(token_shard, tmp_path):
    """Two shards of web and one of books, 300 documents of 3 to 40 tokens; and the buckets of web's, five in turn."""
    lengths = np.random.default_rng(1).integers(3, 41, 300).tolist()
    parts = {"w1": lengths[:100], "w2": lengths[100:250], "b": lengths[250:]}
    shards = [("books" if name == "b" else "web", name, token_shard(name, part)) for name, part in parts.items()]
    files, of = {}, {}
    for _, name, path in shards[:2]:
        ids = open_tokens(path).ids.combine_chunks()
        numbers = np.arange(len(ids), dtype=np.int16) % 4
        files[name] = tmp_path / f"{name}.buckets.arrow"
        table = pa.table([ids, pa.array(numbers)], schema=BUCKETS_SCHEMA)
        shard_files.write_batches(files[name], BUCKETS_SCHEMA, table.to_batches())
        of |= {(name, row): int(number) for row, number in enumerate(numbers)}
    return shards, files, of


def tokens_by_bucket(out: Path, of: dict) -> Counter:
    found: Counter = Counter()
    for s in segments_of(out / "train"):
        found["books" if s["source"] == "books" else of[Path(s["shard"]).stem, s["row"]]] += s["length"]
    return found


DIVIDED = BucketParams(BY, (0.2, 0.6), (1, 2, 5), (1, 1, 4), MissingBucket(2, 2))


def test_tokens_reach_the_shares_of_the_buckets_to_the_token(web, tmp_path):
    shards, files, of = web
    mixture = MixtureParams(tokens=4000)
    divided = {"web": Divided(DIVIDED, files)}
    weights = {"web": 0.5, "books": 0.5}
    counts = pack(shards, PackParams(31), mixture, weights, {"web": 1, "books": 4}, 5, tmp_path / "out", divided)
    expected = {0: 200, 1: 400, 2: 1000, 3: 400, "books": 2000}
    assert dict(tokens_by_bucket(tmp_path / "out", of)) == expected
    told = {name: c["tokens"] for name, c in counts["buckets"].items()}
    assert told == {"web/0": 200, "web/1": 400, "web/2": 1000, "web/missing": 400}
    assert counts["sources"]["web"]["tokens"] == 2000
    inside = [c for name, c in counts["buckets"].items()]
    assert counts["sources"]["web"]["available"] == sum(c["available"] for c in inside)
    assert counts["sources"]["web"]["documents"] == sum(c["documents"] for c in inside)
    assert counts["sources"]["web"]["epochs"] == pytest.approx(2000 / counts["sources"]["web"]["available"])


@FIXTURE_IS_FRESH
@given(
    weights=st.tuples(*[st.integers(0, 9)] * 4).filter(any),
    epochs=st.tuples(*[st.sampled_from([0.5, 1, 2, 3.5])] * 4),
    weighted=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_no_bucket_is_repeated_beyond_its_epochs_and_shares_hold(
    web, tmp_path_factory, weights, epochs, weighted, seed
):
    shards, files, of = web
    out = tmp_path_factory.mktemp("packed")
    params = BucketParams(BY, (0.2, 0.6), weights[:3], epochs[:3], MissingBucket(weights[3], epochs[3]))
    source_weights = {"web": 3, "books": 1} if weighted else None
    counts = pack(
        shards, PackParams(31), MixtureParams(), source_weights, {}, seed, out, {"web": Divided(params, files)}
    )
    lengths = {(name, row): n for _, name, path in shards for row, n in enumerate(open_tokens(path).lengths.tolist())}
    train, held_out = segments_of(out / "train"), segments_of(out / "validation")
    assert not {(Path(s["shard"]).stem, s["row"]) for s in train} & {
        (Path(s["shard"]).stem, s["row"]) for s in held_out
    }
    seen = Counter((Path(s["shard"]).stem, s["row"], s["start"] + k) for s in train for k in range(s["length"]))
    for (shard, row, _), times in seen.items():
        assert times <= np.ceil(epochs[of[shard, row]] if shard != "b" else 1)
    total = sum(weights)
    tokens = counts["sources"]["web"]["tokens"]
    for name, weight, most in zip(params.names, weights, epochs, strict=True):
        bucket = counts["buckets"][f"web/{name}"]
        assert abs(bucket["tokens"] - tokens * weight / total) <= 1
        assert bucket["tokens"] <= bucket["available"] * most
        assert weight or not bucket["tokens"]
    for s in held_out:
        assert s["length"] <= lengths[Path(s["shard"]).stem, s["row"]]
        assert s["source"] == "books" or weights[of[Path(s["shard"]).stem, s["row"]]]


def test_without_a_bucket_of_their_own_documents_without_value_are_in_the_lowest():
    values = np.array([0.1, np.nan, 0.2, 0.6, 9.0, -np.inf])
    assert bucket_numbers(values, (0.2, 0.6), own_missing=False).tolist() == [0, 0, 1, 2, 2, 0]
    assert bucket_numbers(values, (0.2, 0.6), own_missing=True).tolist() == [0, 3, 1, 2, 2, 0]
    assert DIVIDED.names == ["0", "1", "2", "missing"]


def test_other_weights_give_other_rows_and_the_same_weights_the_same_bytes(web, tmp_path):
    shards, files, _ = web
    for out, weights in (("a", (1, 1, 1)), ("b", (1, 1, 1)), ("c", (1, 1, 2))):
        params = BucketParams(BY, (0.2, 0.6), weights, missing=MissingBucket(1))
        order = shards if out == "a" else shards[::-1]
        pack(order, PackParams(31), MixtureParams(), None, {}, 5, tmp_path / out, {"web": Divided(params, files)})
    a, b, c = ([path.read_bytes() for path in sorted((tmp_path / out).rglob("*.arrow"))] for out in "abc")
    assert a == b != c


ROWS_OF = "d167374621b9d711 19ffde19c67a21fc ca210267eb5e3144"


def test_undivided_sources_have_the_rows_of_this_version(token_shard, tmp_path):
    lengths = [(i * 37) % 60 + 1 for i in range(60)]
    shards = [
        ("web", "w1", token_shard("w1", lengths[:25])),
        ("web", "w3", token_shard("w3", lengths[25:50])),
        ("books", "b1", token_shard("b1", lengths[50:])),
    ]
    digests = []
    for number, (weights, epochs, tokens) in enumerate(
        [
            (None, {}, None),
            ({"web": 1, "books": 2}, {"web": 2, "books": 3}, None),
            ({"web": 3, "books": 1}, {"web": 2, "books": 3}, 700),
        ]
    ):
        out = tmp_path / str(number)
        counts = pack(shards, PackParams(31), MixtureParams(tokens, 0.1), weights, epochs, 5, out)
        rows = [open_rows(out / split).table["segments"].to_pylist() for split in ("train", "validation")]
        digests.append(hashlib.blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest())
        assert "buckets" not in counts
    assert " ".join(digests) == ROWS_OF, "other rows than before: raise VERSION in pack.py"


def test_a_bucket_without_documents_is_named_with_its_remedy(web, tmp_path):
    shards, files, _ = web
    params = BucketParams(BY, (0.2, 0.4, 0.6, 0.8), (1, 1, 1, 1, 1))
    with pytest.raises(ValueError, match=r"no tokens in web/4; give such a part the weight 0, or move the edges"):
        pack(shards, PackParams(31), MixtureParams(), None, {}, 5, tmp_path, {"web": Divided(params, files)})


@pytest.mark.parametrize("weights", [None, {"web": 1, "books": 1}])
def test_the_weight_of_an_empty_bucket_for_missing_values_goes_to_the_others(web, tmp_path, weights):
    shards, files, _ = web
    edges, given = (0.2, 0.4, 0.6), (0.1, 0.2, 0.3, 0.4)  # the fifth bucket, `missing`, has no documents
    told = []
    for number, missing in enumerate((None, MissingBucket(0.7))):
        divided = {"web": Divided(BucketParams(BY, edges, given, missing=missing), files)}
        mixture = MixtureParams(900)
        told.append(pack(shards, PackParams(31), mixture, weights, {}, 5, tmp_path / str(number), divided))
    without, empty = told
    assert empty["buckets"].pop("web/missing")["tokens"] == 0
    assert without["buckets"] == empty["buckets"]
    assert (without["notes"], len(empty["notes"])) == ([], 1)
    assert empty["notes"][0].startswith("no document is in web/missing; its weight goes to the other buckets of web")


def test_a_part_that_limits_a_mixture_of_no_given_size_is_named_with_what_is_unused(web, tmp_path):
    shards, files, _ = web
    params = BucketParams(BY, (0.2, 0.4, 0.6), (0.01, 0.9, 0.01, 0.08))
    counts = pack(shards, PackParams(31), MixtureParams(), None, {}, 5, tmp_path / "a", {"web": Divided(params, files)})
    had = sum(part["available"] for part in counts["sources"].values())
    (note,) = counts["notes"]
    assert note.startswith(f"web/1 limits the mixture to {counts['tokens']:,} tokens: it has ")
    assert f"; {had - counts['tokens']:,} of {had:,} tokens (" in note
    sized = pack(
        shards, PackParams(31), MixtureParams(100), None, {}, 5, tmp_path / "b", {"web": Divided(params, files)}
    )
    whole = pack(shards, PackParams(31), MixtureParams(), None, {}, 5, tmp_path / "c")
    weighed = pack(shards, PackParams(31), MixtureParams(), {"web": 1, "books": 1}, {}, 5, tmp_path / "d")
    assert sized["notes"] == whole["notes"] == []
    assert weighed["notes"][0].startswith("books limits the mixture")


def test_a_bucket_that_is_short_of_tokens_is_told_what_would_mend_it(web, tmp_path):
    shards, files, _ = web
    divided = {"web": Divided(DIVIDED, files)}
    with pytest.raises(ValueError, match=r"web/0 must give [\d,]+ tokens .* raise max_epochs of .*web/0 to") as told:
        pack(shards, PackParams(31), MixtureParams(20_000), {"web": 1, "books": 0}, {}, 5, tmp_path, divided)
    assert "lower the weight" not in str(told.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"by": "classifer.hq"}, "'classifer.hq' is no feature"),
        ({"by": "licence"}, "is no number"),
        ({"edges": ()}, "one finite number or more"),
        ({"edges": (0.6, 0.2)}, "do not ascend"),
        ({"edges": (0.2, 0.2)}, "do not ascend"),
        ({"weights": (1, 2)}, "weights has 2 entries, but 2 edges make 3 buckets"),
        ({"max_epochs": (1,)}, "max_epochs has 1 entries"),
        ({"weights": (1, -1, 1)}, "weight -1 of a bucket must be 0 or more"),
        ({"weights": (0, 0, 0)}, "weights are all 0"),
        ({"max_epochs": (1, 0, 1)}, "max_epochs 0 of a bucket must be above 0"),
    ],
)
def test_parameters_say_what_is_wrong(wrong, said):
    with pytest.raises(ValueError, match=said):
        BucketParams(**({"by": BY, "edges": (0.2, 0.6), "weights": (1, 1, 1)} | wrong))
