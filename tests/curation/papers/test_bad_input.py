"""Hostile and broken papers: named, counted, bounded in time; what is sound beside them is still read."""

import gzip
import io
import json
import tarfile
import time
import tracemalloc
from collections.abc import Callable

import pytest

from gristmill.curation import papers
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Record, Unextracted, UnreadableFile

LATEX = b"\\documentclass{article}\\title{T}\\begin{document}\\maketitle Words.\\end{document}"
ARTICLE = b"<article><body><p>One.</p></body></article>"


def read(data: bytes, name: str = "paper") -> list[Record]:
    return list(papers.read(io.BytesIO(data), name, ReadOptions()))


def until_cut(data: bytes) -> list[Record]:
    """The records before the file is found to be cut short, which it must be."""
    records: list[Record] = []
    with pytest.raises(UnreadableFile, match=r"ends|truncated|damaged|readable"):
        records.extend(papers.read(io.BytesIO(data), "x", ReadOptions()))  # keeps what came before the error
    return records


def tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def document(body: str, preamble: str = "") -> bytes:
    return f"\\documentclass{{article}}{preamble}\\begin{{document}}{body}\\end{{document}}".encode()


def test_paths_out_of_the_archive_are_only_names():
    files = {"../../main.tex": document(r"A \input{../../../etc/passwd} \input{/etc/passwd} Z")}
    [paper] = read(tar(files, "w:gz"))
    assert " ".join(paper.text.split()) == "A Z"
    assert paper.meta["missing_inputs"] == ["../../../etc/passwd", "/etc/passwd"]


def test_inputs_that_contain_themselves_are_cut_and_named():
    files = {"main.tex": document(r"A \input{b} Z"), "b.tex": rb"B \input{c}", "c.tex": rb"C \input{b} \input{main}"}
    [paper] = read(tar(files))
    assert " ".join(paper.text.split()) == "A B C Z"
    assert paper.meta["cyclic_inputs"] == ["b.tex", "main.tex"]


@pytest.mark.parametrize(
    ("body", "preamble"),
    [
        (r"\a" * 1000, r"\def\a{\a\a}"),
        (r"\a" * 50, r"\def\a{\b\b}\def\b{\a\a}"),
        (r"\x{" * 100 + "y" + "}" * 100, r"\newcommand{\x}[1]{#1#1}"),
        (r"\begin{q}x\end{q}" * 5000, r"\newenvironment{q}{" + "z " * 5000 + "}{}"),
        (r"\a\b", r"\let\a\b\let\b\a"),
        (r"\begin{figure}" * 10_000 + r"\label{a}" * 10_000, ""),
        (r"\verb" * 20_000 + r"\begin{lstlisting}" * 20_000, ""),
    ],
    ids=["doubling", "mutual", "arguments", "environments", "lets", "labels", "verbatim"],
)
def test_macro_bombs_end_in_time(body, preamble):
    started = time.process_time()
    [record] = read(document("Before. " + body + " After.", preamble))
    assert time.process_time() - started < 10
    assert isinstance(record, Extracted)
    assert record.text.startswith("Before.")
    assert len(record.text) < 16 * 2**20


def test_a_paper_whose_macros_are_cut_says_so_and_keeps_its_end():
    bomb = r"\def\whole{\half\half}\def\half{" + r"\piece " * 2000 + r"}\def\piece{" + "z" * 4000 + "}"
    [paper] = read(document(r"Before. \whole{} After.", bomb))
    assert paper.meta["macros_cut"] is True
    assert paper.text.startswith("Before.")
    assert paper.text.endswith("After.")
    [paper] = read(document(r"Before. \whole{} After.", r"\def\whole{z}"))
    assert "macros_cut" not in paper.meta


def test_a_member_above_the_limit_is_measured_and_not_read():
    zeros = (
        gzip.compress(bytes(2**20)) * 300
    )  # 300 MB of zeros in 300 KB, in an archive that holds other things as well
    started = time.process_time()
    _, big, good = read(tar({"0.png": bytes(2**20), "1.gz": zeros, "2.gz": gzip.compress(LATEX)}))
    assert (big.record, big.rule) == ("1.gz", "document_too_large")
    assert (good.record, good.text) == ("2.gz", "T\n\nWords.")
    assert time.process_time() - started < 20


def test_a_single_file_above_the_limit_is_measured_and_not_read():
    [record] = read(gzip.compress(LATEX) + gzip.compress(bytes(2**20)) * 70)
    assert (record.rule, record.value) == ("document_too_large", 70 * 2**20 + len(LATEX))


def test_archives_in_archives_are_opened_to_a_depth():
    packed = tar({"m.tex": LATEX})
    for _ in range(5):
        packed = tar({"inner.tar": packed})
    [record] = read(packed)
    assert (record.rule, record.record) == ("nested_too_deep", "inner.tar/" * 3 + "inner.tar")


