"""Texts of any files of Arrow, Parquet, JSON lines or plain text, for whoever has no manifest.

Tables are read as sources of kind `text` are. Plain text of any length comes in blocks of lines.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from gristmill.curation import extract
from gristmill.curation.archives import bare_name, decompressed
from gristmill.curation.documents import Extracted, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.raw_files import opened
from gristmill.tokenizer.draw import document_draws
from gristmill.tokenizer.pieces import pieces
from gristmill.tokenizer.sample import budgets, held_out, taken_bytes
from gristmill.tokenizer.training import TokenizerParams

BLOCK_BYTES = 2**20
_PLAIN = (".txt", ".text", ".md")


@dataclass
class Files:
    """A named set of files with texts."""

    name: str
    paths: Sequence[tuple[str, str]]
    """What each file is called, and where it is."""
    text_column: str | None = None
    """Column of tables that holds the text; `text` if not given."""
    not_read: Counter[str] = field(default_factory=Counter)
    """Rows without a text, by reason; of plain text, blocks whose bytes were not all UTF-8."""

    def documents(self) -> Iterator[tuple[str, str]]:
        """Names and texts of all documents, file by file. Raises UnreadableFile, which names the file."""
        options = ReadOptions(columns={"text": self.text_column} if self.text_column else {})
        self.not_read.clear()
        for called, path in self.paths:
            try:
                with opened(path) as stream:
                    if bare_name(called).endswith(_PLAIN):
                        yield from self._blocks(called, decompressed(stream))
                        continue
                    for record in extract.reader("text").read(stream, called, options):
                        if isinstance(record, Extracted):
                            yield f"{called}#{record.record}", record.text
                        elif isinstance(record, Unextracted):
                            self.not_read[record.rule] += 1
            except UnreadableFile as error:
                raise UnreadableFile(f"{called}: {error}") from None

    def _blocks(self, called: str, stream) -> Iterator[tuple[str, str]]:
        rest, place = b"", 0
        while block := stream.read(BLOCK_BYTES):
            block = rest + block
            end = block.rfind(b"\n") + 1
            if not end and len(block) < 4 * BLOCK_BYTES:
                rest = block
                continue
            end = end or len(block)
            yield f"{called}#{place}", self._text(block[:end])
            place += end
            rest = block[end:]
        if rest:
            yield f"{called}#{place}", self._text(rest)

    def _text(self, block: bytes) -> str:
        try:
            return block.decode()
        except UnicodeDecodeError:
            self.not_read["not all UTF-8"] += 1
            return block.decode(errors="replace")


class FilesSample:
    """The sample of several sets of files to train on; the same each time that it is gone through.

    Sets share the budget by `sample_weights` or by size; of each set, documents are drawn by a hash of seed, file and
    place, whatever the order of the files. Everything is read once for its lengths, and once more for what is drawn.
    """

    def __init__(self, sets: Sequence[Files], params: TokenizerParams, seed: int) -> None:
        self._sets = [Files(s.name, sorted(s.paths), s.text_column, s.not_read) for s in sets]
        self._params, self._seed = params, seed
        self._take: list[np.ndarray] | None = None
        self.num_documents = 0

    def __iter__(self) -> Iterator[str]:
        if self._take is None:
            self._take = self._drawn()
        for one, take in zip(self._sets, self._take, strict=True):
            for (_, text), size in zip(one.documents(), take.tolist(), strict=True):
                if size:
                    whole = text.encode(errors="replace")
                    yield from pieces(text if size == len(whole) else whole[:size].decode(errors="ignore"))

    def _drawn(self) -> list[np.ndarray]:
        draws, lengths = [], []
        for one in self._sets:
            drawn, out, sizes = [np.empty(0, np.uint64)], [np.empty(0, bool)], []
            for names, texts in _batches(one.documents()):
                drawn.append(document_draws(names, self._seed, "tokenizer sample"))
                out.append(held_out(names, self._seed, self._params.held_out))
                sizes += [len(text.encode(errors="replace")) for text in texts]
            draws.append(np.concatenate(drawn))
            lengths.append(np.where(np.concatenate(out), 0, np.array(sizes, np.int64)))
        self.num_documents = sum(map(len, lengths))
        total = {one.name: int(size.sum()) for one, size in zip(self._sets, lengths, strict=True)}
        p = self._params
        allowed = budgets(total, p.sample_bytes, p.sample_exponent, p.sample_weights)
        return [
            taken_bytes(d, size, allowed[one.name]) for one, d, size in zip(self._sets, draws, lengths, strict=True)
        ]


def _batches(documents: Iterator[tuple[str, str]]) -> Iterator[tuple[list[str], list[str]]]:
    """Names and texts, 256 at a time."""
    while batch := list(islice(documents, 256)):
        names, texts = zip(*batch, strict=True)
        yield list(names), list(texts)
