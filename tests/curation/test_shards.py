"""Arrow files of documents: written in bounded batches, equal bytes for equal rows, read back whole or by row."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation import shards

SCHEMA = pa.schema([pa.field("id", pa.string()), pa.field("text", pa.string())])


def write(path, sizes):
    number = iter(range(10**6))
    batches = [
        pa.RecordBatch.from_pylist(
            [{"id": str(i), "text": f"t{i}"} for i in [next(number) for _ in range(size)]], SCHEMA
        )
        for size in sizes
    ]
    return shards.write_batches(path, SCHEMA, batches)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 5), max_size=6), st.randoms())
def test_rows_are_taken_in_the_order_asked_for(tmp_path_factory, sizes, random):
    path = tmp_path_factory.mktemp("take") / "a.arrow"
    total = write(path, sizes)
    rows = [random.randrange(total) for _ in range(10)] if total else []
    assert shards.take(path, rows, "text").to_pylist() == [f"t{row}" for row in rows]


def test_bytes_do_not_depend_on_the_number_of_threads(tmp_path):
    before = pa.cpu_count()
    try:
        for threads in (1, 8):
            pa.set_cpu_count(threads)
            write(tmp_path / f"{threads}.arrow", [1000, 500])
    finally:
        pa.set_cpu_count(before)
    assert (tmp_path / "1.arrow").read_bytes() == (tmp_path / "8.arrow").read_bytes()


def test_a_file_without_rows_is_a_valid_file(tmp_path):
    assert write(tmp_path / "a.arrow", []) == 0
    assert shards.read_table(tmp_path / "a.arrow").schema.names == ["id", "text"]
    assert shards.read_table(tmp_path / "a.arrow", ["text"]).num_rows == 0


def test_a_batch_ends_before_the_row_that_would_overfill_it(monkeypatch):
    monkeypatch.setattr(shards, "MAX_BATCH_BYTES", 100)
    batcher = shards.Batcher(SCHEMA)
    sizes = [60, 30, 20, 500, 1]
    batches = [b for size in sizes for b in batcher.add({"id": str(size), "text": ""}, size)] + list(batcher.flush())
    assert [b.column("id").to_pylist() for b in batches] == [["60", "30"], ["20"], ["500"], ["1"]]
    assert np.sum([b.num_rows for b in batches]) == len(sizes)
