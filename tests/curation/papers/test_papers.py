"""Papers from publishers, PubMed, arXiv and S2ORC, alone and in archives."""

import gzip
import io
import json
import re
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from gristmill.curation import papers
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile

ARTICLE = """<?xml version="1.0"?><!DOCTYPE article SYSTEM "none.dtd">
<article xmlns:xlink="http://www.w3.org/1999/xlink" article-type="research-article" xml:lang="en"><front><journal-meta>
<journal-title-group><journal-title>Annals of Milling</journal-title></journal-title-group></journal-meta><article-meta>
<article-id pub-id-type="doi">10.1/x</article-id><title-group><article-title>On <italic>Mills</italic></article-title></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Miller</surname><given-names>Ann</given-names></name><xref ref-type="aff">1</xref></contrib></contrib-group>
<aff id="1">Mill University</aff><pub-date pub-type="ppub"><year>2020</year><month>5</month></pub-date>
<pub-date pub-type="epub"><day>3</day><month>4</month><year>2020</year></pub-date>
<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>Open.</license-p></license></permissions>
<abstract><p>We grind.</p></abstract><abstract abstract-type="toc"><p>Teaser.</p></abstract>
<trans-title-group xml:lang="de"><trans-title>Mühlen</trans-title></trans-title-group>
<trans-abstract xml:lang="de"><p>Wir mahlen.</p></trans-abstract></article-meta></front>
<body><sec><label>1</label><title>Methods</title><p>Grain<sup><xref ref-type="bibr" rid="b1">1</xref></sup> weighed 10<sup>3</sup> kg [<xref ref-type="bibr" rid="b1">1</xref>]&nbsp;&minus; see <xref ref-type="fig">Fig 1</xref>.
<list><list-item><p>rye</p></list-item><list-item><p>oats</p></list-item></list>Then flour.</p>
<fig><label>Figure 1</label><caption><title>A mill.</title><p>Side view.</p></caption><graphic xlink:href="x"/></fig>
<table-wrap><label>Table 1</label><caption><p>Yields</p></caption><table><tr><th>corn</th><th>kg</th></tr><tr><td>rye</td><td>5</td></tr></table></table-wrap>
<disp-formula><alternatives><tex-math>\\documentclass{minimal}\\begin{document}$$a^2$$\\end{document}</tex-math><graphic/></alternatives></disp-formula></sec></body>
<back><ack><title>Thanks</title><p>To the mice.</p></ack><ref-list><ref id="b1"><mixed-citation>Reference text</mixed-citation></ref></ref-list></back>
<sub-article article-type="translation" id="TRfr" xml:lang="fr"><front-stub><title-group><article-title>Moulins</article-title></title-group></front-stub><body><p>Nous moulons.</p></body></sub-article>
</article>"""
TEXT = """On Mills

Abstract

We grind.

1. Methods

Grain weighed 10³ kg [1] − see Fig 1.

- rye
- oats

Then flour.

Figure 1. A mill.

Side view.

Table 1. Yields

corn | kg
rye | 5

$$a^2$$

Thanks

To the mice."""
LATEX = "\\documentclass{article}\\title{T}\\begin{document}\\maketitle Words.\\end{document}"


def read(data: bytes, name: str = "paper", format: str | None = None) -> list:
    return list(papers.read(io.BytesIO(data), name, ReadOptions(format=format)))


