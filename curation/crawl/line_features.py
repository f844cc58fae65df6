"""Numbers that describe each block of a page: its text, its neighbours, the elements around it, its place.

Everything is counted over the whole page at once: the texts are laid end to end as code points, each point gets its
class from a table, and classes are summed per block. Ideas: text and link density (Kohlschütter et al. 2010), class
names and container scores (Readability), neighbours of a line (Vogels et al. 2018).
"""

import re
import unicodedata
from itertools import repeat

import numpy as np

from gristmill.curation.crawl.attributes import NAMES
from gristmill.curation.crawl.blocks import Blocks

DIGIT, UPPER, LOWER, SPACE, STOP, COMMA, MARK, WIDE = (1 << i for i in range(8))
"""Classes of characters; WIDE ones are letters of scripts without spaces, worth a third of a word."""

PHRASES = {
    "legal": "© copyright rights reserved rechte vorbehalten derechos reservados droits privacy datenschutz impressum terms nutzungsbedingungen agb disclaimer policy rodo",
    "cookie": "cookie cookies javascript browser adblock consent gdpr dsgvo",
    "share": "share teilen tweet facebook twitter whatsapp pinterest instagram linkedin telegram xing email mail e print drucken follow folgen compartir partager reddit tumblr flipboard rss feed",
    "subscribe": "subscribe newsletter sign login log register anmelden abonnieren abonnement registrieren suscríbete inscription account konto passwort password app",
    "more": "more mehr also auch weiterlesen lesen lesetipp related siehe también leer lire continue click klicken hier here recommended popular trending latest neueste aktuelle similar ähnliche",
    "comment": "comment comments kommentar kommentare antworten antwort reply replies comentario comentarios commentaire commentaires respond sagt says schreibt",
    "credit": "foto fotos photo photos bild bilder image quelle source getty shutterstock dpa reuters afp archivbild symbolbild picture credit imago istock unsplash pixabay fotolia video",
    "byline": "by von por par posted published updated veröffentlicht aktualisiert publicado geschrieben written verfasst autor author redaktion uhr min views stand erstellt",
    "advert": "advertisement anzeige werbung sponsored publicidad affiliate promo ad ads",
    "taxonomy": "tags tag schlagwort schlagworte schlagwörter kategorie kategorien category categories filed tagged labels abgelegt topics thema themen stichwort rubrik",
    "month": "january february march april june july august september october november december januar februar märz mai juni juli oktober dezember ago vor jan feb mar apr jun jul aug sep oct okt nov dec dez",
    "nav": "home startseite menu menü search suche suchen top back zurück next previous weiter vorherige nächste nach oben skip zum inhalt close schließen contact kontakt about über sitemap",
    "shop": "cart warenkorb stock price preis lieferzeit versand shipping buy kaufen bestellen eur usd €",
    "you": "you your we our us i my ich du wir sie ihr mein unser",
    "function": "the of and to in is that was for with on as are be his they der die und den das nicht mit ist auf ein eine des dem im el la de que y en los se del le les et des une dans che di è il per dos não com na w z się nie",
}
"""Words of boilerplate, and of running text, a feature for each group; German, English, and some of their neighbours."""

PHRASE_NAMES = tuple(PHRASES)
PHRASE_OF = {word: group for group, words in enumerate(PHRASES.values()) for word in words.split()}
NO_PHRASE, NEXT_BLOCK = -2, -1
PHRASE_OF["\n"] = NEXT_BLOCK
WORD = re.compile(r"\w+|[©€\n]")

HEAD_CHARS = 60
"""Words are looked for in so much of a block."""

ANCESTORS = 4
"""How many elements up the surroundings of a block are described one by one."""

NEIGHBOURS = (-3, -2, -1, 1, 2, 3)


def _character_classes() -> np.ndarray:
    """The class bits of each code point of the basic plane: uint8[65536]."""
    table = np.zeros(65536, np.uint8)
    for code in range(65536):
        category = unicodedata.category(chr(code))
        if category == "Nd":
            table[code] = DIGIT
        elif category in ("Lu", "Lt"):
            table[code] = UPPER
        elif category in ("Ll", "Lm", "Lo"):
            table[code] = LOWER
        elif category in ("Zs", "Cc"):
            table[code] = SPACE
        elif category[0] in "PS":
            table[code] = MARK
    for sign in ".!?…。！？।؟":
        table[ord(sign)] = STOP | MARK
    for sign in ",;:、，；،":
        table[ord(sign)] = COMMA | MARK
    for low, high in ((0x0E00, 0x0EFF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF)):
        table[low : high + 1] |= WIDE * (table[low : high + 1] == LOWER).astype(np.uint8)
    return table


CLASSES = _character_classes()

