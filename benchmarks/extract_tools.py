"""Runs one extractor over pages: `python extract_tools.py NAME PAGES`, pages and results as JSON lines.

Each line of PAGES is {"html": ...}; each line of the output {"text": ..., "seconds": ...}, in their order. Seconds are
processor time of the call alone, on pages already decoded, after three pages to warm up. An extractor that raises gives
"" and the exception's name under "error". The tools of Gristmill run in its own environment, the peers in theirs.
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

Extractor = Callable[[str], str | None]

WARM_UP = 3


def gristmill(engine: str) -> Extractor:
    from gristmill.curation.crawl.html import extract
    from gristmill.curation.crawl.params import CrawlParams

    params = CrawlParams(engine=engine)
    return lambda html: extract(html, params).text


def trafilatura(**options: bool) -> Extractor:
    """The settings of its own evaluation, without the deduplication that would make a page depend on those before."""
    from trafilatura import extract

    options = {"include_comments": False, "include_tables": True, "deduplicate": False, **options}
    return lambda html: extract(html, **options)


def datatrove() -> Extractor:
    """As its pipelines call it, without the child process around it."""
    from datatrove.pipeline.extractors import Trafilatura

    return Trafilatura(favour_precision=True, deduplicate=False).extract


def resiliparse() -> Extractor:
    from resiliparse.extract.html2text import extract_plain_text

    return lambda html: extract_plain_text(html, main_content=True, alt_texts=False, preserve_formatting=True)


def readability() -> Extractor:
    from lxml.html import fromstring
    from readability import Document

    def extract(html: str) -> str:
        content = fromstring(Document(html).summary(html_partial=True))
        return "\n".join(" ".join(block.split()) for block in content.itertext())

    return extract


def justext() -> Extractor:
    """With the stop words of all languages, as pages come in many."""
    import justext as library

    words = frozenset().union(*(library.get_stoplist(name) for name in library.get_stoplists()))

    def extract(html: str) -> str:
        return "\n\n".join(p.text for p in library.justext(html, words) if not p.is_boilerplate)

    return extract


def boilerpy3() -> Extractor:
    from boilerpy3.extractors import ArticleExtractor

    extractor = ArticleExtractor(raise_on_failure=False)
    return extractor.get_content


def goose3() -> Extractor:
    from goose3 import Goose

    goose = Goose({"enable_image_fetching": False})
    return lambda html: goose.extract(raw_html=html).cleaned_text


def newspaper4k() -> Extractor:
    from newspaper import Article

    def extract(html: str) -> str:
        article = Article("http://page.invalid/", fetch_images=False)
        article.download(input_html=html)
        article.parse()
        return article.text

    return extract


def inscriptis() -> Extractor:
    from inscriptis import get_text

    return get_text


def beautifulsoup() -> Extractor:
    from bs4 import BeautifulSoup

    return lambda html: BeautifulSoup(html, "lxml").get_text("\n", strip=True)


OURS: dict[str, Callable[[], Extractor]] = {
    f"gristmill {engine}": lambda engine=engine: gristmill(engine)
    for engine in ("auto", "resiliparse", "trafilatura", "union")
}
PEERS: dict[str, Callable[[], Extractor]] = {
    "trafilatura": trafilatura,
    "trafilatura precision": lambda: trafilatura(favor_precision=True),
    "trafilatura fast": lambda: trafilatura(fast=True),
    "datatrove": datatrove,
    "resiliparse": resiliparse,
    "readability-lxml": readability,
    "justext": justext,
    "boilerpy3": boilerpy3,
    "goose3": goose3,
    "newspaper4k": newspaper4k,
    "inscriptis": inscriptis,
    "beautifulsoup4": beautifulsoup,
}


def main() -> None:
    logging.disable(logging.CRITICAL)
    name, path = sys.argv[1:]
    extract = (OURS | PEERS)[name]()
    with Path(path).open(encoding="utf-8") as file:
        pages = [json.loads(line)["html"] for line in file]
    for html in pages[:WARM_UP]:
        timed(extract, html)
    for html in pages:
        print(json.dumps(timed(extract, html)))


def timed(extract: Extractor, html: str) -> dict[str, object]:
    """One page's text with its cost."""
    start = time.process_time()
    try:
        text, error = extract(html) or "", None
    except Exception as failure:
        text, error = "", type(failure).__name__
    return {"text": text, "seconds": time.process_time() - start, "error": error}


if __name__ == "__main__":
    main()
