"""Fits the model that tells content from boilerplate, `curation/crawl/content_model.json`, and says how good it is.

    python benchmarks/fit_content_model.py ../shared/data/crawl            # fit to all pages and write the model
    python benchmarks/fit_content_model.py ../shared/data/crawl --check    # cross-validate by host, write nothing

The folder holds WARC files; `<name>.groundtruth.jsonl` beside one gives its labels by URL: whole articles
(`articleBody`), or segments that must (`with`) and must not (`without`) be in the text. What no person labelled is
labelled by Trafilatura, with less weight, and with less again where it was wrong about a segment of that page. Needs
lightgbm (extra `dev`).
"""

import argparse
import json
import re
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import lightgbm
import numpy as np
from extraction_metrics import SegmentCounts, segment_counts, shingle_fractions, shingle_score, shingles
from fastwarc import ArchiveIterator, WarcRecordType
from resiliparse.parse.html import HTMLTree

from gristmill.curation.crawl import content_model
from gristmill.curation.crawl.blocks import Blocks, blocks
from gristmill.curation.crawl.charset import decode
from gristmill.curation.crawl.completion import completed
from gristmill.curation.crawl.engines import trafilatura_text
from gristmill.curation.crawl.html import MAX_PAGE_BYTES
from gristmill.curation.crawl.http import decoded, http_message
from gristmill.curation.crawl.line_features import COLUMNS, features
from gristmill.curation.crawl.trees import LEAF_SCALE, Trees, probabilities

DEPTH = 5
TREES = (40, 80)
"""Trees of the two stages."""

BOOSTING = {
    "objective": "binary", "num_leaves": 2**DEPTH, "max_bin": 63, "max_depth": DEPTH, "min_data_in_leaf": 60, "lambda_l2": 5.0,
    "feature_fraction": 0.3, "bagging_fraction": 0.8, "bagging_freq": 1, "seed": 1, "deterministic": True,
    "force_row_wise": True, "num_threads": 1, "verbose": -1,
}  # fmt: skip
LEARNING_RATES = (0.15, 0.11)

FOLDS = 4
SEGMENT_WEIGHT = 6.0
"""Of a line that a person's segment marks, against 1 for Trafilatura's opinion."""
PAGE_WEIGHTS = {"article": 3.0, "agreed": 1.0, "doubtful": 0.3, "unlabelled": 0.7}
WORDS_POWER = 0.7
"""The weight of a line grows with so much of its number of words; each page weighs the same in sum."""

SHORT_WORDS = 6
LONG_SUFFIX = re.compile(r"\.(?:co|com|org|net|gov|ac|edu)\.[a-z]{2}$")
WORD = re.compile(r"\w+")


@dataclass
class Page:
    """A page of the training set: its blocks, what is known of them, and how the engines did on it."""

    url: str
    fold: int
    title: str
    blocks: Blocks
    rows: np.ndarray
    """float32[blocks, COLUMNS]."""
    labels: np.ndarray
    weights: np.ndarray
    article: str | None
    """What a person took for the article."""
    wanted: list[str]
    unwanted: list[str]
    trafilatura: str


def fold_of(url: str) -> int:
    """The fold of a page's site, so that no site is on both sides."""
    if "::" in url:
        host = re.split(r"[-_/]", url.split("::")[-1])[0]
    else:
        host = urlsplit(url).hostname or url
    parts = host.removeprefix("www.").split(".")
    site = ".".join(parts[-3:] if LONG_SUFFIX.search(host) else parts[-2:])
    return zlib.crc32(site.encode()) % FOLDS


def html_pages(warc: Path) -> dict[str, str]:
    """The HTML pages of a WARC file by URL."""
    found: dict[str, str] = {}
    with warc.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False):
            status, headers, body = http_message(record.reader.read())
            kind = headers.get("content-type", "")
            if "html" in kind and status == 200:
                body, _ = decoded(body, headers, MAX_PAGE_BYTES)
                found.setdefault(record.headers.get("WARC-Target-URI"), decode(body, kind)[0])
    return found