def test_submissions_that_are_only_a_pdf_are_counted():
    records = read(
        tar(
            {
                "9901/1.pdf": b"%PDF-1.4",
                "9901/2.gz": gzip.compress(b"%PDF-1.4 \\begin{x}"),
                "9901/3.gz": gzip.compress(b"%!PS-Adobe"),
                "9901/4.gz": gzip.compress(LATEX),
                "9901/5": b"%PDF-1.4",
            }
        )
    )
    assert [r for r in records if isinstance(r, NotDocument)] == [
        NotDocument(reason) for reason in ("pdf", "pdf", "postscript", "pdf")
    ]
    assert records[3].record == "9901/4.gz"


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["tar", "tar.gz"])
def test_an_archive_cut_in_the_middle_gives_what_came_before(pack: Callable[[bytes], bytes]):
    noise = bytes(range(256)) * 400
    whole = pack(tar({"1.xml": ARTICLE, "2.tex": LATEX, "3.bin": noise, "4.bin": noise, "5.xml": ARTICLE}))
    records = until_cut(whole[: len(whole) * 2 // 3 if pack is not gzip.compress else len(whole) - 200])
    assert records[0] == Extracted("1.xml", "One.")
    latex = records[-1]
    assert (latex.text, latex.meta["truncated"]) == ("T\n\nWords.", True)


def test_citations_before_a_cut_are_read():
    one = b"<PubmedArticle><MedlineCitation><PMID>%d</PMID><Article><ArticleTitle>T</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
    data = b"<PubmedArticleSet>" + b"".join(one % n for n in range(500))
    assert len(until_cut(data[:-40])) == 499
    packed = gzip.compress(data)
    assert until_cut(packed[: len(packed) - 20])


def test_lines_before_a_cut_are_read():
    row = json.dumps({"paper_id": "1", "title": "T", "body_text": [{"section": "S", "text": "Words."}]}).encode()
    packed = gzip.compress(b"\n".join([row] * 2000))
    assert len(until_cut(packed[: len(packed) - 12])) > 1500


def test_deep_json_costs_its_line_only():
    good = json.dumps({"paper_id": "1", "body_text": [{"section": "S", "text": "Words."}]}).encode()
    first, deep, last = read(good + b"\n" + b'{"paper_id": ' + b"[" * 100_000 + b"\n" + good)
    assert deep == Unextracted("2", "malformed_json", 100_014.0)
    assert first.text == last.text == "S\n\nWords."


def test_one_object_over_many_lines_is_a_paper_too():
    data = json.dumps({"paper_id": "1", "body_text": [{"section": "S", "text": "Words."}]}, indent=1).encode()
    assert [record.text for record in read(data)] == ["S\n\nWords."]
    assert [record.record for record in read(tar({"1.json": data, "2.json": b"[1, 2]"}))[:1]] == ["1.json/1"]


def test_entity_bombs_stay_small_in_every_kind_of_xml():
    bomb = "<!DOCTYPE r [<!ENTITY a 'lol'>" + "".join(
        f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    article = f"{bomb}]><r><article><body><p>Safe &i;.</p></body></article></r>"
    [record] = read(article.encode())
    assert record.text == "Safe ."
    citation = f"{bomb}]><r><PubmedArticle><PMID>1</PMID><Article><ArticleTitle>Safe &i;</ArticleTitle></Article></PubmedArticle></r>"
    [record] = read(citation.encode())
    assert record.text == "Safe"


def test_noise_under_every_name_is_refused_or_counted():
    noise = bytes((i * 7919 + i // 251) % 256 for i in range(20_000))
    for name in ("x.xml", "x.tex", "x.tar.gz", "x.jsonl", "x.gz", "x.zip"):
        with pytest.raises(UnreadableFile, match=r"kind|format|archive|compressed"):
            read(noise, name)
    records = read(tar({"a.xml": noise, "b.gz": noise, "c.json": noise, "d": noise, "e.tar": noise}))
    assert all(isinstance(record, NotDocument | Unextracted) for record in records)
    assert len(records) == 5


def gzipped_bomb(levels: int, megabytes: int = 80) -> bytes:
    data = tar({"zeros.xml": bytes(megabytes * 2**20)})
    for level in range(levels):
        data = tar({f"{level}.gz": gzip.compress(data)})
    return gzip.compress(data)


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_a_bomb_inside_archives_is_named_after_little_time_and_memory(levels):
    data = gzipped_bomb(levels)
    assert len(data) < 100_000
    tracemalloc.start()
    started = time.process_time()
    found: list[Record] = []
    with pytest.raises(UnreadableFile, match="bomb"):
        found.extend(papers.read(io.BytesIO(data), "x", ReadOptions()))
    assert time.process_time() - started < 3.0
    assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    tracemalloc.stop()
    assert [record.rule.rpartition("/")[2] for record in found] == ["archive_bomb"] * levels


def test_many_members_share_one_budget():
    """Each packed member alone is within bounds, all together are not."""
    bomb = gzip.compress(tar({"zeros.dat": bytes(20 * 2**20)}))
    started = time.process_time()
    found: list[Record] = []
    with pytest.raises(UnreadableFile, match="bomb"):
        found.extend(
            papers.read(io.BytesIO(gzip.compress(tar({f"{i}.gz": bomb for i in range(50)}))), "x", ReadOptions())
        )
    assert 1 < len(found) < 6
    assert time.process_time() - started < 3.0
