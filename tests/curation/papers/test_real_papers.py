"""All real papers: digests of whole texts, and what must hold for every one of them, and does not for the raw files."""

import gzip
import io
import re
import tarfile
from pathlib import Path

import pytest
import xxhash

from gristmill.curation import papers
from gristmill.curation.documents import Extracted, ReadOptions, Unextracted
from gristmill.curation.papers.params import PapersParams

FILES = (
    "plos-jats.tar.gz", "scielo-jats.tar.gz", "pmc/PMC5828200.nxml", "pmc/PMC6398430.nxml", "pmc/PMC7417471.nxml",
    "arxiv-1911.02782.tar.gz", "scipy-1.0-latex.tar.gz", "s2orc-samples.jsonl",
)  # fmt: skip
LATEX = ("arxiv-1911.02782.tar.gz#", "scipy-1.0-latex.tar.gz#")
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
BEGIN = re.compile(r"\\(?:begin|end)\s*\{")
COMMAND = re.compile(r"\\(?:cite[a-z]*|ref|eqref|label|section|caption|textbf|item|footnote)\b")
XML_TAG = re.compile(
    r"</?(?:p|sec|title|xref|italic|bold|sup|sub|fig|table|td|tr|ref|mml:\w+|article|abstract|label|caption|ext-link)\b[^<>]*>"
)
ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|amp|lt|gt|nbsp|alpha);")
REFERENCE_LIST = re.compile(r"(?m)^(?:references|bibliography|referências|referencias)\s*$", re.IGNORECASE)

GOLDEN = {
    "plos-jats.tar.gz#plos/journal.pbio.0040088.xml": (48_678, "52f7c98f6d38db8a"),
    "plos-jats.tar.gz#plos/journal.pcbi.1003292.xml": (74_563, "a49e35951d987e19"),
    "plos-jats.tar.gz#plos/journal.pmed.0020171.xml": (49_665, "06711921ccb0c3a1"),
    "plos-jats.tar.gz#plos/journal.pmed.1001473.xml": (76_879, "643fe25fed35f7fe"),
    "plos-jats.tar.gz#plos/journal.pone.0012262.xml": (169_354, "f3bd9527dd46b6c7"),
    "plos-jats.tar.gz#plos/journal.pone.0066742.xml": (42_838, "c559ca58641f2c7c"),
    "plos-jats.tar.gz#plos/journal.pone.0097541.xml": (616, "acdd7fcd52f20261"),
    "plos-jats.tar.gz#plos/journal.pone.0120924.xml": (129_508, "2b3ac7694ebdf235"),
    "plos-jats.tar.gz#plos/journal.ppat.1003133.xml": (55_213, "73d0e03ec7717896"),
    "scielo-jats.tar.gz#scielo/0034-8910-rsp-48-2-0266.xml": (25_283, "ea57c348c08b939a"),
    "scielo-jats.tar.gz#scielo/0034-8910-rsp-48-2-0322.xml/TRen": (10_028, "99d814db1c615b02"),
    "pmc/PMC5828200.nxml#": (38_427, "0be5a7c0abf57c9a"),
    "pmc/PMC6398430.nxml#": (47_097, "505bd12cd0725da3"),
    "pmc/PMC7417471.nxml#": (66_086, "ea4eb56b8214ea57"),
    "arxiv-1911.02782.tar.gz#": (37_957, "80b4d3b4f98ac510"),
    "scipy-1.0-latex.tar.gz#": (62_182, "6a568a1cbb2b3016"),
    "s2orc-samples.jsonl#1": (30_442, "108d019d91f7e562"),
    "s2orc-samples.jsonl#2": (34_394, "670d2bb6da5685cb"),
    "s2orc-samples.jsonl#3": (32_792, "421f3c7d67f4e9e9"),
    "s2orc-samples.jsonl#4": (23_743, "73f8023876ed3258"),
    "s2orc-samples.jsonl#5": (40_209, "bc6f7a17d33b99aa"),
    "s2orc-samples.jsonl#6": (32_983, "3d911fd0689ec634"),
    "s2orc-samples.jsonl#7": (31_531, "4c37fa97591c9528"),
    "s2orc-samples.jsonl#8": (38_164, "d83de5b989026b18"),
}
"""File and record -> characters and XXH3 of the whole text."""

ENDS = {
    "plos-jats.tar.gz#plos/journal.pbio.0040088.xml": (
        "Relaxed Phylogenetics and Dating with Confidence\nAbstract",
        "UCLN: uncorrelated lognormal distribution\nUF: unrooted Felsenstein",
    ),
    "scielo-jats.tar.gz#scielo/0034-8910-rsp-48-2-0322.xml/TRen": (
        "Group A β-hemolytic streptococcal pharyngotonsillitis outbreak\nAbstract",
        "for contributions in developing this investigation.",
    ),
    "arxiv-1911.02782.tar.gz#": (
        "S2ORC: The Semantic Scholar Open Research Corpus\nAbstract",
        "uses embeddings from layer 9 of S2ORC-SciBERT.\nMAG topic distribution",
    ),
    "scipy-1.0-latex.tar.gz#": (
        "SciPy 1.0—Fundamental Algorithms for Scientific Computing in Python\nAbstract",
        "University of California San Diego, 9500 Gilman Drive, La Jolla, CA 92161, USA",
    ),
    "s2orc-samples.jsonl#4": (
        "Abstract\nThis technical note studies Markov decision processes",
        "enables the decision maker to account for more general parameter uncertainty.",
    ),
}
"""File and record -> how its text begins and ends, blank lines left out."""


def read(path: Path, params: PapersParams | None = None) -> list:
    with path.open("rb") as stream:
        return list(papers.read(stream, path.name, ReadOptions(params=params)))


