"""Batches hold the tokens that the index names, and a position means the same rows for every number of processes."""

import io
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch

from gristmill.tokenizer import bpe
from gristmill.tokenizer.encode import open_tokens
from gristmill.tokenizer.training import TokenizerParams, train
from gristmill.train import data
from gristmill.train.data import IGNORED, NO_SOURCE, PackedRows, PackedRowsLoader, Rows
from tests.train.conftest import SEQ_LENGTH, make_run


@pytest.fixture(scope="module")
def rows(run_folder) -> Rows:
    return Rows(run_folder, "train")


def segments(rows: Rows, row: int) -> list[dict]:
    return rows.table["segments"][row].as_py()


def as_process(monkeypatch, rank: int, world_size: int) -> None:
    monkeypatch.setattr(data, "rank_and_world_size", lambda: (rank, world_size))


def test_a_row_is_its_segments_end_to_end_and_then_padding(rows, run_folder):
    for row in range(0, len(rows), 7):
        expected = []
        for part in segments(rows, row):
            tokens = open_tokens(run_folder / "tokens" / part["shard"])
            expected += tokens.document(part["row"])[part["start"] :][: part["length"]].tolist()
        assert len(expected) == rows.lengths[row]
        expected += [rows.end_id] * (SEQ_LENGTH + 1 - len(expected))
        assert rows.gather(row, 1)[0].tolist() == expected


def test_the_first_row_follows_the_last(rows):
    last = len(rows) - 1
    around = rows.gather(last, 3)
    assert torch.equal(around, torch.cat([rows.gather(last, 1), rows.gather(0, 2)]))
    assert torch.equal(rows.gather(3 * len(rows) + 5, 2), rows.gather(5, 2))


def test_targets_are_the_next_tokens_and_padding_carries_no_loss(rows):
    padded = int(np.argmin(rows.lengths))
    inputs, targets = rows.inputs_and_targets(padded, 2)
    tokens = rows.gather(padded, 2)
    assert inputs.shape == targets.shape == (2, SEQ_LENGTH)
    assert torch.equal(inputs, tokens[:, :-1])
    used = int(rows.lengths[padded])
    assert used < SEQ_LENGTH
    assert torch.equal(targets[0, : used - 1], tokens[0, 1:used])
    assert set(targets[0, used - 1 :].tolist()) == {IGNORED}


def test_targets_are_counted_without_reading_them(rows):
    _, targets = rows.inputs_and_targets(3, 40)
    assert rows.num_targets(3, 40) == int((targets != IGNORED).sum())


