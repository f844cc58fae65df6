"""One tool trains or encodes, in a process and an environment of its own: `token_tools.py WORK TOOL FOLDER PATTERN`.

FOLDER has `texts.arrow` (id, text), `texts.jsonl`, and for encoding `tokenizer/`. Prints JSON: processor and wall seconds
without imports, peak memory in MB beyond what was there before, tokens, and a digest of merges or ids.
"""

import base64
import hashlib
import json
import os
import resource
import sys
import time
from pathlib import Path

END = 0
LETTERS = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
LETTERS += [byte for byte in range(256) if byte not in LETTERS]
BYTE_OF = {chr(b) if i < 188 else chr(256 + i - 188): b for i, b in enumerate(LETTERS)}


def memory_mb(what: str) -> float:
    """Memory of this process: now (VmRSS) or at most (VmHWM). Where /proc is not, the most there has been."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line = next(line for line in status.read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


def batches(folder: Path):
    import pyarrow as pa

    reader = pa.ipc.open_file(pa.memory_map(str(folder / "texts.arrow")))
    for i in range(reader.num_record_batches):
        yield reader.get_batch(i)


def texts(folder: Path):
    for batch in batches(folder):
        yield from batch["text"].to_pylist()


def write(folder: Path, encoded) -> tuple[int, str]:
    """Token lists of each batch to a token shard; gives tokens and a digest of them."""
    import numpy as np
    import pyarrow as pa

    out = folder / f"{sys.argv[2]}.arrow"
    schema = pa.schema([("id", pa.string()), ("tokens", pa.large_list(pa.uint16()))])
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for ids, lists in encoded:
            ends = np.cumsum([0, *(len(one) + 1 for one in lists)])
            values = np.full(ends[-1], END, np.uint16)
            for first, one in zip(ends[:-1].tolist(), lists, strict=True):
                values[first : first + len(one)] = one
            column = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(values))
            writer.write_batch(pa.record_batch([ids, column], schema=schema))
    return out


def digest_of(shard: Path) -> tuple[int, str]:
    import pyarrow as pa

    reader = pa.ipc.open_file(pa.memory_map(str(shard)))
    state, tokens = hashlib.sha256(), 0
    for i in range(reader.num_record_batches):
        values = reader.get_batch(i)["tokens"].values.to_numpy()
        state.update(values.tobytes())
        tokens += len(values)
    return tokens, state.hexdigest()[:12]


def encode_gristmill(folder: Path):
    from gristmill.tokenizer import bpe, encode

    yield
    out = folder / "gristmill.arrow"
    encode.encode_shard(folder / "texts.arrow", out, bpe.load(folder / "tokenizer"), source="s", end_id=END)
    yield lambda: digest_of(out)


def encode_tokenizers(folder: Path):
    from tokenizers import Tokenizer

    yield
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer" / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    found = (
        (b["id"], [e.ids for e in tokenizer.encode_batch(b["text"].to_pylist(), add_special_tokens=False)])
        for b in batches(folder)
    )
    out = write(folder, found)
    yield lambda: digest_of(out)


def encode_tiktoken(folder: Path):
    import tiktoken

    yield
    stored = json.loads((folder / "tokenizer" / "tokenizer.tiktoken.json").read_text())
    lines = (line.split() for line in (folder / "tokenizer" / "tokenizer.tiktoken").read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    encoding = tiktoken.Encoding("own", pat_str=stored["pattern"], mergeable_ranks=ranks, special_tokens={})
    found = ((b["id"], [encoding.encode_ordinary(t) for t in b["text"].to_pylist()]) for b in batches(folder))
    out = write(folder, found)
    yield lambda: digest_of(out)


def encode_datatrove(folder: Path):
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    yield
    reader = JsonlReader(str(folder), glob_pattern="texts.jsonl")
    writer = DocumentTokenizer(
        output_folder=str(folder / "datatrove"),
        tokenizer_name_or_path=str(folder / "tokenizer" / "tokenizer.json"),
        eos_token="<|endoftext|>",
        shuffle_documents=False,
        save_final_metadata=False,
    )
    for _ in writer(reader(None, 0, 1), 0, 1) or ():
        pass

    def found():
        import numpy as np

        values = np.fromfile(next((folder / "datatrove").glob("*.ds")), np.uint16)
        return len(values), hashlib.sha256(values.tobytes()).hexdigest()[:12]

    yield found


def _train(folder: Path, pattern: str, size: int, how: str):
    """Merges by one of the trainers, as pairs of bytes; of rustbpe, which has none, its tokens."""
    expression = json.loads((folder / "patterns.json").read_text())[pattern]
    if how == "gristmill":
        from gristmill.tokenizer import merge_kernels, pretoken_kernels, training  # noqa: F401

        yield
        trained = training.train(texts(folder), training.TokenizerParams(vocab_size=size, pattern=pattern))
        yield lambda: _merges(json.loads(trained.to_str()))
    elif how == "tokenizers":
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

        yield
        tokenizer = Tokenizer(models.BPE())
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern == "gpt2")
        split = pre_tokenizers.Split(Regex(expression), "isolated")
        tokenizer.pre_tokenizer = byte_level if pattern == "gpt2" else pre_tokenizers.Sequence([split, byte_level])
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            show_progress=False,
            special_tokens=[f"<|{i}|>" for i in range(10)],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
        tokenizer.train_from_iterator(texts(folder), trainer)
        yield lambda: _merges(json.loads(tokenizer.to_str()))
    elif how == "gigatoken":
        import gigatoken

        yield
        special = [f"<|{i}|>" for i in range(10)]
        joined = "\0".join(texts(folder)).encode()
        _, merges = gigatoken.train_bpe(joined, size, special, separator=b"\0")
        yield lambda: [a + b for a, b in merges]
    elif how == "gigabpe":
        import gigabpe

        yield
        corpus = folder / "corpus.txt"
        corpus.write_text("".join(texts(folder)), encoding="utf-8")
        options = {"pretokenizer": "bytelevel", "min_frequency": 2, "threads": 1}
        _, merges = gigabpe.train_bpe([str(corpus)], vocab_size=size - 10, **options)
        yield lambda: [_bytes(a) + _bytes(b) for a, b in merges]
    else:
        import rustbpe

        yield
        tokenizer = rustbpe.Tokenizer()
        tokenizer.train_from_iterator(texts(folder), size - 10, pattern=expression)
        ranks = tokenizer.get_mergeable_ranks()
        yield lambda: [bytes(token) for token, _ in sorted(ranks, key=lambda item: item[1])][256:]


def _bytes(letters: str) -> bytes:
    return bytes(BYTE_OF[letter] for letter in letters)


def _merges(stored: dict) -> list[bytes]:
    merges = (m.split(" ") if isinstance(m, str) else m for m in stored["model"]["merges"])
    return [_bytes(a) + _bytes(b) for a, b in merges]


ENCODE = {
    "gristmill": encode_gristmill,
    "tokenizers": encode_tokenizers,
    "tiktoken": encode_tiktoken,
    "datatrove": encode_datatrove,
}


def main() -> None:
    work, tool, folder, pattern, size = sys.argv[1:6]
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if work == "encode":
        steps = ENCODE[tool](Path(folder))
    else:
        steps = _train(Path(folder), pattern, int(size), tool)
    next(steps)  # imports
    before = memory_mb("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    result = next(steps)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = memory_mb("VmHWM") - before
    found = result()
    if work == "train":
        found = (len(found), hashlib.sha256(b"\0".join(found)).hexdigest()[:12])
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mb": peak, "count": found[0], "digest": found[1]}))


if __name__ == "__main__":
    main()