def tar(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sample(samples: Path, name: str) -> list:
    with (samples / "papers" / name).open("rb") as stream:
        return list(papers.read(stream, name, ReadOptions()))


def documents(records: list) -> list[Extracted]:
    assert not [record for record in records if isinstance(record, Unextracted)]
    found = [record for record in records if isinstance(record, Extracted)]
    assert len({record.record for record in found}) == len(found)
    for document in found:
        assert not re.search(r"[\0\r]|[ \t]\n|\n{3}|\A\s|\s\Z", document.text), document.record
    return found


def test_an_article_gives_its_text_and_its_translations():
    main, french, german = read(ARTICLE.encode())
    assert main.text == TEXT
    assert (main.record, main.title, main.created, main.licence) == (
        "",
        "On Mills",
        "2020-04-03",
        "CC-BY-4.0",
    )
    assert main.url == "https://doi.org/10.1/x"
    assert main.meta == {
        "doi": "10.1/x", "journal": "Annals of Milling", "authors": ["Ann Miller"],
        "article_type": "research-article", "language": "en",
    }  # fmt: skip
    assert (french.record, french.text, french.meta["language"]) == ("TRfr", "Moulins\n\nNous moulons.", "fr")
    assert (german.record, german.text) == ("abstract-de", "Mühlen\n\nAbstract\n\nWir mahlen.")


def test_real_plos_articles(samples):
    found = documents(sample(samples, "plos-jats.tar.gz"))
    assert len(found) == 92
    kinds = Counter(document.meta["article_type"] for document in found)
    assert kinds["research-article"] > 60
    assert kinds["correction"] >= 1
    assert all(document.url == f"https://doi.org/{document.meta['doi']}" for document in found)
    assert all(re.match(r"\d{4}-\d\d-\d\d$", document.created) for document in found)
    assert not any("doi:10.1371" in document.text[-400:] for document in found)
    correction = next(d for d in found if d.record == "plos/journal.pone.0097541.xml")
    assert correction.text.startswith(
        "Correction: Pollen and Phytolith Evidence for Rice Cultivation and Vegetation Change during the Mid-Late"
        " Holocene at the Jiangli Site, Suzhou, East China\n\nNotice of Republication\n\nThis article was republished"
    )


def test_real_articles_of_pmc(samples):
    [paper] = documents(sample(samples, "pmc/PMC6398430.nxml"))
    assert (paper.created, paper.licence, paper.meta["pmcid"]) == ("2018-12-08", "CC-BY-4.0", "PMC6398430")
    assert "\n\nTable 1. Pairwise comparisons of the presence categories’ proportions between seasons\n\n" in paper.text
    assert "\nBS/PCS | V = 387.92 ± 0.676 | V = 77.65 ± 0.376 |" in paper.text
    assert "REFERENCES" not in paper.text
    [paper] = documents(sample(samples, "pmc/PMC7417471.nxml"))
    assert paper.title.startswith("Graphene impregnated electrospun nanofiber sensing materials")


def test_real_articles_in_several_languages(samples):
    found = documents(sample(samples, "scielo-jats.tar.gz"))
    languages = Counter(document.meta["language"] for document in found)
    assert languages == {"en": 15, "pt": 14, "es": 1}
    assert Counter(d.meta["article_type"] for d in found)["translation"] == 11
    pair = [d for d in found if d.record.startswith("scielo/0034-8910-rsp-48-2-0225.xml")]
    assert [d.title for d in pair] == [
        "Impacto do estresse na saúde de cortadores de cana",
        "The impact of stress on the health of sugar cane cutters",
    ]
    assert all(d.licence == "CC-BY-NC-3.0" for d in found)


def test_real_arxiv_source(samples):
    records = sample(samples, "arxiv-1911.02782.tar.gz")
    [paper] = documents(records)
    assert paper.title == "S2ORC: The Semantic Scholar Open Research Corpus"
    assert paper.text.startswith(
        f"{paper.title}\n\nAbstract\n\nWe introduce S2ORC, a large corpus of 81.1M English-language"
    )
    assert "additional structure omitted by Saier and Färber (2019), who also parse LaTeX sources" in paper.text
    assert "$$J = \\frac{|N_1 \\cap N_2|}{|N_1 \\cup N_2|}$$" in paper.text
    assert Counter(r.reason for r in records if isinstance(r, NotDocument)) == {
        "image": 5, "bibliography": 2, "latex_style": 1,
    }  # fmt: skip


def test_real_latex_in_several_files(samples):
    records = sample(samples, "scipy-1.0-latex.tar.gz")
    [paper] = documents(records)
    assert paper.meta == {"main_file": "scipy-1.0/paper.tex"}
    assert "full text of subpackages" not in paper.text
    assert Counter(r.reason for r in records if isinstance(r, NotDocument))["unused_latex"] == 3
    outside = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "", paper.text, flags=re.DOTALL)
    assert not re.search(r"\\(?:begin|end|cite|ref|section|textbf)\b|[{}]", outside)
    assert "sparse matrices and $k$-dimensional trees. SciPy is built on top of NumPy, which provides" in paper.text


