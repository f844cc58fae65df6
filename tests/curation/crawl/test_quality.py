"""`auto` finds what people took for the content of real pages, and leaves out what they did not.

The model is fitted to these very pages, so this guards against breaking it and what stands around it; how good it is on
pages of other sites, `benchmarks/fit_content_model.py --check` says.
"""

from functools import reduce
from operator import add

import pytest

from benchmarks.bench_extract import labelled
from benchmarks.extraction_metrics import SegmentCounts, segment_counts, shingle_fractions, shingle_score
from gristmill.curation.crawl.html import extract
from gristmill.curation.crawl.params import CrawlParams


def pages(samples, name):
    found = list(labelled(samples / "crawl" / f"{name}.groundtruth.jsonl"))
    assert found
    return found


def counts(some_pages, engine) -> SegmentCounts:
    params = CrawlParams(engine=engine)
    return reduce(
        add,
        (segment_counts(p.truth["with"], p.truth["without"], extract(p.html, params).text) for p in some_pages),
    )


def test_articles_are_found_and_little_else(samples):
    articles = pages(samples, "scrapinghub-articles")
    score = shingle_score(shingle_fractions(page.truth["articleBody"], extract(page.html).text) for page in articles)
    assert len(articles) == 64
    assert score.f1 >= 0.97
    assert score.precision >= 0.95
    assert score.recall >= 0.97


def test_no_article_is_lost(samples):
    for page in pages(samples, "scrapinghub-articles"):
        found, _, missed = shingle_fractions(page.truth["articleBody"], extract(page.html).text)
        assert found > missed, page.truth["url"]


@pytest.mark.slow
def test_segments_are_told_as_well_as_by_trafilatura(samples):
    some_pages = pages(samples, "trafilatura-eval")[::3]
    ours, theirs = (counts(some_pages, engine) for engine in ("auto", "trafilatura"))
    assert ours.score.f1 >= theirs.score.f1
    assert ours.accuracy >= theirs.accuracy
    assert ours.score.f1 >= 0.92
