"""Packed rows as batches, for our loop and for LitGPT's, in one order and with one integer for a position.

The position is the number of rows consumed by all processes together: the next micro batch of rank r in w processes
starts at row `position + r * micro_batch_size`, and the position moves on by `w * micro_batch_size`. A global batch
is therefore the same set of rows for every w, and a run may go on with another number of processes than it began
with. When the packed rows are used up they are seen again in the same order.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import xxhash
from litgpt.data import DataModule
from torch.utils.data import DataLoader, Dataset, IterableDataset

from gristmill.tokenizer.encode import TokenFile, open_tokens
from gristmill.tokenizer.rows import (
    FILE_ROWS,
    PackedShard,
    RowColumns,
    fill,
    read_shards,
    row_columns,
    segment_numbers,
)
from gristmill.train.inputs import check_tokenizer, packed
from gristmill.train.processes import rank_and_world_size

IGNORED = -100
"""Target that carries no loss; the `ignore_index` of torch's cross-entropy."""

NO_SOURCE = -1


class Rows:
    """The packed rows of one split of a run folder, gathered on demand from memory-mapped token shards.

    Reads `packed/<split>/`, `packed/shards.arrow` and `tokens/` below `run`; any row costs the
    same, wherever it is. Raises ValueError where there are no rows, or they and the tokenizer do not fit together.
    """

    def __init__(self, run: Path | str, split: str) -> None:
        self.run = Path(run)
        rows = packed(self.run, split)
        check_tokenizer(self.run, rows)
        self.table = rows.table
        self.seq_length = rows.seq_length
        self.end_id = rows.end_id
        self._shards = _TokenShards(self.run, rows.tokenizer)
        self._digests: dict[int, str] = {}
        self._columns: dict[int, RowColumns] = {}

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of every row, int64 [rows]."""
        return self._lengths_of(0, len(self))

    @cached_property
    def sources(self) -> list[str]:
        """The sources that rows have tokens of, sorted."""
        return sorted({name for lists in self._files() for name in _used_sources(lists)})

    def take(self, first: int, count: int) -> pa.Table:
        """`count` packed rows from row `first` on; after the last row the first follows again."""
        parts = []
        while count:
            file, row = divmod(first % len(self), FILE_ROWS)
            part = self._files()[file].slice(row, count)
            parts.append(part)
            first, count = first + len(part), count - len(part)
        return pa.Table.from_arrays([pa.chunked_array(parts, self.table["segments"].type)], ["segments"])

    def gather(self, first: int, count: int) -> torch.Tensor:
        """Token ids of these rows, int64 [count, T+1], padded at the end with the end-of-document id."""
        tokens, line = np.empty((count, self.seq_length + 1), np.int64), 0
        for columns, row, number in self._stretches(first, count):
            fill(tokens[line : line + number], columns, row, self._shards, self.end_id)
            line += number
        return torch.from_numpy(tokens)

    def inputs_and_targets(self, first: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What the model sees and what it is to say next, both int64 [count, T]; targets in the padding are IGNORED."""
        tokens = self.gather(first, count)
        targets = tokens[:, 1:].clone()
        used = torch.from_numpy(self._lengths_of(first, count)).unsqueeze(1)
        targets[torch.arange(1, self.seq_length + 1) >= used] = IGNORED
        return tokens[:, :-1], targets

    def num_targets(self, first: int, count: int) -> int:
        """How many targets of these rows carry loss: all tokens but the first of each row."""
        return int((self._lengths_of(first, count) - 1).sum())

    def target_sources(self, first: int, count: int) -> np.ndarray:
        """Index into `sources` of each target, int64 [count, T]; NO_SOURCE in the padding."""
        table = self.take(first, count)
        chunks = table["segments"].chunks
        of_segment = np.concatenate([_source_numbers(lists, self.sources) for lists in chunks])
        per_row = np.concatenate([np.diff(np.asarray(lists.offsets)) for lists in chunks])
        number = segment_numbers(table, self.seq_length + 1)
        segment = number + (np.cumsum(per_row) - per_row)[:, None]
        return np.where(number < 0, NO_SOURCE, of_segment[segment])[:, 1:]

    def digests(self, consumed: int) -> list[str]:
        """Digest of the rows in each packed file up to row `consumed`; equal lists saw equal rows in equal order.

        Beyond one pass the number of rows is part of the list, for then the order depends on it.
        """
        digests, first = [], 0
        for number, lists in enumerate(self._files()):
            if consumed >= first + len(lists):  # it is whole, and will not be read again for the next checkpoint
                if number not in self._digests:
                    self._digests[number] = self._digest(lists)
                digests.append(self._digests[number])
            elif consumed > first:
                digests.append(self._digest(lists.slice(0, consumed - first)))
            first += len(lists)
        return digests + [f"{len(self)} rows"] if consumed > len(self) else digests

    def _files(self) -> list[pa.ListArray]:
        return self._chunks

    @cached_property
    def _chunks(self) -> list[pa.ListArray]:
        return self.table["segments"].chunks

    def _lengths_of(self, first: int, count: int) -> np.ndarray:
        parts = [columns.lengths(row, row + number) for columns, row, number in self._stretches(first, count)]
        return np.concatenate(parts)

    def _stretches(self, first: int, count: int) -> Iterator[tuple[RowColumns, int, int]]:
        """The rows from `first` on, file by file: its columns, the first row within it, and how many."""
        while count:
            file, row = divmod(first % len(self), FILE_ROWS)
            if file not in self._columns:
                self._columns[file] = row_columns(self._files()[file])
            number = min(count, len(self._files()[file]) - row)
            yield self._columns[file], row, number
            first, count = first + number, count - number

    def _digest(self, lists: pa.ListArray) -> str:
        return _digest(lists, self._shards.packed)