def test_real_s2orc_of_three_releases(samples):
    found = documents(sample(samples, "s2orc-samples.jsonl"))
    assert [d.record for d in found] == [str(n) for n in range(1, 9)]
    assert found[0].title.startswith("Antimicrobial Photodynamic Therapy")
    assert found[5].text.startswith("Abstract\n\nEthanolamine (EA)")
    assert "\n\nINTRODUCTION\n\nGene therapy holds potential" in found[5].text
    assert found[6].title.startswith("Niche Partitioning of Marine Group I Crenarchaeota")
    assert found[0].url == "https://doi.org/10.3389/fmicb.2017.00498"


def test_an_archive_of_articles_is_a_collection():
    packed = tar(
        {
            "a/1.xml": ARTICLE.encode(),
            "a/2.nxml": b"<article><body><p>Two.</p></body></article>",
            "a/f.png": b"x",
        }
    )
    records = read(packed)
    assert [r.record for r in records[:4]] == ["a/1.xml", "a/1.xml/TRfr", "a/1.xml/abstract-de", "a/2.nxml"]
    assert records[4:] == [NotDocument("image")]


def test_a_zip_is_read_as_a_tar_is():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("1.xml", ARTICLE)
    assert next(iter(read(buffer.getvalue()))).record == "1.xml"


def test_articles_in_one_file_are_named_by_their_place():
    one = "<article><body><p>One.</p></body></article>"
    first, second = read(f"<articles>{one}{one.replace('One', 'Two')}</articles>".encode())
    assert (first.record, second.record, second.text) == ("10", str(10 + len(one)), "Two.")
    first, second = read((one + one).encode())
    assert (first.record, second.record) == ("", str(len(one)))


def test_a_damaged_article_costs_itself_only():
    data = b"<r><article><body><p>One.</p></body></article><article><p>torn</b></article><article><body><p>3</p></body></article></r>"
    assert [type(r).__name__ for r in read(data)] == ["Extracted", "Unextracted", "Extracted"]
    assert read(data)[1].rule == "malformed_xml"


def test_a_cut_file_gives_what_came_before_the_cut():
    one = b"<article><body><p>One.</p></body></article>"
    whole = gzip.compress(b"<r>" + one * 3000)
    records = []
    reader = papers.read(io.BytesIO(whole[: len(whole) * 2 // 3]), "x", ReadOptions())
    with pytest.raises(UnreadableFile, match="ends"):
        records.extend(reader)  # keeps what it had before the error
    assert len(records) > 100


def test_a_cut_member_is_a_named_loss():
    assert read(tar({"1.xml": ARTICLE.encode()[:2000], "2.xml": ARTICLE.encode()}))[0] == (
        Unextracted("1.xml", "truncated_record", 2000.0)
    )


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE article [<!ENTITY a "lollollollol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><article><body><p>Safe &b;.</p></body></article>',
        '<!DOCTYPE article [<!ENTITY b SYSTEM "file:///etc/passwd">]><article><body><p>Safe &b;.</p></body></article>',
        '<!DOCTYPE article SYSTEM "http://localhost:1/x.dtd"><article><body><p>Safe &b;.</p></body></article>',
        '<!DOCTYPE article [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><article id="&b;&b;"><body><p>Safe .</p></body></article>',
    ],
)
def test_entities_are_neither_expanded_nor_fetched(attack):
    [record] = read(attack.encode())
    assert record.text.replace(" ", "") == "Safe."


def test_very_deep_xml_is_a_named_loss():
    [record] = read(b"<article>" + b"<sec>" * 5000 + b"x" + b"</sec>" * 5000 + b"</article>")
    assert (record.rule, record.record) == ("malformed_xml", "")


def test_medline_citations_are_named_by_their_pmid():
    data = b"""<?xml version="1.0"?><PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version="1">12</PMID><Article>
    <Journal><JournalIssue><PubDate><Year>1979</Year><Month>Jun</Month></PubDate></JournalIssue><Title>Mills</Title></Journal>
    <ArticleTitle>On <i>grain</i>.</ArticleTitle><Abstract><AbstractText Label="AIM">To grind.</AbstractText>
    <AbstractText>Done.</AbstractText><CopyrightInformation>(c) M</CopyrightInformation></Abstract><Language>eng</Language>
    <AuthorList><Author><LastName>Miller</LastName><ForeName>Ann</ForeName></Author></AuthorList></Article>
    <OtherAbstract Type="Publisher" Language="spa"><AbstractText>Moler.</AbstractText></OtherAbstract></MedlineCitation>
    <PubmedData><ArticleIdList><ArticleId IdType="doi">10.1/m</ArticleId></ArticleIdList><ReferenceList><Reference><ArticleIdList>
    <ArticleId IdType="doi">10.9/cited</ArticleId></ArticleIdList></Reference></ReferenceList></PubmedData></PubmedArticle>
    <DeleteCitation><PMID>1</PMID><PMID>2</PMID></DeleteCitation></PubmedArticleSet>"""
    english, spanish, *deleted = read(gzip.compress(data), "pubmed.xml.gz")
    assert english.text == "On grain.\n\nAIM: To grind.\n\nDone."
    assert (english.record, english.created, english.licence) == ("12", "1979-06", "(c) M")
    assert english.url == "https://doi.org/10.1/m"
    assert english.meta == {
        "pmid": "12", "doi": "10.1/m", "journal": "Mills", "language": "eng", "authors": ["Ann Miller"],
    }  # fmt: skip
    assert (spanish.record, spanish.text, spanish.meta["language"]) == ("12/spa", "Moler.", "spa")
    assert deleted == [NotDocument("deleted_citation")] * 2


def test_a_repeated_pmid_stays_unique():
    one = b"<PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>T</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
    first, second = read(b"<PubmedArticleSet>" + one + one + b"</PubmedArticleSet>")
    assert first.record == "7"
    assert second.record == f"{18 + len(one)}/7"


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress])
def test_a_single_tex_file_is_a_paper(pack):
    [record] = read(pack(LATEX.encode()), "9901001")
    assert (record.text, record.title, record.record) == ("T\n\nWords.", "T", "")