@pytest.fixture(scope="module")
def found(samples: Path) -> dict[str, Extracted]:
    records = {
        f"{name}#{r.record}": r for name in FILES for r in read(samples / "papers" / name) if hasattr(r, "record")
    }
    assert not [record for record in records.values() if isinstance(record, Unextracted)]
    return records


@pytest.fixture(scope="module")
def raw(samples: Path) -> dict[str, str]:
    """The members of the archives as they are."""
    texts = {}
    for name in ("plos-jats.tar.gz", "arxiv-1911.02782.tar.gz", "scipy-1.0-latex.tar.gz"):
        with tarfile.open(samples / "papers" / name) as archive:
            for member in archive:
                if member.name.endswith((".xml", ".tex")):
                    texts[f"{name}#{member.name}"] = archive.extractfile(member).read().decode("utf-8", "replace")
    return texts


def test_whole_texts_are_known(found):
    digests = {name: (len(found[name].text), xxhash.xxh3_64_hexdigest(found[name].text.encode())) for name in GOLDEN}
    assert digests == GOLDEN


@pytest.mark.parametrize("name", ENDS)
def test_texts_begin_and_end_as_known(found, name):
    text = re.sub(r"\n{2,}", "\n", found[name].text)
    start, end = ENDS[name]
    assert (text[: len(start)], text[-len(end) :]) == (start, end)


def test_no_empty_mark_is_left_in_articles(found):
    holes = re.compile(r"\^\(\W\)|(?<=\w )\(\)|\( ?, |\[\]")
    left = {
        name: marks
        for name, d in found.items()
        if not name.endswith(LATEX) and "s2orc" not in name and (marks := holes.findall(d.text))
    }
    assert left == {}


def test_no_environment_stands_outside_maths(found, raw):
    for name, document in found.items():
        outside = FORMULA.sub("", document.text) if name.endswith(LATEX) else document.text
        assert not BEGIN.search(outside), name
    assert sum(bool(BEGIN.search(FORMULA.sub("", text))) for text in raw.values()) > 5


def test_no_command_is_left_in_latex_papers(found, raw):
    for name in LATEX:
        text = found[name].text
        assert not COMMAND.search(text)
        assert not re.search(r"[{}\\]", FORMULA.sub("", text))
    assert sum(bool(COMMAND.search(text)) for text in raw.values()) > 5


def test_dollars_are_balanced_in_latex_papers(found):
    for name in LATEX:
        text = found[name].text
        assert text.count("$") % 2 == 0
        assert all("\n\n" not in formula for formula in FORMULA.findall(text))
        assert max(map(len, FORMULA.findall(text))) < 300


def test_no_tag_or_entity_is_left(found, raw):
    for name, document in found.items():
        assert not XML_TAG.search(document.text), name
        assert not ENTITY.search(document.text), name
    assert all(XML_TAG.search(text) for name, text in raw.items() if name.startswith("plos"))


def test_references_are_dropped_unless_wanted(samples, found):
    assert not any(REFERENCE_LIST.search(document.text) for document in found.values())
    for name in FILES:
        for record in read(samples / "papers" / name, PapersParams(references="keep")):
            if isinstance(record, Extracted):
                text = found[f"{name}#{record.record}"].text
                assert record.text.startswith(text[:-1])
    [kept] = (
        r for r in read(samples / "papers" / LATEX[0][:-1], PapersParams(references="keep")) if isinstance(r, Extracted)
    )
    assert REFERENCE_LIST.search(kept.text)
    assert kept.text.partition("\nReferences\n")[2].count("\n- ") == 55
    assert "\n- Waleed Ammar, Dirk Groeneveld, Chandra Bhagavatula" in kept.text
    [kept] = read(samples / "papers/pmc/PMC6398430.nxml", PapersParams(references="keep"))
    assert "\n- Albert DM, Bowyer RT 1991 Factors related to grizzly bear: human interactions in Denali" in kept.text


def test_what_papers_refer_to_has_its_number(found):
    text = found["arxiv-1911.02782.tar.gz#"].text
    assert "we describe the construction of S2ORC (§2). We provide summary statistics of the corpus (§3)" in text
    assert "As shown in Table 1, S2ORC provides substantially more structured full text papers" in text
    assert "\n\nTable 1. A comparison of S2ORC with other publicly-available academic text corpora." in text
    assert (
        "See Appendix §A for definitions of terminology. The output of this pipeline is visualized in Figure 1." in text
    )
    text = found["scipy-1.0-latex.tar.gz#"].text
    assert "an excerpt of which is shown in Fig. 1." in text
    assert "with a dash of TeX, MATLAB, shell script, and Make" in text
    assert not re.search(r"\b(?:Figure|Table|Section) ?[.,;)]", text)


def test_notices_and_parts_are_told_in_meta(found):
    notices = {name: d.meta["notice"] for name, d in found.items() if "notice" in d.meta}
    assert notices["plos-jats.tar.gz#plos/journal.pone.0097541.xml"] == "correction"
    assert set(notices.values()) <= {"correction", "retraction", "concern"}
    parts = [d.meta["part_of"] for name, d in found.items() if name.startswith("scielo") and "part_of" in d.meta]
    assert len(parts) == 15
    assert all(part.startswith("10.1590/") for part in parts)


def test_a_stream_and_a_gzip_of_it_give_the_same(samples, found):
    data = gzip.compress((samples / "papers/pmc/PMC5828200.nxml").read_bytes())
    [record] = papers.read(io.BytesIO(data), "x.nxml.gz", ReadOptions())
    assert record == found["pmc/PMC5828200.nxml#"]
