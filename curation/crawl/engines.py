"""The engines that turn a parsed page into text; `read: {engine: ...}` chooses one.

`auto` keeps the blocks that a small model calls content. `resiliparse` is what Resiliparse's rules leave (Bevendorff et
al. 2018). `trafilatura` is Barbaresi's extractor (2021), without its deduplication, which depends on the order of pages.
`union` runs the last two and takes the longer text that is not boilerplate in the eyes of the model.
"""

from collections.abc import Sequence

import numpy as np
import trafilatura
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from gristmill.curation.crawl.blocks import Blocks, blocks
from gristmill.curation.crawl.completion import completed
from gristmill.curation.crawl.content_model import chosen, content_probabilities
from gristmill.curation.crawl.plain import clean
from gristmill.curation.crawl.render import render
from gristmill.curation.crawl.tags import MARKS

MIN_CONTENT_CHARS = 250
"""Less main content than this is doubted, and compared with the sentences of the whole page."""

MAX_BOILERPLATE = 0.05
"""A text with a larger share of words outside the model's content fails the boilerplate test of `union`."""

SHINGLE_WORDS = 3

SENTENCE_ENDS = frozenset(".!?…。！？:：।؟")
CLOSING = " \"'”’»)]）」』"


def extract_text(engine: str, html: str, tree: HTMLTree, title: str, markdown: bool) -> str:
    """The main content of a page by the engine of that name, as clean text."""
    if engine == "auto":
        return auto(tree, title, markdown)
    if engine == "resiliparse":
        return resiliparse(tree, markdown)
    if engine == "trafilatura":
        return trafilatura_text(html, markdown)
    assert engine == "union"
    return union(html, tree, title, markdown)


def auto(tree: HTMLTree, title: str, markdown: bool) -> str:
    """The blocks that the content model keeps."""
    if not tree.body:
        return ""
    page = blocks(tree.body.html, markdown)
    if not page.texts:
        return ""
    texts = [text.translate(MARKS) for text in page.texts] if markdown else page.texts
    if sum(map(len, texts)) < MIN_CONTENT_CHARS:  # too little to tell from anything
        return clean(render(page, page.texts, [True] * len(texts), markdown))
    judged, words = content_probabilities(page, texts, title)
    choice = completed(page, chosen(page, texts, judged, words), judged, words)
    if sum(len(texts[i]) for i in np.flatnonzero(choice)) < MIN_CONTENT_CHARS:
        choice = _with_sentences(page, texts, choice)
    return clean(render(page, page.texts, choice.tolist(), markdown))


def resiliparse(tree: HTMLTree, markdown: bool) -> str:
    """What Resiliparse's rules leave; where that is next to nothing, the sentences of the whole page."""
    text = clean(_rules(tree, main_content=True))
    if len(text) < MIN_CONTENT_CHARS:
        sentences = _sentences(clean(_rules(tree, main_content=False)))
        if len(sentences) > 2 * len(text):
            return sentences
    if not markdown:
        return text
    reduced = HTMLTree.parse(_rules(tree, main_content=True, markup="minimal_html"))
    page = blocks(reduced.body.html, markdown=True)
    return clean(render(page, page.texts, [True] * len(page.texts), markdown=True))


def trafilatura_text(html: str, markdown: bool) -> str:
    """What Trafilatura takes for the main text, tables included, comments not."""
    text = trafilatura.extract(
        html,
        output_format="markdown" if markdown else "txt",
        include_formatting=markdown,
        include_comments=False,
        include_tables=True,
        deduplicate=False,
    )
    return clean(text or "")


def union(html: str, tree: HTMLTree, title: str, markdown: bool) -> str:
    """The longer text of Resiliparse's and Trafilatura's that passes the boilerplate test, or else the purer one.

    The test: no more than MAX_BOILERPLATE of its runs of three words are foreign to the content that the model sees.
    """
    texts = [resiliparse(tree, markdown), trafilatura_text(html, markdown)]
    if texts[0].split() == texts[1].split() or not all(texts):
        return texts[0] or texts[1]
    known = _shingles(auto(tree, title, False))
    shares = []
    for text in texts:
        runs = _shingles(text)
        shares.append(len(runs - known) / max(len(runs), 1))
    passing = [i for i in (0, 1) if shares[i] <= MAX_BOILERPLATE]
    if passing:
        return texts[max(passing, key=lambda i: len(texts[i]))]
    return texts[shares[1] < shares[0]]


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = [stripped for word in text.split() if (stripped := word.strip("*`#|-"))]
    return set(zip(*(words[i:] for i in range(SHINGLE_WORDS)), strict=False))


def _rules(tree: HTMLTree, main_content: bool, markup: bool | str = True) -> str:
    return extract_plain_text(
        tree,
        preserve_formatting=markup,
        main_content=main_content,
        list_bullets=True,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )


def _with_sentences(page: Blocks, texts: Sequence[str], choice: np.ndarray) -> np.ndarray:
    """The choice with all that reads like a sentence and is no link, if that is more than twice as much."""
    sentences = np.array(
        [_is_sentence(text) and 2 * links < len(text) for text, links in zip(texts, page.link_chars, strict=True)]
    )
    chars = np.fromiter(map(len, texts), np.int64, len(texts))
    return choice | sentences if chars[sentences].sum() > 2 * chars[choice].sum() else choice


def _sentences(text: str) -> str:
    return "\n\n".join(line.strip() for line in text.split("\n") if _is_sentence(line))


def _is_sentence(line: str) -> bool:
    """Whether a line looks like running text: long, or of some length and ending as a sentence does."""
    return len(line) >= 80 or (len(line) >= 30 and line.rstrip(CLOSING)[-1:] in SENTENCE_ENDS)
