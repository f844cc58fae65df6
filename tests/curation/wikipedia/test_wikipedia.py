"""Dumps to articles: what becomes of every page, damage, and the real dumps of 29 wikis."""

import bz2
import gzip
import io
from collections import Counter

import pytest

from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.wikipedia import read

HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>dewiki</dbname>
    <base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Datei</namespace>
      <namespace key="10" case="first-letter">Vorlage</namespace>
    </namespaces>
  </siteinfo>
"""


def page(
    page_id: int,
    title: str,
    text: str,
    ns: str = "<ns>0</ns>",
    extra: str = "",
    date: str = "2024-01-02T03:04:05Z",
) -> str:
    return f"""  <page>
    <title>{title}</title>
    {ns}
    <id>{page_id}</id>{extra}
    <revision>
      <id>{page_id + 1000}</id>
      <timestamp>{date}</timestamp>
      <model>wikitext</model>
      <text xml:space="preserve">{text}</text>
    </revision>
  </page>
"""


def dump(*pages: str) -> bytes:
    return (HEADER + "".join(pages) + "</mediawiki>\n").encode()


def records(data: bytes, name: str = "dewiki.xml") -> list:
    return list(read(io.BytesIO(data), name, ReadOptions()))


def test_an_article_has_all_its_fields():
    (article,) = records(dump(page(7, "Köln &amp; Umgebung", "'''Köln''' ist eine [[Stadt]].")))
    assert article == Extracted(
        record="7",
        text="Köln ist eine Stadt.",
        url="https://de.wikipedia.org/wiki/K%C3%B6ln_%26_Umgebung",
        title="Köln & Umgebung",
        created="2024-01-02T03:04:05Z",
        licence="CC-BY-SA-4.0",
        meta={"page_id": 7, "revision_id": 1007, "wiki": "dewiki", "language": "de"},
    )


def test_every_page_is_accounted_for():
    pages = (
        page(1, "A", "Text"),
        page(2, "B", "#REDIRECT [[A]]", extra='<redirect title="A" />'),
        page(3, "C", "#WEITERLEITUNG [[A]]"),
        page(4, "Vorlage:D", "x", ns="<ns>10</ns>"),
        page(5, "Vorlage:E", "x", ns=""),
        page(6, "F", "'''F''' steht für: {{Begriffsklärung}}"),
        page(7, "G", "{{Infobox}}"),
        page(8, "H", "ein & un-escaped"),
        page(9, "I", "Der Artikel verlinkt {{disambiguation needed|x}} etwas."),
        page(1, "J", "Dieselbe Nummer"),
    )
    found = records(dump(*pages))
    assert [getattr(record, "reason", None) or (record.record, getattr(record, "rule", None)) for record in found][
        :7
    ] == [
        ("1", None),
        "redirect",
        "redirect",
        "namespace_template",
        "namespace_template",
        "disambiguation",
        ("7", "empty_text"),
    ]
    assert [type(record) for record in found[7:]] == [Unextracted, Extracted, Extracted]
    assert found[7].rule == "bad_xml"
    assert found[9].record.startswith("1~")


def test_the_licence_follows_the_date_of_the_text_or_of_the_dump():
    old = dump(page(1, "A", "Text", date="2016-01-01T00:00:00Z"))
    assert records(old)[0].licence == "CC-BY-SA-3.0"
    assert records(old, "dewiki-20240601-pages-articles.xml.bz2")[0].licence == "CC-BY-SA-4.0"
    elsewhere = old.replace(b"https://de.wikipedia.org", b"https://example.org")
    assert records(elsewhere)[0].licence is None


@pytest.mark.parametrize(
    "packed",
    [
        lambda data: data,
        gzip.compress,
        bz2.compress,
        lambda data: bz2.compress(data[:900]) + bz2.compress(data[900:]),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: ('<?xml version="1.0" encoding="utf-16"?>' + data.decode()).encode("utf-16"),
        lambda data: b'<?xml version="1.0" encoding="ISO-8859-1"?>' + data.decode().encode("latin-1"),
        lambda data: data[data.index(b"  <page>") :].replace(b"</mediawiki>\n", b""),
    ],
    ids=["plain", "gz", "bz2", "multistream", "bom", "utf16", "latin1", "pages alone"],
)
def test_every_wrapping_gives_the_same_texts(packed):
    data = dump(page(1, "A", "Grüße"), page(2, "B", "Text"))
    assert [record.text for record in records(packed(data))] == ["Grüße", "Text"]


def test_a_cut_dump_gives_its_whole_pages_and_then_says_so():
    data = dump(page(1, "A", "Text"), page(2, "B", "Text"))
    second = data.index(b"<page>", data.index(b"</page>"))
    for cut in (second + 40, second - 3, len(data) - 14):
        stream = read(io.BytesIO(data[:cut]), "x.xml", ReadOptions())
        assert next(stream).record == "1"
        with pytest.raises(UnreadableFile, match=r"fetch it again"):
            list(stream)


def test_a_page_that_lost_its_end_costs_itself():
    broken = page(1, "A", "Text").replace("  </page>\n", "")
    found = records(dump(broken, page(2, "B", "Text")))
    assert [record.record for record in found][1:] == ["2"]
    assert found[0].rule == "bad_xml"


def test_entities_of_a_doctype_are_not_expanded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + dump(
        page(1, "A", "x &b; y"), page(2, "B", "Text")
    )
    first, second = records(bomb)
    assert not isinstance(first, Extracted) or "aaa" not in first.text
    assert second.text == "Text"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"-- MySQL dump\nINSERT INTO `page` VALUES (1)", "SQL"),
        (b'{"index":{"_id":1}}\n', "JSON"),
        (b"<html><body>404</body></html>", "HTML"),
    ],
)
def test_another_format_is_named(data, words):
    with pytest.raises(UnreadableFile, match=words):
        records(data)


def of(path) -> list:
    with path.open("rb") as stream:
        return list(read(stream, path.name, ReadOptions()))


def test_a_whole_dump_of_the_latgalian_wikipedia(samples):
    found = of(samples / "wikipedia" / "ltgwiki-pages-articles.xml.bz2")
    assert Counter(getattr(record, "reason", None) or getattr(record, "rule", "document") for record in found) == {
        "document": 888,
        "redirect": 147,
        "disambiguation": 7,
        "empty_text": 8,
        "namespace_category": 539,
        "namespace_template": 347,
        "namespace_project": 28,
        "namespace_module": 28,
        "namespace_mediawiki": 12,
    }


def test_the_head_of_the_english_wikipedia(samples):
    found = of(samples / "wikipedia" / "enwiki-pages-articles1-p10p30302-shortened.xml.bz2")
    assert Counter(type(record) for record in found) == {Extracted: 98, NotDocument: 108}
    anarchism = next(record for record in found if isinstance(record, Extracted) and record.title == "Anarchism")
    assert anarchism.url == "https://en.wikipedia.org/wiki/Anarchism"
    assert anarchism.text.startswith("Anarchism is a political philosophy that advocates self-governed societies")
    assert '(from ἄναρχος, anarchos, meaning "one without rulers"; from the privative prefix ἀν-' in anarchism.text


def test_a_cut_download_gives_every_page_that_is_whole(samples):
    path = samples / "wikipedia" / "enwiki-pages-articles1-p10p30302-shortened.xml.bz2"
    cut = path.read_bytes()[:900_000]
    whole = bz2.BZ2Decompressor().decompress(cut).count(b"</page>")
    stream = read(io.BytesIO(cut), path.name, ReadOptions())
    assert [next(stream) for _ in range(whole)] == of(path)[:whole]
    with pytest.raises(UnreadableFile, match="ends early"):
        next(stream)


SHORT_ARTICLES = {
    ("yowiki", "Berlin"): "Berlin ni oluilu orile-ede Jẹ́mánì.",
    ("enwiki", "Dahlak SC"): "Dahlak is an Eritrean football club based in Asmara.",
    ("enwiki", "Borysthenia goldfussiana"): (
        "†Borysthenia goldfussiana is an extinct species of small freshwater snail with a gill and an operculum, "
        "an aquatic gastropod mollusk in the family Valvatidae, the valve snails."
    ),
    ("enwiki", "Ingoldiomyces"): (
        "Ingoldiomyces is a genus of fungi in the Tilletiaceae family. This is a monotypic genus, containing the "
        "single species Ingoldiomyces hyalosporus.\n\nExternal links\n\n- Ingoldiomyces at Index Fungorum"
    ),
}


@pytest.mark.parametrize(("wiki", "title"), SHORT_ARTICLES)
def test_short_real_articles_word_for_word(samples, wiki, title):
    found = of(samples / "wikipedia" / "minidump" / f"{wiki}-minidump.xml.bz2")
    article = next(record for record in found if isinstance(record, Extracted) and record.title == title)
    assert article.text == SHORT_ARTICLES[wiki, title]


@pytest.mark.parametrize(
    ("wiki", "start"),
    [
        ("zh", "柏林（Berlin）是德意志聯邦共和國首都，也是德国最大的城市，"),
        ("ru", "Берли́н (Berlin) — столица и крупнейший город Германии,"),
        ("ar", "برلين هي العاصمة الفيدرالية لجمهورية ألمانيا الاتحادية،"),
        ("hi", "बर्लिन जर्मनी की राजधानी और इसके 16 राज्यों में से एक है।"),
        ("sw", "Berlin ni mji mkuu, pia mji mkubwa na jimbo la kujitawala la Ujerumani"),
    ],
)
def test_the_first_sentence_is_whole_in_every_script(samples, wiki, start):
    found = of(samples / "wikipedia" / "minidump" / f"{wiki}wiki-minidump.xml.bz2")
    assert next(record for record in found if isinstance(record, Extracted)).text.startswith(start)


def test_no_markup_is_left_in_any_real_article(samples):
    for path in sorted((samples / "wikipedia").rglob("*.bz2")):
        found = of(path)
        documents = [record for record in found if not isinstance(record, NotDocument)]
        assert len({record.record for record in documents}) == len(documents)
        for record in documents:
            if isinstance(record, Extracted):
                raw = any(sign in record.text for sign in ("$", "\\"))  # LaTeX has braces of its own
                marks = [mark for mark in ("[[", "]]", "<ref", "{|", "'''", "\x00", "\r", " \n") if mark in record.text]
                marks += [mark for mark in ("{{", "}}", "|}") if mark in record.text and not raw]
                assert not marks, (path.name, record.title)
                assert "\n\n\n" not in record.text
