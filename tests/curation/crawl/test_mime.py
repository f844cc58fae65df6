"""Content says what it is by how it begins."""

import time

import pytest

from gristmill.curation.crawl.mime import sniff, starts_as_html


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE  html>",
        b"\xef\xbb\xbf\n <p>x",
        b"<?xml version='1.0'?>\n<!-- a - b -- c --->\n<!----><HTML>",
        b"<!--" + b"licence -> " * 500 + b"--><html>",
    ],
)
def test_pages_are_known_by_their_first_tag(body):
    assert starts_as_html(body)
    assert sniff(body) == "text/html"


@pytest.mark.parametrize("body", [b"", b"words <p>", b"<!-- never closed <p>", b"<pear>", b"<!-- a --> words"])
def test_other_content_is_no_page(body):
    assert not starts_as_html(body)


@pytest.mark.parametrize("unit", [b"<!-- -->", b"<!--", b"<!-->", b" ", b"<!-- --> \n", b"-->", b"<?xml ", b"<!---"])
def test_no_beginning_takes_long(unit):
    start = time.process_time()
    starts_as_html(unit * 200_000 + b"x")
    assert time.process_time() - start < 1  # minutes, if it were quadratic
