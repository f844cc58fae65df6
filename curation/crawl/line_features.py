"""Numbers that describe each block of a page: its text, its neighbours, the elements around it, its place.

Everything is counted by compiled loops (`line_kernels`) over the texts, laid end to end as code points, with tables of what
each point is. Ideas: text and link density (Kohlschütter et al. 2010), class
names and container scores (Readability), neighbours of a line (Vogels et al. 2018).
"""

import unicodedata
from collections import Counter
from functools import cache

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


def _folds() -> np.ndarray:
    """The small letter of each code point of the basic plane that may stand in a word, 0 of others: uint16[65536]."""
    small = [chr(code).lower()[0] for code in range(65536)]
    return np.array([ord(sign) * (sign.isalnum() or sign == "_") for sign in small], np.uint16)


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Classes and small letters, made when they are needed first: it takes thirty milliseconds."""
    return _character_classes(), _folds()


def _phrase_table() -> tuple[np.ndarray, np.ndarray]:
    """The words of PHRASES by their hashes (FNV-1a, over code points), as `line_kernels.group_of` looks them up."""
    slots = 1 << (4 * len(PHRASE_OF)).bit_length()
    keys, groups = np.zeros(slots, np.uint64), np.zeros(slots, np.int64)
    for word, group in PHRASE_OF.items():
        key = 0xCBF29CE484222325
        for sign in word:
            key = (key ^ ord(sign)) * 0x100000001B3 % 2**64
        slot = (key ^ key >> 32) % slots
        while keys[slot]:
            slot = (slot + 1) % slots
        keys[slot], groups[slot] = key, group
    return keys, groups


PHRASE_TABLE = _phrase_table()

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


def features(page: Blocks, texts: list[str], title: str) -> np.ndarray:
    """float32[blocks, COLUMNS] for a page's blocks; `texts` are theirs without marks, `title` is the page's."""
    from gristmill.curation.crawl import line_kernels as kernel

    count = len(texts)
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.fromiter(map(len, texts), np.int64, count)
    elements, parents, starts, ends = (
        np.array(numbers, np.int64) for numbers in (page.elements, page.parents, page.starts, page.ends)
    )
    classes, folds = _tables()
    lines, sums = np.empty((count, len(LINE_COLUMNS))), np.empty((count + 1, 4))
    of_block = np.array([page.kinds, page.levels, page.orders, page.breaks, page.links], np.int64)
    kernel.lines(codes, lengths, classes, of_block, _said(page, texts, lengths, title), lines)
    heads = np.empty((count, len(PHRASES)), np.float32)
    wide = np.unique(codes[codes > 0xFFFF]).tolist()
    letters = np.array([code for code in wide if chr(code).isalnum()], np.uint32)
    kernel.phrases(codes, lengths, HEAD_CHARS, folds, letters, *PHRASE_TABLE, heads)
    rows = np.empty((count, len(COLUMNS)), np.float32)
    line, phrase, near, around, place, flag = np.split(rows, PARTS, axis=1)
    line[:], phrase[:] = lines, heads
    kernel.neighbours(lines, SHIFTED_COLUMNS, np.array(NEIGHBOURS), near)
    kernel.surroundings(lines, elements, parents, starts, ends, ANCESTORS, sums, around)
    kernel.places(lines, elements, parents, sums, place)
    kernel.flags(
        elements, parents, np.array(page.bits, np.uint64), np.array(page.inherited, np.uint64), len(NAMES), flag
    )
    return rows


SHIFTED_COLUMNS = np.array([LINE_COLUMNS.index(name) for name in SHIFTED])

PARTS = np.cumsum(
    [
        len(LINE_COLUMNS),
        len(PHRASES),
        len(NEIGHBOURS) * len(SHIFTED),
        ANCESTORS * len(ANCESTOR_COLUMNS),
        len(PAGE_COLUMNS),
    ]
)
"""Where the parts of a row end, but for the last."""


def _said(page: Blocks, texts: list[str], lengths: np.ndarray, title: str) -> np.ndarray:
    """float64[4, blocks]: characters in links, how often the text stands in the page and before it, and in the title."""
    said = np.zeros((4, len(texts)))
    said[0], said[1] = page.link_chars, 1
    if len(counts := Counter(texts)) < len(texts):
        said[1] = list(map(counts.__getitem__, texts))
        seen: dict[str, int] = {}
        for i in np.flatnonzero(said[1] > 1).tolist():
            said[2, i] = before = seen.get(texts[i], 0)
            seen[texts[i]] = before + 1
    title = title.lower()
    for i in np.flatnonzero((lengths > 8) & (lengths < 200) & (lengths <= len(title))).tolist():
        said[3, i] = texts[i].lower() in title
    return said


def shifted(values: np.ndarray, shift: int) -> np.ndarray:
    """The values (last axis) of the blocks `shift` further on; -1 beyond the page."""
    out = np.full(values.shape, -1.0)
    if abs(shift) < values.shape[-1]:
        if shift > 0:
            out[..., :-shift] = values[..., shift:]
        else:
            out[..., -shift:] = values[..., :shift]
    return out