def test_each_target_knows_its_source(rows):
    first = len(rows) - 2  # over the end, so that the batch is made of two parts
    found = rows.target_sources(first, 4)
    for line, row in zip(found, [first, first + 1, 0, 1], strict=True):
        expected = [part["source"] for part in segments(rows, row) for _ in range(part["length"])]
        expected = [rows.sources.index(source) for source in expected]
        expected += [NO_SOURCE] * (SEQ_LENGTH + 1 - len(expected))
        assert line.tolist() == expected[1:]


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_a_global_batch_is_the_same_rows_for_any_number_of_processes(rows, monkeypatch, world_size):
    batches = []
    for rank in range(world_size):
        as_process(monkeypatch, rank, world_size)
        stream = iter(PackedRowsLoader(rows, micro_batch_size=2))
        batches.append([next(stream) for _ in range(16 // (2 * world_size))])
    together = torch.cat([batch for turn in zip(*batches, strict=True) for batch in turn])
    assert torch.equal(together, rows.gather(0, 16))


def test_a_loader_goes_on_with_another_number_of_processes(rows, monkeypatch):
    as_process(monkeypatch, 1, 2)
    loader = PackedRowsLoader(rows, micro_batch_size=4)
    stream = iter(loader)
    for _ in range(3):
        next(stream)
    state = loader.state_dict()
    assert state["rows"] == 24
    as_process(monkeypatch, 0, 1)
    resumed = PackedRowsLoader(rows, micro_batch_size=4)
    resumed.load_state_dict(state)
    assert torch.equal(next(iter(resumed)), rows.gather(24, 4))


def test_a_loader_begins_again_after_a_pass_and_says_so(rows):
    loader = PackedRowsLoader(rows, micro_batch_size=4)
    passed = list(loader)
    assert len(passed) == len(loader) == -(-len(rows) // 4)
    assert torch.equal(next(iter(loader)), rows.gather(len(passed) * 4, 4))


def test_the_state_survives_a_checkpoint_that_allows_no_code(rows):
    loader = PackedRowsLoader(rows, micro_batch_size=4)
    next(iter(loader))
    file = io.BytesIO()
    torch.save(loader.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert state == json.loads(json.dumps(state)) == loader.state_dict()


def repacked(run_folder, folder, keep: int):
    """The run with only the first rows of its training split."""
    shutil.copytree(run_folder, folder)
    path = next((folder / "packed" / "train").glob("*.arrow"))
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    path.unlink()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table.slice(0, keep))
    return Rows(folder, "train")


def test_a_longer_packing_that_begins_alike_may_be_gone_on_with(rows, run_folder, tmp_path):
    shorter = repacked(run_folder, tmp_path / "shorter", keep=100)
    assert shorter.digests(64) == rows.digests(64)
    assert shorter.digests(100) == rows.digests(100)
    assert shorter.digests(101) != rows.digests(101)


def test_rows_packed_anew_are_refused(rows, tmp_path):
    state = {"rows": 64, "digests": rows.digests(64)}
    other = Rows(make_run(tmp_path / "other", seed=4), "train")
    with pytest.raises(ValueError, match="packed anew"):
        PackedRowsLoader(other, 4).load_state_dict(state)


def test_nothing_consumed_is_nothing_to_compare(rows):
    assert rows.digests(0) == []


def test_litgpt_may_not_cut_the_rows(run_folder):
    module = PackedRows(str(run_folder))
    with pytest.raises(ValueError, match=f"set it to {SEQ_LENGTH}"):
        module.connect(batch_size=4, max_seq_length=SEQ_LENGTH // 2)


def test_litgpt_validates_on_whole_batches(run_folder):
    module = PackedRows(str(run_folder))
    module.connect(batch_size=4, max_seq_length=SEQ_LENGTH)
    batches = list(module.val_dataloader())
    assert {tuple(batch.shape) for batch in batches} == {(4, SEQ_LENGTH + 1)}
    assert torch.equal(batches[0], Rows(run_folder, "validation").gather(0, 4))


def test_litgpt_validates_on_part_of_a_batch_if_there_is_no_more(run_folder):
    module = PackedRows(str(run_folder))
    module.connect(batch_size=10_000, max_seq_length=SEQ_LENGTH)
    assert len(list(module.val_dataloader())) == 1


def test_a_folder_without_rows_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="run the pack step first"):
        Rows(tmp_path, "train")


GLOBAL_BATCH = 24
"""Rows of a step; every world size of these divides it."""


def global_batches(rows, monkeypatch, world_size: int, state: dict | None, count: int) -> tuple[list, dict]:
    """The next `count` global batches that `world_size` processes see together, and the state that rank 0 saves."""
    per_rank, states = [], []
    for rank in range(world_size):
        as_process(monkeypatch, rank, world_size)
        loader = PackedRowsLoader(rows, micro_batch_size=1)
        if state is not None:
            loader.load_state_dict(state)
        micro = []
        while len(micro) < count * GLOBAL_BATCH // world_size:
            micro += [
                batch for _, batch in zip(range(count * GLOBAL_BATCH // world_size - len(micro)), loader, strict=False)
            ]
        per_rank.append(micro)
        states.append(loader.state_dict())
    assert all(one == states[0] for one in states)  # LitGPT saves the one of rank 0 for all
    together = [batch for turn in zip(*per_rank, strict=True) for batch in turn]
    return [torch.cat(together[i : i + GLOBAL_BATCH]) for i in range(0, len(together), GLOBAL_BATCH)], states[0]


@pytest.mark.parametrize("after", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("before", [1, 3, 8])
def test_batches_after_a_resume_are_the_same_bit_for_bit_at_any_world_size(rows, monkeypatch, before, after):
    steps = 2 * len(rows) // GLOBAL_BATCH + 1  # over the end of two passes
    as_process(monkeypatch, 0, 1)
    for step in (1, steps // 2, steps - 2):
        _, state = global_batches(rows, monkeypatch, before, None, step)
        assert state["rows"] == step * GLOBAL_BATCH
        found, _ = global_batches(rows, monkeypatch, after, json.loads(json.dumps(state)), 2)
        expected = [rows.gather((step + i) * GLOBAL_BATCH, GLOBAL_BATCH) for i in range(2)]
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def damaged(run_folder, folder, change) -> Rows:
    """A copy of the run with something changed in it."""
    shutil.copytree(run_folder, folder)
    change(folder)
    return Rows(folder, "train")


def test_tokens_that_were_encoded_anew_are_refused_at_a_resume(rows, run_folder, tmp_path):
    def change(folder):
        table = pa.ipc.open_file(pa.memory_map(str(folder / "packed" / "shards.arrow"))).read_all()
        other = table.set_column(3, "digest", pa.array(["0" * 32] * len(table)))
        (folder / "packed" / "shards.arrow").unlink()
        with (
            pa.OSFile(str(folder / "packed" / "shards.arrow"), "wb") as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(other.cast(table.schema))

    other = damaged(run_folder, tmp_path / "run", change)
    with pytest.raises(ValueError, match="packed anew, or of other tokens"):
        PackedRowsLoader(other, 4).load_state_dict({"rows": 64, "digests": rows.digests(64)})


def test_a_token_shard_that_was_cut_short_is_named(run_folder, tmp_path):
    def change(folder):
        path = next((folder / "tokens" / "books").glob("*.arrow"))
        path.write_bytes(path.read_bytes()[:-100])

    other = damaged(run_folder, tmp_path / "run", change)
    with pytest.raises(ValueError, match=r"tokens/books/.*arrow was cut short or is no Arrow file"):
        other.gather(0, len(other))


def test_a_token_shard_of_other_documents_is_refused(run_folder, tmp_path):
    def change(folder):
        path = next((folder / "tokens" / "books").glob("*.arrow"))
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        path.unlink()
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table.slice(0, 100))

    other = damaged(run_folder, tmp_path / "run", change)
    with pytest.raises(ValueError, match="has 100 documents and not 150 as when the rows were packed"):
        other.gather(0, len(other))


def test_another_tokenizer_than_the_tokens_were_made_with_is_refused(run_folder, tmp_path):
    def change(folder):
        bpe.save(
            train(["other words in another tokenizer"] * 9, TokenizerParams(vocab_size=300)),
            folder / "tokenizer",
        )

    with pytest.raises(ValueError, match="was encoded with another tokenizer"):
        damaged(run_folder, tmp_path / "run", change)


def test_a_file_of_rows_that_is_missing_is_noticed(rows, tmp_path, run_folder):
    shutil.copytree(run_folder, tmp_path / "run")
    path = next((tmp_path / "run" / "packed" / "train").glob("*.arrow"))
    path.rename(path.with_name("rows-0000008192.arrow"))
    with pytest.raises(ValueError, match="a file of rows is missing before rows-0000008192"):
        Rows(tmp_path / "run", "train")
