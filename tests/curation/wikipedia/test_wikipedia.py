"""Dumps to articles: what becomes of every page, damage, and the real dumps of 29 wikis."""

import bz2
import gzip
import html
import io
import re
from collections import Counter
from functools import cache

import mwparserfromhell
import pytest
import xxhash

from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.wikipedia import read
from gristmill.curation.wikipedia.params import WikipediaParams

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


def test_dropped_sentences_are_counted():
    (article,) = records(dump(page(7, "A", "Die Stadt ist alt und groß. Sie hat {{Einwohner|A}} Bewohner.")))
    assert article.text == "Die Stadt ist alt und groß."
    assert article.meta["dropped_sentences"] == 1


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


@pytest.mark.parametrize(
    ("name", "reason"), [("flow-board", "model_flow_board"), ("json", "model_json"), ("css", "model_css")]
)
def test_pages_of_other_content_models_are_counted_by_model(name, reason):
    (found,) = records(dump(page(1, "A", "{}").replace("<model>wikitext", f"<model>{name}")))
    assert found == NotDocument(reason)


@pytest.mark.parametrize(
    ("element", "rule"),
    [
        ('<text deleted="deleted" />', "deleted_text"),
        ('<text bytes="812" sha1="x" />', "no_text"),
        ("<text />", "empty_text"),
    ],
)
def test_a_page_without_its_text_says_why(element, rule):
    data = re.sub(b"<text.*</text>", element.encode(), dump(page(1, "A", "x")))
    (found,) = records(data)
    assert (found.record, found.rule, found.title) == ("1", rule, "A")


@pytest.mark.parametrize(
    "text",
    [
        "A may be:\n* [[B]]\n{{disambig}}",
        "x {{Homonymie}}",
        "x {{توضيح}}",
        "x {{Неоднозначность}}",
        "x {{消歧义}}",
        "x {{aimai|a}}",
        "x {{Template_with}} {{ Geodis }}",
        "x __DISAMBIG__",
        "x {{동음이의}}",
    ],
)
def test_disambiguation_pages_of_many_wikis_are_known(text):
    for header in (HEADER, HEADER.replace('xml:lang="de"', 'xml:lang="ja"')):
        found = records((header + page(1, "A", text) + "</mediawiki>").encode())
        assert found == [NotDocument("disambiguation")] or ("aimai" in text and "ja" not in header)


def test_a_word_that_only_one_wiki_takes_for_disambiguation_counts_there_only():
    text = "een artikel {{dp}}"
    dutch = HEADER.replace('xml:lang="de"', 'xml:lang="nl"')
    assert records((dutch + page(1, "A", text) + "</mediawiki>").encode()) == [NotDocument("disambiguation")]
    assert isinstance(records(dump(page(1, "A", text)))[0], Extracted)


@pytest.mark.parametrize(
    "word", ["#تغییر_مسیر [[A]]", "#REDIRECT[[A]]", "#перенаправление [[A]]", "#転送 [[A]]", "#นำทาง [[A]]"]
)
def test_redirects_are_known_by_their_words(word):
    known = "นำทาง" not in word
    assert (records(dump(page(1, "B", word))) == [NotDocument("redirect")]) == known


def test_tables_and_captions_come_by_option():
    text = "One [[File:a.jpg|thumb|A caption]] line.\n{|\n! A !! B\n|-\n| 1 || 2\n|}"
    options = ReadOptions(params=WikipediaParams(tables="keep", captions="keep"))
    (article,) = read(io.BytesIO(dump(page(1, "A", text))), "a.xml", options)
    assert article.text == "One line.\n\nA caption\n\nA | B\n1 | 2"
    assert records(dump(page(1, "A", text)))[0].text == "One line."


def test_options_say_what_is_wrong():
    with pytest.raises(ValueError, match="tables is 'yes'; give keep or drop"):
        WikipediaParams(tables="yes")


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


@cache
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
        ("ar", "برلين (بالألمانية: Berlin) هي العاصمة الفيدرالية لجمهورية ألمانيا الاتحادية،"),
        ("hi", "बर्लिन जर्मनी की राजधानी और इसके 16 राज्यों में से एक है।"),
        ("sw", "Berlin ni mji mkuu, pia mji mkubwa na jimbo la kujitawala la Ujerumani"),
    ],
)
def test_the_first_sentence_is_whole_in_every_script(samples, wiki, start):
    found = of(samples / "wikipedia" / "minidump" / f"{wiki}wiki-minidump.xml.bz2")
    assert next(record for record in found if isinstance(record, Extracted)).text.startswith(start)


def test_words_agree_with_mwparserfromhell(samples):
    """Its strip_code keeps captions and sources of tables, and drops the words of templates: so ours are nearly its."""
    path = samples / "wikipedia" / "enwiki-pages-articles1-p10p30302-shortened.xml.bz2"
    xml = bz2.decompress(path.read_bytes()).decode()
    ours, shared = 0, 0
    for record in [record for record in of(path) if isinstance(record, Extracted)][11:18]:
        source = re.search(rf"<id>{record.record}</id>.*?<text[^>]*>(.*?)</text>", xml, re.DOTALL)[1]
        theirs = mwparserfromhell.parse(html.unescape(source)).strip_code()
        mine, other = Counter(re.findall(r"\w+", record.text)), Counter(re.findall(r"\w+", theirs))
        ours += mine.total()
        shared += (mine & other).total()
    assert ours > 15_000
    assert shared / ours > 0.98


