"""Every page of a crawl becomes a document or gets a reason; everything else is counted by what it is."""

import gzip
import io
import itertools
import json
import re
import zlib
from collections import Counter

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from gristmill.curation.crawl import read
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile

EXAMPLE_DOMAIN = (
    "Example Domain\n\n"
    "This domain is established to be used for illustrative examples in documents. You may use this domain in examples "
    "without prior coordination or asking for permission.\n\nMore information..."
)


def everything(stream) -> tuple[list, str]:
    """What `read` yields, and the message of the exception that ended it."""
    records = []
    try:
        for record in read(stream, "a.warc.gz", ReadOptions()):
            records.append(record)
    except UnreadableFile as error:
        return records, str(error)
    return records, ""


def outcomes(path) -> list:
    """What `read` yields for a file that can be read to its end."""
    with path.open("rb") as stream:
        records, error = everything(stream)
    assert error == ""
    return records


def counted(records) -> Counter:
    return Counter(
        record.reason
        if isinstance(record, NotDocument)
        else record.rule
        if isinstance(record, Unextracted)
        else "document"
        for record in records
    )


def archive(*captures: tuple[str, str, list[tuple[str, str]], bytes]) -> bytes:
    """A WARC file written by warcio, from (url, status, HTTP header, body)."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True)
    for url, status, headers, body in captures:
        http = StatusAndHeaders(status, headers, protocol="HTTP/1.1")
        writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=http))
    return out.getvalue()


def page(body: bytes, content_type: str | None = "text/html", url: str = "http://example.org/", **headers):
    """What one response with status 200 becomes."""
    fields = [("Content-Type", content_type)] if content_type else []
    fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
    (record,) = read(io.BytesIO(archive((url, "200 OK", fields, body))), "a.warc.gz", ReadOptions())
    return record


PROSE = "The wheel turns as long as the water runs, and the miller sleeps as long as the wheel turns. "
HTML = f"<!doctype html><title>Mill</title><p>{PROSE * 4}</p>".encode()
TEXT = (PROSE * 4).strip()


# Real archives


@pytest.mark.slow
def test_all_824_pages_of_the_evaluation_archives_have_a_row(samples):
    articles = outcomes(samples / "crawl" / "scrapinghub-articles.warc.gz")
    assert counted(articles) == {"document": 64, "warc_warcinfo": 1}
    pages = outcomes(samples / "crawl" / "trafilatura-eval.warc.gz")
    assert counted(pages) == {"document": 760, "warc_warcinfo": 1}
    documents = [record for record in articles + pages if isinstance(record, Extracted)]
    assert all(document.text.strip() and document.url and document.created for document in documents)
    assert not any(
        "\0" in document.text or "\r" in document.text or "\ufffd" in document.text for document in documents
    )
    assert all(json.dumps(dict(document.meta)) for document in documents)
    assert all(document.title for document in documents)
    (bears,) = (document for document in documents if document.url.endswith("parcoabruzzo.it/dettaglio.php?id=58354"))
    assert "Il risultato è molto positivo" in bears.text  # an article in whose markup Resiliparse's rules find nothing
    assert "0863/91131" not in bears.text


def test_heritrix_archive_of_2008_is_accounted_for_by_type(samples):
    assert counted(outcomes(samples / "crawl" / "aut-archive-org-2008.warc.gz")) == {
        "document": 96,
        "empty_text": 1,
        "warc_warcinfo": 1,
        "warc_request": 261,
        "warc_metadata": 261,
        "dns": 38,
        "robots_txt": 33,
        "image": 55,
        "xml": 9,
        "javascript": 8,
        "css": 4,
        "flash": 8,
        "http_301": 2,
        "http_302": 5,
        "http_404": 40,
    }


def test_common_crawl_page_in_warc_wet_and_wat(samples):
    warc, wet, wat = (outcomes(samples / "crawl" / f"whirlwind.warc.{kind}gz") for kind in ("", "wet.", "wat."))
    assert counted(warc) == {"document": 1, "warc_warcinfo": 1, "warc_request": 1, "warc_metadata": 1}
    assert counted(wet) == {"document": 1, "warc_warcinfo": 1}
    assert counted(wat) == {"warc_warcinfo": 1, "warc_metadata": 1}
    document = warc[2]
    assert document.record == "1023"
    assert document.url == "https://an.wikipedia.org/wiki/Escopete"
    assert document.title == "Escopete - Biquipedia, a enciclopedia libre"
    assert document.created == "2024-05-18T01:58:10Z"
    assert document.licence == "CC-BY-SA-4.0"
    assert "Escopete ye un municipio d'a provincia de Guadalachara" in document.text
    assert wet[1].url == document.url
    assert wet[1].text.startswith("Escopete - Biquipedia, a enciclopedia libre\nIr al contenido\n")


MALFORMED = {
    "bad.arc": {"warc_filedesc": 1, "empty_text": 3},
    "ccnet-sample.wet.txt": {"warc_warcinfo": 1, "document": 3},
    "example-bad-non-chunked.warc.gz": {
        "warc_warcinfo": 2,
        "document": 1,
        "warc_request": 2,
        "warc_revisit": 1,
    },
    "example-bad.warc.gz.bad": {
        "warc_warcinfo": 1,
        "document": 1,
        "warc_request": 2,
        "warc_revisit": 1,
        "http_302": 1,
    },
    "example-digest.warc": {"warc_request": 4},
    "example-iana.org-chunked.warc": {"warc_warcinfo": 1, "document": 1, "warc_request": 1},
    "example-resource.warc.gz": {"warc_warcinfo": 2, "document": 1},
    "example-space-in-target-uri.warc.gz": {"warc_warcinfo": 1, "warc_resource": 1},
    "example-space-in-url.arc": {"warc_filedesc": 1, "document": 1},
    "example-trunc.warc": {"warc_warcinfo": 2, "document": 1, "warc_request": 1},
    "example-wget-bad-target-uri.warc.gz": {
        "warc_warcinfo": 1,
        "document": 1,
        "warc_request": 1,
        "warc_metadata": 1,
        "warc_resource": 2,
    },
    "example-wrong-chunks.warc.gz": {"document": 1, "warc_request": 1},
    "example.arc": {"warc_filedesc": 1, "document": 1},
    "example.arc.gz": {"warc_filedesc": 1, "document": 1},
    "example.warc": {"warc_warcinfo": 2, "document": 1, "warc_request": 2, "warc_revisit": 1},
    "example.warc.gz": {"warc_warcinfo": 2, "document": 1, "warc_request": 2, "warc_revisit": 1},
    "post-test.warc.gz": {"json": 3, "warc_request": 3},
}


def test_every_malformed_archive_has_an_expectation(samples):
    assert {path.name for path in (samples / "crawl" / "malformed").iterdir()} == set(MALFORMED)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_archives_give_their_records_or_a_reason(samples, name):
    records = outcomes(samples / "crawl" / "malformed" / name)
    assert counted(records) == MALFORMED[name]
    texts = [record.text for record in records if isinstance(record, Extracted)]
    if name == "ccnet-sample.wet.txt":
        assert [text.partition("\n")[0] for text in texts] == [
            "Famous Mark Twain Quotes",
            "馬克·吐溫名言",
            "Цитаты знаменитого Марка Твена",
        ]
        assert texts[0].endswith("Fiction is obliged to stick to possibilities. Truth isn't.")
        assert texts[1].endswith("真理不是。")
        assert texts[2].endswith("Правда нет.")
    elif name == "example-iana.org-chunked.warc":
        assert texts[0].startswith("Internet Assigned Numbers Authority\n\nThe global coordination of the DNS Root")
        assert "001c37" not in texts[0]
    else:
        assert texts in ([], [EXAMPLE_DOMAIN])


def test_extraction_does_not_depend_on_what_was_read_before(samples):
    path = samples / "crawl" / "dolma-sample-0000.warc.gz"
    first = outcomes(path)
    assert all(outcomes(path) == first for _ in range(9))


# Types and status


@pytest.mark.parametrize(
    ("content_type", "body", "outcome"),
    [
        ("text/html; charset=utf-8", HTML, TEXT),
        ("Application/XHTML+XML", HTML, TEXT),
        (None, HTML, TEXT),
        ("application/octet-stream", b"\n <!-- c --> <HTML><p>" + TEXT.encode(), TEXT),
        ("text/plain", b"one\r\ntwo  \r\n", "one\ntwo"),
        ("text/plain", HTML, TEXT),
        (None, b"just words", "just words"),
        ("image/png", b"\x89PNG\r\n\x1a\n", "image"),
        (None, b"\x89PNG\r\n\x1a\n", "image"),
        ("application/pdf", b"%PDF-1.4", "pdf"),
        ("application/x-unheard-of", b"x", "mime_application"),
        ("text/calendar", b"x", "mime_text"),
        ("!!!", b"x", "mime_other"),
        (None, b"", "empty_body"),
        ("text/html", b"", "empty_text"),
        ("text/html", b"<script>only()</script>", "empty_text"),
        ("text/html", b"\x89PNG\r\n\x1a\n" + bytes(100), "binary_content"),
        ("text/html", b"%PDF-1.4 and so on", "binary_content"),
    ],
)
def test_what_a_response_is(content_type, body, outcome):
    record = page(body, content_type)
    assert outcome in (
        getattr(record, "text", None),
        getattr(record, "reason", None),
        getattr(record, "rule", None),
    )


def test_identified_payload_type_goes_before_the_header():
    data = gzip.decompress(archive(("http://example.org/", "200 OK", [("Content-Type", "text/html")], HTML)))
    data = data.replace(b"WARC-Type:", b"WARC-Identified-Payload-Type: application/pdf\r\nWARC-Type:")
    assert list(read(io.BytesIO(data), "a.warc", ReadOptions())) == [NotDocument("pdf")]


def test_other_statuses_and_robots_files_are_no_documents():
    header = [("Content-Type", "text/html")]
    data = archive(
        ("http://example.org/a", "404 Not Found", header, HTML),
        ("http://example.org/b", "301 Moved", header, HTML),
        ("http://example.org/robots.txt", "200 OK", [("Content-Type", "text/plain")], b"User-agent: *"),
        ("http://example.org/about/robots.txt", "200 OK", [("Content-Type", "text/plain")], b"User-agent: *"),
    )
    assert counted(read(io.BytesIO(data), "a.warc.gz", ReadOptions())) == {
        "http_404": 1,
        "http_301": 1,
        "robots_txt": 1,
        "document": 1,
    }


def test_page_too_large_is_named_with_its_size():
    record = page(b"<p>" + b"x" * (21 * 2**20))
    assert (record.rule, record.value) == ("page_too_large", 21 * 2**20 + 3)
    bomb = page(gzip.compress(bytes(100 * 2**20)), Content_Encoding="gzip")
    assert bomb.rule == "page_too_large"
    assert bomb.value > 20 * 2**20


def zeros(compressor, finish, megabytes: int) -> bytes:
    return b"".join(compressor(bytes(2**20)) for _ in range(megabytes)) + finish()


def brotli_zeros() -> bytes:
    compressor = brotli.Compressor(quality=4)
    return zeros(compressor.process, compressor.finish, 400)


def gzip_zeros() -> bytes:
    compressor = zlib.compressobj(9, wbits=31)
    return zeros(compressor.compress, compressor.flush, 400)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", brotli_zeros),
        ("gzip", gzip_zeros),
        ("gzip, gzip", lambda: gzip.compress(gzip_zeros())),
        ("zstd", lambda: zstandard.compress(bytes(400 * 2**20))),
    ],
)
def test_content_encoding_that_is_a_bomb_is_named_and_the_next_page_read(encoding, body):
    headers = [("Content-Type", "text/html"), ("Content-Encoding", encoding)]
    captures = [("http://a.org/", "200 OK", headers, body()), ("http://b.org/", "200 OK", headers[:1], HTML)]
    first, second = read(io.BytesIO(archive(*captures)), "a.warc.gz", ReadOptions())
    assert first.rule == "page_too_large"
    assert second.text == TEXT


def test_page_made_to_exhaust_the_parser_is_named():
    assert page(b"<div>" * 50_000).rule == "page_too_complex"


def test_page_in_no_charset_at_all_is_named():
    assert page(b"\xff\xfe" + b"\x00\xd8" * 50).rule == "undecodable"


# What a document carries


def test_document_carries_url_title_time_licence_and_charset():
    body = (
        "<title>Mühle</title><link rel=license href='https://creativecommons.org/licenses/by/4.0/'>"
        f"<meta name=robots content=noai><p>Größe. {PROSE * 4}"
    ).encode("cp1252")
    record = page(body, "text/html; charset=iso-8859-1", X_Robots_Tag="noindex")
    assert record.title == "Mühle"
    assert record.text == f"Größe. {PROSE * 4}".strip()
    assert record.url == "http://example.org/"
    assert record.licence == "CC-BY-4.0"
    assert record.created.endswith("Z")
    digest = record.meta["payload_digest"]
    assert digest.startswith("sha1:")
    assert record.meta == {
        "content_type": "text/html",
        "charset": "cp1252",
        "opt_outs": ["noai", "noindex"],
        "payload_digest": digest,
    }


def test_opt_outs_of_headers_and_tags_for_all_and_for_one():
    body = b"<meta name=gptbot content=noindex><meta name=tdm-reservation content=1>" + HTML
    fields = [("Content-Type", "text/html"), ("X-Robots-Tag", "noai"), ("X-Robots-Tag", "ccbot: noindex")]
    (record,) = read(io.BytesIO(archive(("http://a.org/", "200 OK", fields, body))), "a.warc.gz", ReadOptions())
    assert record.meta["opt_outs"] == ["ccbot:noindex", "gptbot:noindex", "noai", "tdm-reservation"]


def test_changed_content_is_read_and_marked():
    data = gzip.decompress(archive(("http://example.org/", "200 OK", [("Content-Type", "text/html")], HTML)))
    (record,) = read(io.BytesIO(data.replace(b"water", b"wafer")), "a.warc", ReadOptions())
    assert "wafer" in record.text
    assert record.meta["digest_mismatch"] is True


def test_page_shortened_by_the_crawler_is_marked():
    data = gzip.decompress(archive(("http://example.org/", "200 OK", [("Content-Type", "text/html")], HTML)))
    data = data.replace(b"WARC-Type:", b"WARC-Truncated: length\r\nWARC-Type:")
    (record,) = read(io.BytesIO(data), "a.warc", ReadOptions())
    assert record.meta["truncated"] == "length"


def test_page_whose_encoding_broke_off_is_read_and_marked():
    packed = gzip.compress(HTML)
    record = page(packed[:-8] + bytes(8), Content_Encoding="gzip")
    assert record.text == TEXT
    assert record.meta["broken_encoding"] == "gzip"
    assert "broken_encoding" not in page(packed, Content_Encoding="gzip").meta


def test_url_is_freed_of_brackets_and_spaces():
    record = page(HTML, url="<http://example.org/a b>")
    assert record.url == "http://example.org/a%20b"


# Transport


def deflate_raw(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", deflate_raw),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("gzip", lambda body: gzip.compress(body[:100]) + gzip.compress(body[100:])),
        ("gzip, br", lambda body: brotli.compress(gzip.compress(body))),
        ("identity", bytes),
        ("gzip", bytes),
        ("br", bytes),
        ("nonsense", bytes),
    ],
)
def test_content_encodings_are_undone_and_stale_headers_forgiven(encoding, compress):
    assert page(compress(HTML), Content_Encoding=encoding).text == TEXT


def chunked(body: bytes, cuts: list[int]) -> bytes:
    edges = [0, *sorted({cut % len(body) for cut in cuts} - {0}), len(body)]
    pieces = (body[start:end] for start, end in itertools.pairwise(edges))
    return b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@given(st.lists(st.integers(0, 10_000), max_size=5))
def test_chunks_are_joined_wherever_they_were_cut(cuts):
    assert page(chunked(HTML, cuts), Transfer_Encoding="chunked").text == TEXT
    both = chunked(gzip.compress(HTML), cuts)
    assert page(both, Transfer_Encoding="chunked", Content_Encoding="gzip").text == TEXT


def test_body_that_is_not_chunked_under_a_stale_header_stays_whole():
    assert page(HTML, Transfer_Encoding="chunked").text == TEXT


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, deflate"]))
def test_any_bytes_under_any_encoding_have_an_outcome(body, encoding):
    record = page(body, Content_Encoding=encoding, Transfer_Encoding="chunked")
    assert isinstance(record, Extracted | Unextracted)


# Whole files


def test_truncated_archive_gives_its_pages_then_says_where_it_ends():
    pages = [(f"http://example.org/{n}", "200 OK", [("Content-Type", "text/html")], HTML) for n in range(3)]
    data = archive(*pages)
    records, error = everything(io.BytesIO(data[:-40]))
    assert re.search(r"ends in the middle of the record at byte \d+: it is truncated", error)
    assert counted(records) == {"document": 2, "truncated_record": 1}
    assert records[2].url == "http://example.org/2"


def test_damaged_record_is_a_row_and_the_rest_is_read():
    pages = [(f"http://example.org/{n}", "200 OK", [("Content-Type", "text/html")], HTML) for n in range(3)]
    one = archive(pages[0])
    broken = archive(pages[1])
    broken = broken[:-12] + bytes(4) + broken[-8:]
    records = list(read(io.BytesIO(one + broken + archive(pages[2])), "a.warc.gz", ReadOptions()))
    assert [type(record) for record in records] == [Extracted, Unextracted, Extracted]
    assert (records[1].rule, records[1].record) == ("corrupt_record", str(len(one)))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "the file is empty"), (b"\xff\xd8\xff\xe0JFIF", "not a web archive"), (HTML, "not a web")],
)
def test_what_is_no_archive_is_refused(data, words):
    with pytest.raises(UnreadableFile, match=words):
        list(read(io.BytesIO(data), "a.warc.gz", ReadOptions()))


def test_ranges_of_a_file_give_each_record_once(samples):
    path = samples / "crawl" / "scrapinghub-articles.warc.gz"
    whole = outcomes(path)
    third = path.stat().st_size // 3
    parts = []
    for start, end in ((0, third), (third, 2 * third), (2 * third, None)):
        with path.open("rb") as stream:
            parts += read(stream, path.name, ReadOptions(start=start, end=end))
    assert parts == whole