def test_arxivs_bulk_archives_hold_packed_papers():
    bulk = tar(
        {
            "9901/1.gz": gzip.compress(LATEX.encode()),
            "9901/2.gz": tar({"m.tex": LATEX.encode(), "f.eps": b"x"}),
            "9901/3.pdf": b"%PDF",
            "9901/4.gz": gzip.compress(LATEX.encode())[:-9],
        },
        "w",
    )
    one, figure, two, pdf, broken = read(bulk)
    assert (one.record, two.record) == ("9901/1.gz", "9901/2.gz")
    assert (figure, pdf) == (NotDocument("image"), NotDocument("pdf"))
    assert (broken.record, broken.rule) == ("9901/4.gz", "damaged_member")


def test_sources_without_a_main_file_are_a_named_loss():
    assert read(tar({"a.tex": b"only a fragment"})) == [Unextracted("", "no_main_file", 1.0)]


def test_json_lines_of_later_releases():
    api = {"corpusid": 5, "content": {"text": "Head\nBody text.REF", "annotations": {
        "sectionheader": '[{"start": 0, "end": 4}]', "paragraph": '[{"start": "5", "end": "15"}]'}}}  # fmt: skip
    pes2o = {"id": "9", "source": "s2orc/train", "text": "Title\n\nText.", "created": "2001-01-01T00:00:00Z"}
    lines = [json.dumps(api), "{broken", json.dumps(pes2o), json.dumps({"paper_id": "1", "body_text": []})]
    first, second, third, fourth = read("\n".join(lines).encode())
    assert first.text == "Head\n\nBody text."
    assert second == Unextracted("2", "malformed_json", 8.0)
    assert (third.text, third.created) == ("Title\n\nText.", "2001-01-01T00:00:00Z")
    assert (fourth.record, fourth.rule) == ("4", "empty_text")


def test_the_title_of_a_bulk_s2orc_row_is_the_span_that_says_so():
    def row(**spans) -> bytes:
        content = {"text": "On  Weirs\nAnn Lee\nWater falls.", "annotations": spans}
        return json.dumps({"corpusid": 5, "content": content}).encode()

    title, paragraph = '[{"start": 0, "end": 9}]', '[{"start": "18", "end": "30"}]'
    [paper] = read(row(title=title, paragraph=paragraph))
    assert (paper.title, paper.text) == ("On Weirs", "On Weirs\n\nWater falls.")
    [unmarked] = read(row(title=title))  # nothing but the title is marked: the text is given as it is, once
    assert (unmarked.title, unmarked.text.count("Weirs")) == ("On Weirs", 1)
    [untitled] = read(row(title="null", paragraph=paragraph))
    assert (untitled.title, untitled.text) == (None, "Water falls.")


@pytest.mark.parametrize("data", [b"plain words", b"%PDF-1.5", b"<html><p>x</p></html>", b'{"a": 1}', b""])
def test_what_is_no_paper_is_refused_with_advice(data):
    with pytest.raises(UnreadableFile, match="kind"):
        read(data)