class _TokenShards(dict):
    """Token shards by (source, shard), opened when they are first wanted, and compared with what was packed."""

    def __init__(self, run: Path, tokenizer: str) -> None:
        self._folder = run / "tokens"
        self._tokenizer = tokenizer
        self.packed = read_shards(run / "packed" / "shards.arrow")

    def __missing__(self, name: tuple[str, str]) -> TokenFile:
        path = self._folder / name[1]
        opened = open_tokens(path)
        known = self.packed[name].documents
        if opened.tokenizer != self._tokenizer or len(opened.lengths) != known:
            what = (
                f"{len(opened.lengths):,} documents and not {known:,} as"
                if len(opened.lengths) != known
                else "other tokens than"
            )
            raise ValueError(f"{path} has {what} when the rows were packed; pack again, or restore it")
        self[name] = opened
        return opened


def _used_sources(lists: pa.ListArray) -> list[str]:
    source = lists.flatten().field("source")
    return [source.dictionary[number].as_py() for number in np.unique(source.indices)]


def _source_numbers(lists: pa.ListArray, sources: list[str]) -> np.ndarray:
    """Index into `sources` of each segment, int64."""
    source = lists.flatten().field("source")
    used = np.unique(source.indices)
    number = np.full(len(source.dictionary), NO_SOURCE, np.int64)
    number[used] = [sources.index(source.dictionary[i].as_py()) for i in used]
    return number[np.asarray(source.indices)]


def _digest(lists: pa.ListArray, packed: Mapping[tuple[str, str], PackedShard]) -> str:
    """Digest of packed rows and of the tokens that they point to.

    Shards are numbered by first use, so that rows after these do not change it.
    """
    segments = lists.flatten()
    source, shard = segments.field("source"), segments.field("shard")
    pairs = np.asarray(source.indices, np.int64) * len(shard.dictionary) + np.asarray(shard.indices)
    used, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    names = [divmod(int(pair), len(shard.dictionary)) for pair in used[np.argsort(first)]]
    used_shards = [(source.dictionary[s].as_py(), shard.dictionary[n].as_py()) for s, n in names]
    named = "\n".join(f"{n} {packed[s, n].digest}" for s, n in used_shards)
    state = xxhash.xxh3_128(named.encode())
    offsets = np.asarray(lists.offsets, np.int64) - lists.offsets[0].as_py()
    columns = [np.asarray(segments.field(name), np.int64) for name in ("row", "start", "length")]
    for column in (offsets, rank[inverse], *columns):
        state.update(np.ascontiguousarray(column).tobytes())
    return state.hexdigest()