LINE_COLUMNS = (
    "words", "chars", "word_len", "link_density", "links", "digits", "uppers", "stops", "commas", "marks",
    "ends_in_stop", "begins_upper", "lower_words", "kind", "level", "item", "breaks", "repeated", "seen_before", "in_title", "first_is_mark",
)  # fmt: skip
SHIFTED = ("words", "link_density", "stops", "uppers", "ends_in_stop", "kind", "links")
ANCESTOR_COLUMNS = ("words", "share", "link_density", "blocks", "mean_words", "stops", "place", "kind_p")
PAGE_COLUMNS = (
    "position", "index", "index_from_end", "words_before", "words_after", "depth", "page_words", "page_blocks",
    "page_link_density", "long_before", "long_after", "since_long", "until_long", "since_h1", "long_share", "mean5_words", "mean5_links",
)  # fmt: skip

COLUMNS = (
    *LINE_COLUMNS,
    *PHRASE_NAMES,
    *(f"{name}{shift:+d}" for shift in NEIGHBOURS for name in SHIFTED),
    *(f"up{level}.{name}" for level in range(ANCESTORS) for name in ANCESTOR_COLUMNS),
    *PAGE_COLUMNS,
    *(f"own.{name}" for name in NAMES),
    *(f"any.{name}" for name in NAMES),
)
"""Names of the features, in order."""

LONG_WORDS = 15
"""A block of so many words that ends as a sentence does is running text."""


def features(page: Blocks, texts: list[str], title: str) -> np.ndarray:
    """float32[blocks, COLUMNS] for a page's blocks; `texts` are theirs without marks, `title` is the page's."""
    rows = np.empty((len(COLUMNS), len(texts)), np.float32)
    line = _line_features(page, texts, title)
    words, stops, ends = line[0], line[7], line[10]
    link_words = line[3] * words
    shiftable = np.stack([line[LINE_COLUMNS.index(name)] for name in SHIFTED])
    parts = [
        line,
        _phrases(texts),
        *(shifted(shiftable, shift) for shift in NEIGHBOURS),
        _surroundings(page, words, link_words, stops, line[13]),
        _places(page, words, link_words, ends, line),
    ]
    end = 0
    for part in parts:
        start, end = end, end + len(part)
        for place, column in zip(range(start, end), part, strict=True):
            rows[place] = column
    _flags(page, rows[end:])
    return rows.T


def _flags(page: Blocks, out: np.ndarray) -> None:
    """What the names of each block's elements say: of the nearest two, then of all, each bit a row of `out`."""
    elements = np.array(page.elements, np.int64)
    bits = np.array([page.bits, page.inherited], "<u8")
    own = bits[0][elements]
    parents = np.array(page.parents, np.int64)[elements]
    own |= np.where(parents >= 0, bits[0][parents], np.uint64(0))
    both = np.stack([own, bits[1][elements]])
    flags = np.unpackbits(both.view(np.uint8).reshape(2, -1, 8), axis=2, bitorder="little")
    out.reshape(2, len(NAMES), -1)[:] = flags[:, :, : len(NAMES)].transpose(0, 2, 1)


def _line_features(page: Blocks, texts: list[str], title: str) -> list[np.ndarray]:
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    classes = CLASSES[np.minimum(codes, 0xFFFF)]
    starts = np.zeros(len(texts), np.int64)
    np.cumsum(lengths[:-1] + 1, out=starts[1:])
    lasts = starts + lengths - 1

    def count(mask: np.ndarray) -> np.ndarray:
        return np.add.reduceat(mask.astype(np.int32), starts)

    after_space = np.empty(len(classes), bool)
    after_space[0] = True
    after_space[1:] = classes[:-1] & SPACE
    solid = ~classes & SPACE > 0
    wide = count((classes & WIDE) > 0)
    words = count(after_space & solid) + wide / 3
    chars = lengths.astype(np.float64)
    lower_words = count(after_space & ((classes & LOWER) > 0)) / np.maximum(words, 1)
    some = np.maximum(chars, 1)
    # A closing quote or bracket after the stop hides it: look one character further back too.
    ends = ((classes[lasts] | classes[np.maximum(lasts - 1, starts)] * ((classes[lasts] & MARK) > 0)) & STOP) > 0
    kinds, levels, orders, breaks, links = (
        np.array(values, np.float64) for values in (page.kinds, page.levels, page.orders, page.breaks, page.links)
    )
    seen: dict[str, int] = {}
    before = []
    for key in texts:
        before.append(seen.get(key, 0))
        seen[key] = before[-1] + 1
    title = title.lower()
    return [
        words,
        chars,
        chars / np.maximum(words, 1),
        np.array(page.link_chars) / some,
        links,
        count((classes & DIGIT) > 0) / some,
        count((classes & UPPER) > 0) / some,
        count((classes & STOP) > 0),
        count((classes & COMMA) > 0),
        count((classes & MARK) > 0) / some,
        ends,
        (classes[starts] & UPPER) > 0,
        lower_words,
        kinds,
        levels,
        orders,
        breaks,
        np.fromiter((seen[key] for key in texts), np.float64, len(texts)),
        np.array(before),
        np.fromiter((8 < len(key) < 200 and key.lower() in title for key in texts), bool, len(texts)),
        (classes[starts] & MARK) > 0,
    ]


