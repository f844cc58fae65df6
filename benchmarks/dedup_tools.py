"""Deduplicates texts with one tool: `python dedup_tools.py TOOL WORKERS IN OUT`, in the environment that has the tool.

IN is JSON lines of {"number": ..., "text": ...}. OUT becomes {"signatures": [processor s, wall s] or null, "whole": [...],
"kept": [numbers]}. `signatures` is from texts in memory to MinHash signatures of word 5-grams; `whole` reads IN, signs, finds
and decides, and writes the survivors as JSON lines, ours as Arrow. Imports and the first texts are not counted; child
processes are, with their start, which text-dedup and `gristmill run` are all of.

All use word 5-grams, about 128 permutations and a threshold of 0.8, each by its own usual way.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

NGRAM_WORDS, NUM_PERM, THRESHOLD, BANDS, ROWS = 5, 126, 0.8, 21, 6
WORD = re.compile(r"\w+")
Timed = list[float]


def main() -> None:
    tool, workers, source, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    sign, whole = TOOLS[tool](workers)
    texts = [json.loads(line)["text"] for line in source.open(encoding="utf-8")]
    answer: dict[str, object] = {"signatures": None}
    if sign:
        sign(texts[:3])
        answer["signatures"], _ = timed(lambda: sign(texts))
    with tempfile.TemporaryDirectory() as folder:
        answer["whole"], answer["kept"] = timed(lambda: whole(source, Path(folder)))
    out.write_text(json.dumps(answer))


def timed(work: Callable[[], object]) -> tuple[Timed, object]:
    """Processor seconds, those of children included, and wall seconds; and what came of it."""
    before, start = os.times(), time.perf_counter()
    result = work()
    after = os.times()
    return [sum(after[:4]) - sum(before[:4]), time.perf_counter() - start], result


def rows(source: Path) -> tuple[list[int], list[str]]:
    found = [json.loads(line) for line in source.open(encoding="utf-8")]
    return [row["number"] for row in found], [row["text"] for row in found]


def written(numbers: Sequence[int], texts: Sequence[str], keep: Sequence[bool], folder: Path) -> list[int]:
    """Writes the survivors; says which they are."""
    with open(folder / "kept.jsonl", "w", encoding="utf-8") as file:
        for number, text, stays in zip(numbers, texts, keep, strict=True):
            if stays:
                file.write(json.dumps({"number": number, "text": text}) + "\n")
    return [number for number, stays in zip(numbers, keep, strict=True) if stays]


def ngrams(text: str) -> set[str]:
    words = WORD.findall(text.lower())
    return {" ".join(words[place : place + NGRAM_WORDS]) for place in range(max(1, len(words) - NGRAM_WORDS + 1))}


# --- ours ------------------------------------------------------------------------------------------------------------


def gristmill(workers: int):
    """The plain functions: one process."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.json

    from gristmill.curation import duplicates, minhash
    from gristmill.curation.dedup.banding import DuplicateParams
    from gristmill.curation.documents import content_hash
    from gristmill.curation.word_hashes import word_hashes

    pa.set_cpu_count(1)
    params = minhash.SignatureParams(NGRAM_WORDS, NUM_PERM)

    def signed(texts: pa.Array):
        hashes, offsets = minhash.shingles(*word_hashes(texts), NGRAM_WORDS)
        return hashes, offsets, minhash.signatures(hashes, offsets, params)

    def sign(texts: list[str]) -> None:
        signed(pa.array(texts, pa.large_string()))

    def whole(source: Path, folder: Path) -> list[int]:
        table = pyarrow.json.read_json(source, pyarrow.json.ReadOptions(use_threads=False, block_size=1 << 26))
        texts = table["text"].combine_chunks()
        hashes, offsets, signatures = signed(texts)
        hashed = [content_hash(text) for text in texts.to_pylist()]
        number = len(hashed)
        resolved = duplicates.resolve(
            *(hashed, signatures, np.arange(number), np.zeros(number, np.int32)),
            lambda some: [hashes[offsets[row] : offsets[row + 1]] for row in some],
            *(DuplicateParams(BANDS, ROWS, THRESHOLD), True),
        )
        kept = table.filter(resolved["kept"])
        with pa.ipc.new_file(folder / "kept.arrow", kept.schema) as writer:
            writer.write_table(kept)
        return kept["number"].to_pylist()

    return sign, whole


def gristmill_run(workers: int):
    """The command, in a process of its own, up to shards: features, a ledger and the reasons come with it."""

    def whole(source: Path, folder: Path) -> list[int]:
        import pyarrow as pa

        manifest = folder / "bench.yaml"
        texts = f"{{kind: text, paths: [{source}], filters: [], columns: {{text: text}}, read: {{meta: [number]}}}}"
        near = f"{{num_perm: {NUM_PERM}, bands: {BANDS}, rows_per_band: {ROWS}}}"
        manifest.write_text(f"name: b\nsources:\n  t: {texts}\ncurate: {{languages: null, dedup: {{near: {near}}}}}\n")
        command = [sys.executable, "-c", "from gristmill.manifests.cli import main; main()", "run", str(manifest)]
        subprocess.run(
            [*command, "--until", "shards", "--workers", str(workers)], cwd=folder, check=True, capture_output=True
        )
        kept = []
        for path in sorted((folder / "runs/b/shards").rglob("*.arrow")):
            with pa.memory_map(str(path)) as file:
                kept += pa.ipc.open_file(file).read_all()["meta"].to_pylist()
        return [json.loads(meta)["number"] for meta in kept]

    return None, whole


# --- Rust ------------------------------------------------------------------------------------------------------------


