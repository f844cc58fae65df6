"""A mixture that changes in mid-run: the first rows are the old ones, and no token comes twice in an epoch."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.tokenizer.encode import open_tokens
from gristmill.tokenizer.mixture import MixtureParams, Phase
from gristmill.tokenizer.pack import PackParams, TokenShard, pack
from gristmill.tokenizer.rows import open_rows

METHODS = ["best_fit", "concat", "bos_aligned"]
SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
BEFORE = {"web": 0.8, "books": 0.2}
AFTER = {"web": 0.3, "books": 0.7}


def rows_of(folder) -> list[list[dict]]:
    return open_rows(folder / "train").table["segments"].to_pylist()


def times(rows) -> Counter:
    """How often each token (source, shard, row, place) occurs."""
    return Counter(
        (s["source"], s["shard"], s["row"], s["start"] + k) for row in rows for s in row for k in range(s["length"])
    )


@pytest.fixture
def shards(token_shard) -> list[TokenShard]:
    lengths = np.random.default_rng(0).integers(1, 90, 80).tolist()
    parts = {"w": lengths[:50], "b": lengths[50:]}
    return [
        TokenShard({"w": "web", "b": "books"}[name], name, token_shard(name, part, first=1000 * i + 1))
        for i, (name, part) in enumerate(parts.items())
    ]


@SETTINGS
@given(st.integers(0, 10**6), st.sampled_from(METHODS), st.integers(12, 40), st.floats(0.01, 0.99), st.data())
def test_the_first_rows_are_the_old_ones_and_nothing_repeats(shards, tmp_path_factory, seed, method, length, at, data):
    out = tmp_path_factory.mktemp("packed")
    params, epochs = PackParams(length, method), {"web": 3, "books": 3}
    old = MixtureParams(1200, weights=BEFORE)
    pack(shards, params, old, None, epochs, seed, out / "old")
    before = rows_of(out / "old")
    n = max(1, int(len(before) * at))
    new = MixtureParams(
        1200, weights=BEFORE, phases=(Phase(AFTER, after_rows=n, tokens=data.draw(st.integers(1, 900))),)
    )
    try:
        counts = pack(shards, params, new, None, epochs, seed, out / "new")
    except ValueError as error:
        if "asks for more than there is" not in str(error):  # the old rows may have used nearly all of books
            raise
        return
    after = rows_of(out / "new")
    assert after[:n] == before[:n]
    assert counts["phases"][-1]["first_row"] == n
    assert all(0 < sum(s["length"] for s in row) <= length + 1 for row in after)
    seen = times(after)
    for shard in shards:
        for row, tokens in enumerate(open_tokens(shard.path).lengths.tolist()):
            number = [seen[shard.source, shard.shard, row, k] for k in range(tokens)]
            assert max(number) <= 3
            if method == "bos_aligned":
                assert all(s["start"] == 0 for row in after for s in row)
    # Epochs: no document of a source is used again before all of them are used up to their ends.
    held = {
        (s["source"], s["shard"], s["row"])
        for row in open_rows(out / "new" / "validation").table["segments"].to_pylist()
        for s in row
    }
    for shard in shards if method != "bos_aligned" else ():
        number = [
            seen[shard.source, shard.shard, row, k]
            for row, tokens in enumerate(open_tokens(shard.path).lengths.tolist())
            if (shard.source, shard.shard, row) not in held
            for k in range(tokens)
        ]
        assert max(number) - min(number) <= 2
    realised = counts["phases"][-1]["shares"]
    total = counts["phases"][-1]["tokens"]
    assert all(abs(realised.get(p, 0) - w) * total <= 1 for p, w in AFTER.items())


def test_a_second_change_keeps_the_rows_of_the_first(shards, tmp_path):
    epochs = {"web": 3, "books": 4}
    first = Phase(AFTER, after_rows=20, tokens=900)
    second = Phase({"web": 0.5, "books": 0.5}, after_rows=30, tokens=600)
    for name, phases in {"a": (), "b": (first,), "c": (first, second)}.items():
        counts = pack(
            shards, PackParams(31), MixtureParams(2000, weights=BEFORE, phases=phases), None, epochs, 5, tmp_path / name
        )
    a, b, c = (rows_of(tmp_path / name) for name in "abc")
    assert b[:20] == a[:20] == c[:20]
    assert c[:30] == b[:30]
    assert b[20:] != a[20 : len(b)]
    assert [phase["first_row"] for phase in counts["phases"]] == [0, 20, 30]


def test_without_tokens_of_its_own_a_change_goes_on_to_the_end_that_was_planned(shards, tmp_path):
    mixture = MixtureParams(1200, weights=BEFORE, phases=(Phase(AFTER, after_rows=10),))
    assert pack(shards, PackParams(31), mixture, None, {"books": 3}, 5, tmp_path)["tokens"] == 1200


def test_a_change_after_the_end_is_refused(shards, tmp_path):
    mixture = MixtureParams(1200, weights=BEFORE, phases=(Phase(AFTER, after_rows=1000),))
    with pytest.raises(ValueError, match="after_rows 1000 is not before the end of the run, which has 39 rows"):
        pack(shards, PackParams(31), mixture, None, {"books": 3}, 5, tmp_path)


def test_a_planned_phase_begins_at_its_share_of_the_run(token_shard, tmp_path):
    shards = [TokenShard(name, name, token_shard(name, [20] * 3000)) for name in ("web", "books")]
    mixture = MixtureParams(
        60_000, weights={"web": 0.9, "books": 0.1}, phases=(Phase({"web": 0.2, "books": 0.8}, start=0.9),)
    )
    counts = pack(shards, PackParams(63), mixture, None, {}, 5, tmp_path)
    rows = rows_of(tmp_path)
    first = counts["phases"][1]["first_row"]
    assert first == pytest.approx(0.9 * len(rows), abs=2)
    for part, share in ((rows[:first], 0.1), (rows[first:], 0.8)):
        tokens = Counter()
        for s in (s for row in part for s in row):
            tokens[s["source"]] += s["length"]
        assert tokens["books"] / tokens.total() == pytest.approx(share, abs=0.005)