def share_in(texts: list[str], truth: str) -> np.ndarray:
    """float64[blocks]: which share of each block's shingles is in a text; short blocks must be lines of it, nearby."""
    known = shingles(truth)
    lines = {" ".join(WORD.findall(line)) for line in truth.split("\n")}
    share, words = np.zeros(len(texts)), np.zeros(len(texts))
    for i, text in enumerate(texts):
        tokens = WORD.findall(text)
        words[i] = len(tokens)
        if len(tokens) >= 4:
            own = shingles(text)
            share[i] = (own & known).total() / own.total()
        else:
            share[i] = bool(tokens) and " ".join(tokens) in lines
    sure = np.flatnonzero((share > 0.5) & (words >= SHORT_WORDS))
    if len(sure):
        index = np.arange(len(texts))
        share[((index < sure[0] - 4) | (index > sure[-1] + 4)) & (words < SHORT_WORDS)] = 0
    for i in np.flatnonzero(words == 0):
        share[i] = share[i - 1] if i else 0
    return share


def labelled(url: str, html: str, known: dict | None, silver: str) -> Page | None:
    """A page with labels: `known` is its record in the ground truth, `silver` Trafilatura's text."""
    tree = HTMLTree.parse(html)
    found = blocks(tree.body.html) if tree.body else Blocks()
    if not found.texts:
        return None
    title = " ".join((tree.title or "").split())
    known = known or {}
    wanted, unwanted, article = known.get("with") or [], known.get("without") or [], known.get("articleBody")
    labels = (share_in(found.texts, silver if article is None else article) > 0.5).astype(np.float64)
    boost = np.ones(len(labels))
    for value, segments in ((1.0, wanted), (0.0, unwanted)):
        for segment in (" ".join(s.split()) for s in segments):
            for i, text in enumerate(found.texts):
                line = " ".join(text.split())
                if segment in line or (len(line) >= 15 and line in segment):
                    labels[i], boost[i] = value, SEGMENT_WEIGHT
    if article is not None:
        level = "article"
    elif known:
        counts = segment_counts(wanted, unwanted, silver)
        level = "doubtful" if counts.false_negatives or counts.false_positives else "agreed"
    else:
        level = "unlabelled" if len(silver) >= 200 else None
    rows = features(found, found.texts, title)
    weights = np.maximum(rows[:, 0].astype(np.float64), 1) ** WORDS_POWER
    weights *= 100 / weights.sum() * boost * (PAGE_WEIGHTS[level] if level else 0)
    return Page(url, fold_of(url), title, found, rows, labels, weights, article, wanted, unwanted, silver)


def read(folder: Path) -> list[Page]:
    """All pages of a folder's WARC files, labelled."""
    pages = []
    with ProcessPoolExecutor(2) as pool:
        for warc in sorted(folder.glob("*.warc.gz")):
            found = html_pages(warc)
            truth_file = warc.with_name(warc.name.removesuffix(".warc.gz") + ".groundtruth.jsonl")
            truth = {}
            if truth_file.exists():
                truth = {record["url"].strip(): record for record in map(json.loads, truth_file.open())}
            silver = pool.map(trafilatura_text, found.values(), [False] * len(found), chunksize=8)
            for (url, html), text in zip(found.items(), silver, strict=True):
                pages.append(labelled(url, html, truth.get(url), text))
    return [page for page in pages if page]


def fit(pages: list[Page], rows: list[np.ndarray], stage: int) -> Trees:
    """The trees of a stage."""
    data = lightgbm.Dataset(
        np.concatenate(rows),
        np.concatenate([page.labels for page in pages]),
        weight=np.concatenate([page.weights for page in pages]),
    )
    booster = lightgbm.train({**BOOSTING, "learning_rate": LEARNING_RATES[stage]}, data, TREES[stage])
    return Trees.of(complete([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]))