def rensa(workers: int):
    from rensa import RMinHash, RMinHashDeduplicator

    def sign(texts: list[str]) -> None:
        RMinHash.digest_matrix_from_token_sets([ngrams(text) for text in texts], NUM_PERM, 1)

    def whole(source: Path, folder: Path) -> list[int]:
        numbers, texts = rows(source)
        index = RMinHashDeduplicator(THRESHOLD, NUM_PERM, True, BANDS, 1)
        signed = RMinHash.from_token_sets([ngrams(text) for text in texts], NUM_PERM, 1)
        fresh = index.add_pairs([(str(number), one) for number, one in zip(numbers, signed, strict=True)])
        return written(numbers, texts, fresh, folder)

    return sign, whole


def gaoya(workers: int):
    from gaoya.minhash import MinHashStringIndex

    def whole(source: Path, folder: Path) -> list[int]:
        numbers, texts = rows(source)
        index = MinHashStringIndex(32, THRESHOLD, BANDS, ROWS, None, "word", True, (NGRAM_WORDS, NGRAM_WORDS))
        index.par_bulk_insert_docs(list(range(len(texts))), texts)
        keep: list[bool] = []
        for place, found in enumerate(index.par_bulk_query(texts)):
            keep.append(not any(other < place and keep[other] for other in found))
        return written(numbers, texts, keep, folder)

    return None, whole


def minhash_lsh_dedup(workers: int):
    import minhash_lsh_dedup as tool

    def sign(texts: list[str]) -> None:
        for text in texts:
            tool.generate_dedup_lsh(text, NUM_PERM, NGRAM_WORDS, BANDS, ROWS)

    def whole(source: Path, folder: Path) -> list[int]:
        numbers, texts = rows(source)
        seen = tool.LSHDeduplicator()
        keep = [not seen.is_rejected(tool.generate_dedup_lsh(t, NUM_PERM, NGRAM_WORDS, BANDS, ROWS)) for t in texts]
        return written(numbers, texts, keep, folder)

    return sign, whole


# --- Python ----------------------------------------------------------------------------------------------------------


def datasketch(workers: int):
    from datasketch import MinHash, MinHashLSH

    def sign(texts: list[str]) -> list:
        found = []
        for text in texts:
            one = MinHash(NUM_PERM, seed=1)
            one.update_batch([ngram.encode() for ngram in ngrams(text)])
            found.append(one)
        return found

    def whole(source: Path, folder: Path) -> list[int]:
        numbers, texts = rows(source)
        index = MinHashLSH(THRESHOLD, NUM_PERM, params=(BANDS, ROWS))
        keep = []
        for number, one in zip(numbers, sign(texts), strict=True):
            keep.append(not index.query(one))
            if keep[-1]:
                index.insert(number, one)
        return written(numbers, texts, keep, folder)

    return sign, whole


def datatrove(workers: int):
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from loguru import logger

    logger.remove()
    config = MinhashConfig(n_grams=NGRAM_WORDS, num_buckets=14, hashes_per_bucket=8)  # FineWeb's, and its defaults

    def sign(texts: list[str]) -> None:
        step = MinhashDedupSignature(tempfile.gettempdir(), config)
        for text in texts:
            if (shingles := step.get_shingles(text)).size:
                step.get_signature(shingles)

    def whole(source: Path, folder: Path) -> list[int]:
        lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / "in").mkdir()
        for part in range(workers):
            (folder / "in" / f"{part}.jsonl").write_text("".join(lines[part::workers]), encoding="utf-8")
        reader = JsonlReader(str(folder / "in"))
        at = {name: str(folder / name) for name in ("signatures", "buckets", "removed", "kept", "logs")}
        stages = [
            ([reader, MinhashDedupSignature(at["signatures"], config)], workers),
            ([MinhashDedupBuckets(at["signatures"], at["buckets"], config=config)], 14),
            ([MinhashDedupCluster(at["buckets"], at["removed"], config=config)], 1),
            ([reader, MinhashDedupFilter(at["removed"]), JsonlWriter(at["kept"], compression=None)], workers),
        ]
        for number, (pipeline, tasks) in enumerate(stages):
            LocalPipelineExecutor(pipeline, tasks, min(tasks, workers), f"{at['logs']}/{number}").run()
        kept = [line for path in sorted((folder / "kept").glob("*.jsonl")) for line in path.open(encoding="utf-8")]
        return [json.loads(line)["metadata"]["number"] for line in kept]

    return sign, whole


def text_dedup(workers: int):
    def whole(source: Path, folder: Path) -> list[int]:
        out = folder / "kept"
        options = {
            **{"path": "json", "data_files": source, "split": "train", "cache_dir": folder / "cache", "output": out},
            **{"column": "text", "ngram": NGRAM_WORDS, "min_length": 0, "num_perm": NUM_PERM, "threshold": THRESHOLD},
            **{"b": BANDS, "r": ROWS, "num_proc": workers, "batch_size": 10_000, "hash_func": "xxh3"},
        }
        command = [sys.executable, "-m", "text_dedup.minhash"]
        command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        from datasets import load_from_disk

        return load_from_disk(str(out))["number"][:]

    return None, whole


TOOLS = {
    "gristmill": gristmill,
    "gristmill run": gristmill_run,
    "rensa": rensa,
    "gaoya": gaoya,
    "minhash-lsh-dedup": minhash_lsh_dedup,
    "datasketch": datasketch,
    "datatrove": datatrove,
    "text-dedup": text_dedup,
}
OURS = ("gristmill", "gristmill run")


if __name__ == "__main__":
    main()