def test_an_unknown_format_is_refused():
    with pytest.raises(UnreadableFile, match="use one of jats, medline, latex, s2orc"):
        read(b"x", format="word")


def article(body: str) -> bytes:
    return f"<article><front><article-meta/></front><body>{body}</body></article>".encode()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "<p>10<sup>6</sup>, 10<sup>–7</sup>, 37<sup>°</sup>C, p<sup>*</sup>, a<sup>⊤</sup></p>",
            "10⁶, 10⁻⁷, 37°C, p*, a^⊤",
        ),
        (
            '<p>Known,<sup><xref ref-type="bibr">1</xref></sup><sup>,</sup> <sup><xref ref-type="bibr">2</xref></sup> as said.</p>',
            "Known, as said.",
        ),
        (
            '<p>Known<sup><xref ref-type="bibr">1</xref></sup><sup>–</sup><sup><xref ref-type="bibr">3</xref></sup> so.</p>',
            "Known so.",
        ),
        ("<p>recA<sup>–</sup> strain</p>", "recA⁻ strain"),
        (
            "<p>Variables (<inline-formula><inline-graphic/></inline-formula>, and <inline-formula><inline-graphic/></inline-formula>)"
            " are.</p><disp-formula><label>(1)</label><graphic/></disp-formula>",
            "Variables ([formula], and [formula]) are.",
        ),
        (
            "<table-wrap><table><tr><td>a</td><td/><td>b</td><td/></tr><tr><td/><td>c</td></tr><tr><td/></tr></table></table-wrap>",
            "a | | b\n| c",
        ),
        (
            '<list list-type="order"><list-item><p>one</p></list-item><list-item><p>two</p></list-item></list>',
            "1. one\n2. two",
        ),
        ('<list list-type="alpha-lower"><list-item><p>one</p></list-item></list>', "a. one"),
        (
            '<list list-type="order"><list-item><label>(i)</label><p>one</p></list-item></list>'
            '<list list-type="bullet"><list-item><p>two</p></list-item></list>',
            "(i) one\n\n- two",
        ),
    ],
)
def test_marks_tables_and_lists_of_jats_can_be_read(body, text):
    assert [d.text for d in read(article(body))] == [text]


def test_formulas_that_are_pictures_are_counted():
    body = "<p>So <inline-formula><inline-graphic/></inline-formula>.</p><disp-formula><label>(1)</label><graphic/></disp-formula>"
    [document] = read(article(body))
    assert document.meta["formula_images"] == 2
    [document] = read(article("<p>So <inline-formula><tex-math>x</tex-math><inline-graphic/></inline-formula>.</p>"))
    assert "formula_images" not in document.meta


def test_medline_tells_raised_text_from_the_rest():
    citation = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>Of CO<sub>2</sub></ArticleTitle>"
        "<Abstract><AbstractText>10<sup>6</sup> <i>E. coli</i> cells, 1<sup>st</sup> of H<sub>2</sub>O.</AbstractText></Abstract>"
        "</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    [document] = read(citation.encode())
    assert document.text == "Of CO₂\n\n10⁶ E. coli cells, 1st of H₂O."


def test_s2orc_says_abstract_once():
    row = {
        "paper_id": "1",
        "title": "T",
        "abstract": [{"section": "Abstract", "text": "One."}, {"text": "Two."}],
        "body_text": [{"section": "Abstract", "text": "Three."}, {"section": "Methods", "text": "Four."}],
    }
    [document] = read(json.dumps(row).encode())
    assert document.text == "T\n\nAbstract\n\nOne.\n\nTwo.\n\nThree.\n\nMethods\n\nFour."


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_articles_in_utf16_are_read(encoding):
    data = '<?xml version="1.0" encoding="UTF-16"?>' + article("<p>Żółw — 𝓖.</p>").decode()
    mark = b"" if encoding == "utf-16" else "\ufeff".encode(encoding)
    assert [d.text for d in read(mark + data.encode(encoding))] == ["Żółw — 𝓖."]


def test_articles_in_utf16_are_read_in_pieces():
    data = ("<set>" + article("<p>" + "Ż" * 300_000 + "</p>").decode() * 3 + "</set>").encode("utf-16")
    assert [len(d.text) for d in read(data)] == [300_000] * 3