def _phrases(texts: list[str]) -> np.ndarray:
    """How often each group of PHRASES occurs in the first characters of each block."""
    count = len(texts)
    heads = [text[:HEAD_CHARS] for text in texts]
    joined = "\n".join(heads)
    if joined.count("\n") >= count:  # code has lines
        joined = "\n".join([head.replace("\n", " ") for head in heads])
    groups = np.array(list(map(PHRASE_OF.get, WORD.findall(joined.lower()), repeat(NO_PHRASE))), np.int64)
    blocks = np.cumsum(groups == NEXT_BLOCK)
    said = groups >= 0
    return np.bincount(groups[said] * count + blocks[said], minlength=len(PHRASE_NAMES) * count).reshape(-1, count)


def shifted(values: np.ndarray, shift: int) -> np.ndarray:
    """The values (last axis) of the blocks `shift` further on; -1 beyond the page."""
    out = np.full(values.shape, -1.0)
    if abs(shift) < values.shape[-1]:
        if shift > 0:
            out[..., :-shift] = values[..., shift:]
        else:
            out[..., -shift:] = values[..., :shift]
    return out


def _surroundings(
    page: Blocks, words: np.ndarray, link_words: np.ndarray, stops: np.ndarray, kinds: np.ndarray
) -> np.ndarray:
    """What the elements around each block hold: the nearest, its parent, and so on."""
    sums = np.zeros((4, len(words) + 1))
    np.cumsum([words, link_words, stops, kinds == 0], axis=1, out=sums[:, 1:])
    parents, starts, ends = np.array([page.parents, page.starts, page.ends], np.int64)
    held = ends - starts
    wider = _wider(parents, held)
    elements = np.empty((ANCESTORS, len(words)), np.int64)
    elements[0] = page.elements
    for level in range(1, ANCESTORS):
        elements[level] = wider[elements[level - 1]]
    inside = sums[:, ends[elements]] - sums[:, starts[elements]]
    blocks = held[elements]
    some = np.maximum(inside[0], 1)
    columns = np.stack(
        [
            inside[0],
            inside[0] / max(sums[0, -1], 1),
            inside[1] / some,
            blocks,
            inside[0] / blocks,
            inside[2],
            (np.arange(len(words)) - starts[elements]) / blocks,
            inside[3] / blocks,
        ],
        axis=1,
    )
    return columns.reshape(-1, len(words))


def _wider(parents: np.ndarray, held: np.ndarray) -> np.ndarray:
    """int64[elements]: the next element up that holds more blocks; of a tower of wrappers at most three are climbed."""
    up = np.maximum(parents, 0)
    for _ in range(3):
        same = (held[up] == held) & (parents[up] >= 0)
        up = np.where(same, parents[up], up)
    return up


def _places(
    page: Blocks, words: np.ndarray, link_words: np.ndarray, ends: np.ndarray, line: list[np.ndarray]
) -> list[np.ndarray]:
    """Where each block stands in the page, and how far running text is from it."""
    count = len(words)
    index = np.arange(count)
    before = np.cumsum(words)
    total = max(before[-1], 1)
    long = (words >= LONG_WORDS) & ends & (line[3] < 0.5)
    long_words = np.cumsum(long * words)
    total_long = long_words[-1]
    last_long = np.maximum.accumulate(np.where(long, index, -1000))
    next_long = np.minimum.accumulate(np.where(long, index, count + 1000)[::-1])[::-1]
    last_h1 = np.maximum.accumulate(np.where((line[13] == 1) & (line[14] == 1), index, -1000))
    depths = _depths(page.parents)
    window = np.zeros((2, count + 1))
    np.cumsum([words, link_words], axis=1, out=window[:, 1:])
    low, high = np.maximum(index - 5, 0), np.minimum(index + 6, count)
    near = window[:, high] - window[:, low]
    ones = np.ones(count)
    return [
        before / total,
        index,
        count - index,
        before - words,
        total - before,
        depths[np.array(page.elements, np.int64)],
        ones * total,
        ones * count,
        ones * (link_words.sum() / total),
        (long_words - long * words) / max(total_long, 1),
        (total_long - long_words) / max(total_long, 1),
        np.minimum(index - last_long, 100),
        np.minimum(next_long - index, 100),
        np.minimum(index - last_h1, 200),
        ones * (total_long / total),
        near[0] / (high - low),
        near[1] / np.maximum(near[0], 1),
    ]


def _depths(parents: list[int]) -> np.ndarray:
    depths = [0] * len(parents)
    for element, parent in enumerate(parents):
        if parent >= 0:
            depths[element] = depths[parent] + 1
    return np.array(depths)
