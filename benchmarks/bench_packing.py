"""Packing and loading beside the best-fit paper's algorithm, LitData's streaming loader and LitGPT's text data module.

    python -m benchmarks.bench_packing [--documents 1000000] [--no-step]

Needs `make readers`: LitData is taken from there. Documents are drawn (log-normal lengths, mean about 700 tokens, some of
tens of thousands), tokens are random, for neither packing nor loading looks at them. Times are processor time of this
process, the best of interleaved runs.
"""

import argparse
import bisect
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.tokenizer import catalogue
from gristmill.tokenizer.encode import TokenFile, _schema
from gristmill.tokenizer.export import export_tokens
from gristmill.tokenizer.fit import best_fit
from gristmill.tokenizer.mixture import MixtureParams
from gristmill.tokenizer.pack import PackParams, pack

WIDTH = 2049
SHARE = {"web": 0.7, "books": 0.2, "code": 0.1}


def lengths_of(count: int, seed: int = 0) -> np.ndarray:
    """Tokens of documents, int64 [count]."""
    return np.minimum(np.random.default_rng(seed).lognormal(5.9, 1.15, count).astype(np.int64) + 2, 400_000)


def paper(lengths: np.ndarray, width: int) -> tuple[int, int]:
    """Rows and truncated documents of Ding et al. 2024, algorithm 1, one item at a time: the measure of ours."""
    pieces = [n for length in lengths.tolist() for n in [width] * (length // width) + [length % width] if n]
    rooms: list[int] = []
    rows = 0
    for piece in sorted(pieces, reverse=True):
        place = bisect.bisect_left(rooms, piece)
        if place == len(rooms):
            rows += 1
            room = width
        else:
            room = rooms.pop(place)
        if room > piece:
            bisect.insort(rooms, room - piece)
    return rows, int((lengths > width).sum())


def packing() -> None:
    """Padding and truncation of our fit beside the paper's, on the same lengths."""
    lengths = lengths_of(100_000)
    start = time.process_time()
    rows, truncated = paper(lengths, WIDTH)
    theirs = time.process_time() - start
    start = time.process_time()
    item, _, _, row = best_fit(lengths, WIDTH)
    ours = time.process_time() - start
    pieces = np.bincount(item)
    total = int(lengths.sum())
    for name, count, cut, seconds in (
        ("paper's algorithm", rows, truncated, theirs),
        ("gristmill", int(row.max()) + 1, int((pieces > 1).sum()), ours),
    ):
        print(
            f"best fit, 100,000 documents, {name:<18} {count:,} rows, {1 - total / (count * WIDTH):.3%} padding, "
            f"{cut:,} documents cut, {seconds:.2f} s"
        )


def scale(count: int) -> None:
    """The whole of `pack` for so many documents, in a process of its own: seconds and peak memory."""
    command = [sys.executable, "-m", "benchmarks.bench_packing", "--scale", str(count)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(
        f"pack, {count:>10,} documents: {found['rows']:,} rows, {found['padding']:.3%} padding, window deviation "
        f"{found['window_deviation']:.2%}, {found['seconds']:.1f} s of processor time, peak {found['peak'] / 1e6:,.0f} MB "
        f"({(found['peak'] - found['before']) / count:.0f} bytes a document)"
    )


def scale_one(count: int) -> None:
    """Run `pack` on shards of which there are only lengths and ids; prints what it cost as JSON."""
    per_shard = 20_000
    opened = {}
    for number, first in enumerate(range(0, count, per_shard)):
        source = list(SHARE)[number % len(SHARE)]
        lengths = lengths_of(min(per_shard, count - first), number)
        ids = pa.chunked_array([pa.array([f"{i:032x}" for i in range(first, first + len(lengths))])])
        opened[f"{source}/{number}"] = TokenFile(np.empty(0, np.uint16), np.empty(0), lengths, ids, 0, "t", source)
    catalogue.open_tokens = opened.__getitem__  # 14 GB of tokens that nobody reads would have to be written first
    shards = [(name.split("/")[0], name.split("/")[1], name, None, "digest") for name in opened]
    before, start = peak_bytes(), time.process_time()
    with tempfile.TemporaryDirectory() as out:
        epochs = dict.fromkeys(SHARE, 4)
        tokens = int(sum(file.lengths.sum() for file in opened.values()))
        counts = pack(shards, PackParams(WIDTH - 1), MixtureParams(tokens), SHARE, epochs, 1, out)
    found = {name: counts[name] for name in ("rows", "padding", "window_deviation")}
    found |= {"seconds": time.process_time() - start, "peak": peak_bytes(), "before": before}
    print(json.dumps(found))


def peak_bytes() -> int:
    """Peak memory of this process so far; Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def make_run(folder: Path, documents: int = 30_000) -> Path:
    """A run folder with packed rows over random tokens."""
    rng, shards = np.random.default_rng(1), []
    for number, source in enumerate(SHARE):
        lengths = lengths_of(documents // len(SHARE), number)
        path = folder / "tokens" / source / "part-00000000.arrow"
        path.parent.mkdir(parents=True)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        values = rng.integers(1, 50_000, ends[-1], dtype=np.uint16)
        values[ends[1:] - 1] = 0
        schema = _schema(np.uint16, "digest", 0, source)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for first in range(0, len(lengths), 1024):
                part = ends[first : first + 1025]
                tokens = pa.LargeListArray.from_arrays(
                    part - part[0], values[part[0] : part[-1]], type=schema.field("tokens").type
                )
                ids = pa.array([f"{source}{i}" for i in range(first, first + len(tokens))])
                writer.write_batch(pa.record_batch([ids, tokens], schema=schema))
        shards.append((source, path.stem, path))
    pack(shards, PackParams(WIDTH - 1), MixtureParams(), None, {}, 1, folder / "packed")
    return folder


def loading(run: Path, exported: Path, rounds: int, batches: int, micro_batch_size: int) -> dict[str, float]:
    """Tokens a second of each loader, micro batches of int64 [B, 2049] in this process; and that all give the same."""
    import torch
    from litdata import StreamingDataLoader, StreamingDataset, TokensLoader

    from gristmill.train.data import PackedRowsLoader, Rows

    def ours():
        return PackedRowsLoader(Rows(run, "train"), micro_batch_size)

    def streaming():
        data = StreamingDataset(str(exported), item_loader=TokensLoader(block_size=WIDTH), shuffle=False)
        return StreamingDataLoader(data, batch_size=micro_batch_size, num_workers=0)

    def text_files():
        """LitGPT's module of text files, on tokens that are there already."""
        from litgpt.data import TextFiles

        module = TextFiles(train_data_path=exported, num_workers=0)
        module.out_path_train = str(exported)
        module.connect(tokenizer=object(), batch_size=micro_batch_size, max_seq_length=WIDTH - 1)
        return module.train_dataloader()

    makers: dict[str, Callable] = {"gristmill PackedRowsLoader": ours, "LitData StreamingDataLoader": streaming}
    makers["LitGPT TextFiles"] = text_files
    first = {name: next(iter(make())).long() for name, make in makers.items() if name != "LitGPT TextFiles"}
    same = len({tensor.numpy().tobytes() for tensor in first.values()}) == 1
    print(f"first micro batch the same in {', '.join(first)}: {same}")  # LitGPT's module shuffles
    best = dict.fromkeys(makers, float("inf"))
    for _ in range(rounds):
        for name, make in makers.items():
            stream = iter(make())
            next(stream).long()  # opens files
            start = time.process_time()
            for _ in range(batches):
                next(stream).long()
            best[name] = min(best[name], time.process_time() - start)
    assert torch.get_num_threads() >= 1
    tokens = batches * micro_batch_size * WIDTH
    for name, seconds in best.items():
        print(
            f"loading, {name:<28} {tokens / seconds / 1e6:8.1f} million tokens/s, {seconds / batches * 1e3:.2f} ms a batch"
        )
    return {name: tokens / seconds for name, seconds in best.items()}


def step(tokens_per_s: float) -> None:
    """A training step of LitGPT's smallest model on this machine, and what share of it loading is."""
    import torch
    from litgpt import GPT, Config

    torch.set_num_threads(1)
    model = GPT(Config.from_name("pythia-14m"))
    inputs = torch.randint(0, 50_000, (1, 512))
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        logits = model(inputs)
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), inputs.flatten()).backward()
        best = min(best, time.process_time() - start)
    share = inputs.numel() / tokens_per_s / best
    print(
        f"step of pythia-14m, 512 tokens, one thread: {best:.2f} s of processor time; loading them is {share:.4%} of it; "
        f"1 % of a step up to {tokens_per_s / 100 / 1e6:.1f} million tokens/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000, help="of the larger of two packings")
    parser.add_argument("--no-step", action="store_true", help="leave out the training step")
    parser.add_argument("--readers", type=Path, default=Path(".venv-readers"), help="environment that has litdata")
    parser.add_argument("--scale", type=int, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.scale:
        scale_one(told.scale)
        return
    packing()
    for count in (told.documents // 10, told.documents):
        scale(count)
    sys.path += map(str, told.readers.glob("lib/python3*/site-packages"))  # last, so that ours are ours
    with tempfile.TemporaryDirectory() as folder:
        run, exported = make_run(Path(folder) / "run"), Path(folder) / "exported"
        export_tokens(run, "train", "litdata", exported)
        found = loading(run, exported, 3, 60, 8)
    if not told.no_step:
        step(found["gristmill PackedRowsLoader"])


if __name__ == "__main__":
    main()