def check_same_rows(rows: Rows, state: dict[str, object]) -> None:
    """Raise ValueError unless the packed rows up to the position in `state` are those that it was reached with."""
    if rows.digests(state["rows"]) != state["digests"]:
        raise ValueError(
            f"the checkpoint has seen {state['rows']:,} rows that are not the first rows of {rows.run / 'packed'}:"
            " they were packed anew, or of other tokens; train from the start in another folder, or restore the packed rows"
        )


class PackedRowsLoader(DataLoader):
    """Training batches for LitGPT: int64 [B, T+1], without end, at a position that its checkpoints carry.

    A subclass with `state_dict`, because LitGPT pickles a plain DataLoader whole and then cannot load it back; and
    the state is one integer for all ranks, because LitGPT saves the one of rank 0 for all. Batches are made in this
    process: gathering one micro batch of 4 x 33 tokens took 0.4 ms, of 32 x 2049 0.9 ms.
    """

    def __init__(self, rows: Rows, micro_batch_size: int) -> None:
        super().__init__(_NothingToSample(), batch_size=None)
        self.rows = rows
        self.micro_batch_size = micro_batch_size
        self.position = 0

    def __len__(self) -> int:
        """Batches of one pass."""
        _, world_size = rank_and_world_size()
        return -(-len(self.rows) // (self.micro_batch_size * world_size))

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Batches up to the end of this pass; the next iteration goes on where this one stood."""
        rank, world_size = rank_and_world_size()
        this_pass = self.position // len(self.rows)
        while self.position // len(self.rows) == this_pass:
            first = self.position + rank * self.micro_batch_size
            self.position += self.micro_batch_size * world_size
            yield self.rows.gather(first, self.micro_batch_size)

    def state_dict(self) -> dict[str, object]:
        """The position and what it was reached with."""
        return {"rows": self.position, "digests": self.rows.digests(self.position)}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on at a position. Raises ValueError if the rows before it are not those that were seen."""
        check_same_rows(self.rows, state)
        self.position = state["rows"]


class _NothingToSample(IterableDataset):
    """Stands where DataLoader wants a dataset; being iterable, Fabric puts no sampler of its own over it."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(())


class _SingleRows(Dataset):
    """Packed rows one by one, int64 [T+1]."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> torch.Tensor:
        return self._rows.gather(row, 1)[0]


class PackedRows(DataModule):
    """A run folder as LitGPT's data: `litgpt pretrain` with `data.class_path: gristmill.train.data.PackedRows`.

    LitGPT's loop has no place for masks, so there the padding (the end-of-document id) carries loss as well.
    """

    def __init__(self, run: str) -> None:
        """`run` is the run folder, with `packed/` and `tokens/`."""
        super().__init__()
        self._run = Path(run)
        self._micro_batch_size = 1

    def connect(
        self,
        tokenizer: object = None,
        batch_size: int = 1,
        max_seq_length: int | None = None,
        **kwargs: object,
    ) -> None:
        """Take LitGPT's settings; a length that is not the rows' would drop tokens and is refused."""
        self._micro_batch_size = batch_size
        seq_length = packed(self._run, "train").seq_length
        if max_seq_length != seq_length:
            raise ValueError(
                f"the rows of {self._run} are packed for {seq_length} tokens, but train.max_seq_length is"
                f" {max_seq_length}; set it to {seq_length}, or pack again"
            )

    def train_dataloader(self) -> PackedRowsLoader:
        return PackedRowsLoader(Rows(self._run, "train"), self._micro_batch_size)

    def val_dataloader(self) -> DataLoader:
        """Whole batches of the validation rows; a part of one only where there is no whole one."""
        rows = Rows(self._run, "validation")
        _, world_size = rank_and_world_size()
        whole = len(rows) >= self._micro_batch_size * world_size
        return DataLoader(_SingleRows(rows), batch_size=self._micro_batch_size, drop_last=whole)
