"""Measures, judges and signs texts: `python feature_tools.py CONFORMANCE IN OUT`, with IN as JSON lines of {"text": ...}.

CONFORMANCE is `own` or `datatrove`. OUT becomes {"warm": [processor s, wall s], "cold": [...], "peak_bytes": ...,
"base_bytes": ...}: `cold` is the first pass, in which the conformance mode takes apart every chunk of text that it meets,
`warm` a second one. One core: Arrow's threads are switched off.
"""

import json
import resource
import sys
import time
from pathlib import Path

import pyarrow as pa

from gristmill.curation import features, filters, minhash
from gristmill.curation.minhash import SignatureParams

PARAMS = SignatureParams(ngram_words=5, num_perm=112)
"""As many values as datatrove's 14 buckets of 8."""

BATCH_BYTES = 1 << 22
"""Texts are given in batches of about this size, as the shards of a run hold them."""


def batches(texts: list[str]) -> list[pa.Array]:
    """The texts in order, in batches; a longer text is one by itself."""
    found, size = [[]], 0
    for text in texts:
        if size > BATCH_BYTES:
            found.append([])
            size = 0
        found[-1].append(text)
        size += len(text)
    return [pa.array(batch, pa.large_string()) for batch in found]


def process(chosen: list[pa.Array], conforms_to: str | None) -> None:
    """Features, the verdicts of FineWeb's rules, and signatures."""
    rules = filters.ruleset("fineweb", "crawl")
    for batch in chosen:
        measured = features.measure(batch, variants=False, conforms_to=conforms_to)
        filters.judge(measured.table, rules)
        shingles = minhash.shingles(measured.word_hashes, measured.word_offsets, PARAMS.ngram_words)
        minhash.signatures(*shingles, PARAMS)


def peak_bytes() -> int:
    """The most memory that this process had; `getrusage` would tell its parent's if that was more."""
    status = Path("/proc/self/status").read_text() if Path("/proc/self/status").exists() else ""
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    conforms_to = None if sys.argv[1] == "own" else sys.argv[1]
    process(batches(["Tables are built on first use. 水 é"]), conforms_to)
    with Path(sys.argv[2]).open(encoding="utf-8") as file:
        texts = batches([json.loads(line)["text"] for line in file])
    result: dict[str, object] = {"base_bytes": peak_bytes()}
    for name in ("cold", "warm"):
        cpu, wall = time.process_time(), time.perf_counter()
        process(texts, conforms_to)
        result[name] = [time.process_time() - cpu, time.perf_counter() - wall]
    Path(sys.argv[3]).write_text(json.dumps(result | {"peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