GOLDEN = {
    # (file, title): (characters, XXH3-64 of the text, a phrase from its middle)
    ("minidump/arwiki-minidump.xml.bz2", "برلين"): (38928, "2cd181b0b8c49e2d", "على شواطئ الرمل. كما تتضمن منتجع وس"),
    ("minidump/fawiki-minidump.xml.bz2", "برلین"): (
        7824,
        "d5ab8e5a76324aaf",
        "و ۴۳درصد برای فضای سبز و چشم\u200cاندازه",
    ),
    ("minidump/zhwiki-minidump.xml.bz2", "柏林"): (9917, "a15e836b080d796a", "弗里德里希 （Friedrichstadt-Palast）"),
    ("minidump/jawiki-minidump.xml.bz2", "ベルリン"): (
        22281,
        "a7c022c7e07549a5",
        '電力会社のRWE AGは共同でベルリンにおいて"E-Mobility',
    ),
    ("minidump/hiwiki-minidump.xml.bz2", "बर्लिन"): (6420, "1b12a2b433f2d9af", "रेलों तथा भवन योजनाओं और सामान्य नि"),
    ("minidump/kowiki-minidump.xml.bz2", "베를린"): (
        3358,
        "e6f2c563a1f77da2",
        "정부는 1961년에 동베를린과 서베를린의 경계에 베를린 장벽을",
    ),
    ("minidump/tawiki-minidump.xml.bz2", "பெர்லின்"): (6184, "7863941bf0025291", "காச நோய் போன்ற நோய்களுக்குத் தடுப்ப"),
    ("minidump/ruwiki-minidump.xml.bz2", "Берлин"): (34188, "45d17005c4a47c0d", "могут не совпадать с районами, так,"),
    ("minidump/frwiki-minidump.xml.bz2", "Berlin"): (44368, "305b98f39b898a5c", "d'Europe. C'est aussi le nom d'une"),
    ("minidump/dewiki-minidump.xml.bz2", "Berlin"): (115536, "df398b600aba831f", "wurden zahlreiche Arbeitsplätze im"),
    ("minidump/eswiki-minidump.xml.bz2", "Berlín"): (33745, "ff0533d5c98dc101", "población de Berlín ha crecido rápi"),
    ("enwiki-pages-articles1-p10p30302-shortened.xml.bz2", "Achilles"): (
        35425,
        "526b6e0b60ead403",
        "Akchillis tumulo eius viri clara),",
    ),
    ("ltgwiki-pages-articles.xml.bz2", "Latgola"): (5345, "bf7f36700cc88431", "Daugovys vacupē, Pīdrujis sausajuos"),
}


@pytest.mark.parametrize(("file", "title"), GOLDEN)
def test_real_articles_have_exactly_this_text(samples, file, title):
    found = of(samples / "wikipedia" / file)
    text = next(record for record in found if isinstance(record, Extracted) and record.title == title).text
    length, digest, phrase = GOLDEN[file, title]
    assert phrase in text
    assert (len(text), xxhash.xxh3_64_hexdigest(text.encode())) == (length, digest)


MARKUP = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|^[|!]|<ref|<br|''|^=+[^=]+=+$|^[*#:;]|&(?:nbsp|lt|gt|amp|quot);|-\{|\[https?:|[ \t]$|\n{3}|(?<=\S)  ",
    re.MULTILINE,
)
HOLE = re.compile(
    r"\w [,.](?=\s)|\(\s*[,;:]|[,;]\)|\(\s*\)|\( | \)|,\s*,|[^\W\d_]{3}\.\.(?!\.)|^[^\w\n$]+$", re.MULTILINE
)
FORMULA = re.compile(r"\$[^$]+\$")


def test_no_markup_is_left_in_any_real_article(samples):
    """LaTeX has braces of its own, and the article on HTML shows tags; nothing else."""
    checked = 0
    for path in sorted((samples / "wikipedia").rglob("*.bz2")):
        documents = [record for record in of(path) if not isinstance(record, NotDocument)]
        assert len({record.record for record in documents}) == len(documents)
        for record in documents:
            if isinstance(record, Extracted):
                checked += 1
                text = FORMULA.sub("$", record.text)
                assert not (mark := MARKUP.search(text)), (
                    path.name,
                    record.title,
                    text[mark.start() - 40 : mark.end()],
                )
                assert "\0" not in text
    assert checked > 1000


def test_sentences_have_no_holes_but_those_of_their_authors(samples):
    """A space before a comma, an empty bracket, a doubled stop: whatever is found must stand so in the dump."""
    by_others, total = [], 0
    for path in sorted((samples / "wikipedia").rglob("*.bz2")):
        source = re.sub(r"'{2,}|\xa0", "", html.unescape(html.unescape(bz2.decompress(path.read_bytes()).decode())))
        for record in of(path):
            if not isinstance(record, Extracted):
                continue
            text = FORMULA.sub("$", record.text)
            for hole in HOLE.finditer(text):
                total += 1
                if hole[0] not in source and text[hole.end() - 2 : hole.end() + 1].strip() not in source:
                    by_others.append((path.name, record.title, text[hole.start() - 40 : hole.end() + 20]))
    written_so = {"Agriculture": "CO2,)", "Alfabetiskuo parādavuošona": "... ..."}  # markup stands between in the dump
    assert not [hole for hole in by_others if written_so.get(hole[1], "?") not in hole[2]]
    assert total < 150  # in five million characters