def complete(structures: list[dict]) -> dict[str, list]:
    """LightGBM's trees as complete ones: a leaf that comes early is repeated below nodes that ask nothing new."""
    features_, thresholds, leaves = [], [], []
    for structure in structures:
        level = [structure]
        nodes: list[tuple[int, float]] = []
        for _ in range(DEPTH):
            nodes += [(node.get("split_feature", 0), node.get("threshold", 0.0)) for node in level]
            level = [node.get(side, node) for node in level for side in ("left_child", "right_child")]
        features_.append([feature for feature, _ in nodes])
        thresholds.append([float(np.float32(threshold)) for _, threshold in nodes])
        leaves.append([round(node["leaf_value"] * LEAF_SCALE) for node in level])
    return {"features": features_, "thresholds": thresholds, "leaves": leaves}


def both_stages(pages: list[Page]) -> tuple[Trees, Trees]:
    """Both stages; the second learns from judgements of pages that the first had not seen."""
    judged: list[np.ndarray] = [np.zeros(0)] * len(pages)
    for fold in sorted({page.fold for page in pages}):
        seen = [page for page in pages if page.fold != fold]
        first = fit(seen, [page.rows for page in seen], 0)
        for i, page in enumerate(pages):
            if page.fold == fold:
                judged[i] = probabilities(first.log_odds(page.rows))
    first = fit(pages, [page.rows for page in pages], 0)
    second = fit(pages, [with_context(page.rows, p) for page, p in zip(pages, judged, strict=True)], 1)
    return first, second


def with_context(rows: np.ndarray, judged: np.ndarray) -> np.ndarray:
    return np.concatenate([rows, content_model.context(judged, rows[:, 0])], axis=1)


def text_of(page: Page, stages: tuple[Trees, Trees]) -> str:
    """The text that a model takes from a page."""
    judged = probabilities(stages[0].log_odds(page.rows))
    judged = content_model.judged_again(stages[1], page.rows, judged)
    texts = page.blocks.texts
    words = page.rows[:, 0].astype(np.float64)
    choice = completed(page.blocks, content_model.chosen(page.blocks, texts, judged, words), judged, words)
    return "\n".join(text for text, wanted in zip(texts, choice, strict=True) if wanted)


def report(name: str, pages: list[Page], texts: list[str]) -> None:
    """Print the scores of some texts."""
    articles, segments = [], SegmentCounts()
    for page, text in zip(pages, texts, strict=True):
        if page.article is not None:
            articles.append(shingle_fractions(page.article, text))
        else:
            segments += segment_counts(page.wanted, page.unwanted, text)
    for what, score in (("articles", shingle_score(articles)), ("segments", segments.score)):
        print(f"{name:<12} {what}  F1 {score.f1:.4f}  P {score.precision:.4f}  R {score.recall:.4f}", flush=True)


def check(pages: list[Page]) -> None:
    """Cross-validation by host: every page is judged by models that saw no page of its site, in neither stage."""
    texts = [""] * len(pages)
    for fold in range(FOLDS):
        stages = both_stages([page for page in pages if page.fold != fold])
        for i, page in enumerate(pages):
            if page.fold == fold:
                texts[i] = text_of(page, stages)
    report("auto", pages, texts)
    report("trafilatura", pages, [page.trafilatura for page in pages])


def write(stages: tuple[Trees, Trees], path: Path) -> None:
    """The model as JSON, with the names of its features."""
    stored: dict[str, object] = {"columns": [*COLUMNS, *content_model.CONTEXT_COLUMNS]}
    for name, trees in zip(("first", "second"), stages, strict=True):
        stored[name] = {
            "features": trees.features.tolist(),
            "thresholds": [[float(f"{t:.7g}") for t in tree] for tree in trees.thresholds.tolist()],
            "leaves": trees.leaves.tolist(),
        }
    path.write_text(json.dumps(stored, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with WARC files and their ground truth")
    parser.add_argument("--check", action="store_true", help="cross-validate by host instead of writing the model")
    arguments = parser.parse_args()
    training = read(arguments.folder)
    if not training:
        sys.exit(f"{arguments.folder}: no HTML pages in *.warc.gz here")
    print(f"{len(training)} pages, {sum(len(page.labels) for page in training)} blocks")
    if arguments.check:
        check(training)
    else:
        write(both_stages(training), content_model.MODEL)
