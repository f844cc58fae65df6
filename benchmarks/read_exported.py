"""Reads an export with the reader that it was written for, and prints what that gives: run by .venv-readers.

    python benchmarks/read_exported.py FORMAT FOLDER OUT.npy

OUT.npy receives the items as one array int64: rows [N, width], or for megatron and bin the stream of tokens.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np


def olmo(folder: Path, about: dict) -> np.ndarray:
    """OLMo-core's NumpyFSLDataset."""
    from olmo_core.data.numpy_dataset import NumpyFSLDataset

    width = about["seq_length"] + 1
    end = about["end_id"]
    dtype = getattr(np, about["dtype"])
    path = folder / f"{about['split']}.npy"
    rows = NumpyFSLDataset(
        path, sequence_length=width, pad_token_id=end, eos_token_id=end, vocab_size=2**16, dtype=dtype
    )
    rows.prepare()
    return np.stack([np.asarray(rows[i]["input_ids"]) for i in range(len(rows))])


def nanotron(folder: Path, about: dict) -> np.ndarray:
    """datatrove's DatatroveFolderDataset, which nanotron's Nanoset reads with; positions too."""
    from datatrove.utils.dataset import DatatroveFolderDataset

    size = np.dtype(about["dtype"]).itemsize
    rows = DatatroveFolderDataset(str(folder), about["seq_length"], token_size=size, return_positions=True)
    found = [rows[i] for i in range(len(rows))]
    starts = [int((item["positions"] == 0).sum()) for item in found]
    print(json.dumps({"segments": sum(starts)}))
    return np.stack([item["input_ids"].numpy() for item in found])


def litdata(folder: Path, about: dict) -> np.ndarray:
    """LitData's StreamingDataset with TokensLoader, as LitGPT reads."""
    from litdata import StreamingDataset, TokensLoader

    rows = StreamingDataset(str(folder), item_loader=TokensLoader(block_size=about["seq_length"] + 1), shuffle=False)
    return np.stack([row.numpy().astype(np.int64) for row in rows])


def megatron(folder: Path, about: dict) -> np.ndarray:
    """Megatron-core's IndexedDataset."""
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    documents = IndexedDataset(str(folder / about["split"]))
    print(json.dumps({"segments": len(documents), "documents": len(documents.document_indices) - 1}))
    return np.concatenate([documents[i] for i in range(len(documents))])


def bin(folder: Path, about: dict) -> np.ndarray:
    """As nanoGPT's train.py: np.memmap of uint16."""
    name = {"train": "train.bin", "validation": "val.bin"}[about["split"]]
    return np.memmap(os.path.join(folder, name), dtype=np.uint16, mode="r")


if __name__ == "__main__":
    format_name, folder, out = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    about = json.loads((folder / "export.json").read_text())
    np.save(out, globals()[format_name](folder, about).astype(np.int64))
