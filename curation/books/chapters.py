"""Where a book's chapters begin, told by its headings; every paragraph belongs to exactly one chapter.

Headings are short paragraphs such as "CHAPTER IV. The Rabbit Sends in a Little Bill", "Erstes Kapitel", "第三回" or
"XII". Bare numerals count only in books that have nothing better, and only in ascending order. Tables of contents hold
the same words with no text between them, which is how they are told.
"""

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

MAX_HEADING_CHARS = 240
"""A longer paragraph is no heading."""

MIN_CHAPTER_CHARS = 200
"""Headings with less text than this between them (characters) are a table of contents, if there are CONTENTS_RUN."""

MAX_NAME_CHARS = 120
"""A chapter of nothing but its heading and a line like this (characters) is joined to the next."""

CONTENTS_RUN = 4
"""Headings in a row without text between them that make a table of contents."""

_ROMAN = r"(?:[IVXLCDM]{1,9}|[ivxlc]{1,7})"
_ORDINAL = (
    r"(?:the )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|last|one|two|three"
    r"|four|five|six|seven|eight|nine|ten|(?:thir|four|fif|six|seven|eigh|nine)teen(?:th)?|(?:twen|thir|for|fif)t(?:y|ieth)"
    r"(?:[- ][a-z]{3,7})?|premi(?:er|[eè]re)|second[eao]?|deuxi[eè]me|troisi[eè]me|dernier|primer[oa]?|prim[oa]|tercer[oa]?|terz[oa]"
    r"|segund[oa]|cuart[oa]|quart[oa]|quint[oa]|sext[oa]|erste|zweite|dritte|первая|вторая|третья|четвертая|пятая)"
)
_NUMERAL = rf"(?:{_ROMAN}|\d{{1,4}}|(?i:{_ORDINAL}))"
_DIVISION = (
    r"(?:chapter|chap\.|book|part|volume|vol\.|letter|canto|stave|act|scene|epistle|lecture|fable|tale|kapitel|kap\.|buch"
    r"|teil|theil|band|akt|aufzug|auftritt|szene|gesang|brief|chapitre|livre|partie|tome|acte|sc[eè]ne|chant|lettre|cap[ií]tulo"
    r"|libro|parte|acto|escena|carta|capitolo|atto|scena|livro|hoofdstuk|boek|deel|luku|osa|kapitlet|kap[ií]tula|kabanata"
    r"|rozdzia[lł]|kapitola|fejezet|глава|часть|книга|том)"
)
_END = r"(?:\s*$|[.:,—–-]|\s+[^a-zà-ÿа-я\s])"
_WORDED = re.compile(rf"[_*=\[\s]*(?:(?i:{_DIVISION}))\s+{_NUMERAL}{_END}", re.MULTILINE)
_ORDINAL_FIRST = re.compile(
    r"[_*=\[\s]*(?i:(?:\d{1,3}\.|(?:der |die |das |la |le |het )?[^\W\d_]{3,20})\s+(?:kapitel|teil|theil|buch|akt|aufzug|gesang"
    r"|partie|livre|parte|hoofdstuk|boek|deel|luku|kapitlet|act|scene|canto))[_*=\]]*\s*(?:$|[.:—–-])",
    re.MULTILINE,
)
_CJK = re.compile(r"[\s\u3000]*第[〇零一二三四五六七八九十百千\d０-９]{1,8}[章回卷節节篇部折齣]")
_TITLED_NUMERAL = re.compile(r"[_*=\s]*([IVXLC]{1,8})[.:]?(?:[ \t]*[—–-]|\s)\s*[_“\"'‘]?[^a-zà-ÿ\d\s]")
_LONE_NUMERAL = re.compile(r"[_*=\[\s]*([IVXLC]{1,8}|\d{1,3})[_*=.\]\s]*")
_NAMED = re.compile(
    r"[_*=\[\s]*(?i:(?:the |author['’]s |translator['’]s |editor['’]s )?(?:preface|foreword|introduction|introductory(?: note)?|prologue"
    r"|epilogue|conclusion|postscript|afterword|appendix|etymology|extracts|vorwort|vorrede|einleitung|nachwort|zueignung|pr[eé]face"
    r"|avant-propos|pr[oó]logo|ep[ií]logo|prefazione|introduzione|conclusione|voorrede|inleiding))(?:\s+[IVX\d]+)?[_*=.\]\s]*"
)
_NAME = re.compile(r"[^\n]{1,79}[^\n.,;:!?]|[^\na-zà-ÿа-я]{1,120}")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_UNWANTED = re.compile(r"[_*=]+|\s+")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter with its heading."""

    number: int  # its place in the book; 0 for what stands before the first heading
    title: str | None
    text: str | None  # None if it is longer than the limit
    size: int  # characters


@dataclass(frozen=True, slots=True)
class _Heading:
    block: int
    style: str  # `worded`, `titled`, `lone` or `named`
    key: str  # equal for the heading and its line in the table of contents
    value: int  # of a numeral, else 0


def chapters(pieces: Iterable[str], max_chars: int) -> Iterator[Chapter]:
    """The chapters of a book given in pieces of whole paragraphs; their texts, joined by blank lines, are the book.

    A chapter longer than `max_chars` is measured and not held.
    """
    style: str | None = None
    number, title, size = 0, None, 0
    own = 0  # characters of the chapter beside its heading
    held: list[str] = []
    for piece in pieces:
        blocks = piece.split("\n\n")
        headings = _without_contents(_headings(blocks), blocks)
        style = style or _style(headings)
        starts = {h.block for h in headings if h.style in (style, "named")} if style else set()
        for i, block in enumerate(blocks):
            if i in starts and title is not None and own <= MAX_NAME_CHARS:
                title = f"{title} {_title(blocks, i, starts)}"  # "PART I" with nothing of its own before "CHAPTER I"
            elif i in starts:
                if size:
                    yield _chapter(number, title, held, size, max_chars)
                held, size = [], 0
                number, title, own = number + 1, _title(blocks, i, starts), 0
            own += 0 if i in starts else len(block)
            size += len(block) + 2
            if size <= max_chars + 2:
                held.append(block)
            else:
                held.clear()
    if size:
        yield _chapter(number, title, held, size, max_chars)


def pages(texts: Iterable[str]) -> Iterator[Chapter]:
    """The pages of an EPUB as its chapters, which is what they are in most; titles are their first short lines."""
    for number, text in enumerate(texts, 1):
        first = text.split("\n\n", 1)[0]
        short = len(first) <= MAX_HEADING_CHARS // 2
        yield Chapter(number, _title(text.split("\n\n", 2), 0, frozenset()) if short else None, text, len(text))


def _chapter(number: int, title: str | None, held: list[str], size: int, max_chars: int) -> Chapter:
    return Chapter(number, title, "\n\n".join(held) if size <= max_chars + 2 else None, size - 2)


def _headings(blocks: list[str]) -> list[_Heading]:
    found = []
    values = {"titled": 0, "lone": 0}
    for i, block in enumerate(blocks):
        if len(block) > MAX_HEADING_CHARS or block.count("\n") > 3:
            continue
        value = 0
        if _CJK.match(block) or _WORDED.match(block) or _ORDINAL_FIRST.match(block):
            style = "worded"
        elif _NAMED.fullmatch(block):
            style = "named"
        elif (match := _LONE_NUMERAL.fullmatch(block)) or (match := _TITLED_NUMERAL.match(block)):
            style = "lone" if match.re is _LONE_NUMERAL else "titled"
            value = int(match[1]) if match[1].isdigit() else _roman(match[1])
            if value not in (1, values[style] + 1):
                continue
            values[style] = value
        else:
            continue
        if sum(bool(_WORDED.match(line)) for line in block.split("\n")) < 2:
            found.append(_Heading(i, style, _UNWANTED.sub(" ", block).strip().casefold(), value))
    return found


def _without_contents(headings: list[_Heading], blocks: list[str]) -> list[_Heading]:
    """The headings without those of a table of contents: runs without text between them."""
    kept: list[_Heading] = []
    run: list[_Heading] = []
    for heading in headings:
        if run:
            between = sum(len(blocks[i]) for i in range(run[-1].block + 1, heading.block))
            if between >= MIN_CHAPTER_CHARS:
                kept.extend(_real(run))
                run = []
        run.append(heading)
    return kept + _real(run)


def _real(run: list[_Heading]) -> list[_Heading]:
    if len(run) < CONTENTS_RUN:
        return run
    seen: set[str] = set()
    for i, heading in enumerate(run):
        other = i >= CONTENTS_RUN and heading.style != "named" and heading.style not in {h.style for h in run[:i]}
        if heading.key in seen or other:
            return run[i:]  # the first chapter follows the contents at once
        seen.add(heading.key)
    return []


def _style(headings: list[_Heading]) -> str | None:
    """The kind of heading that divides this book: the most telling one that occurs at least twice."""
    counts = {style: sum(heading.style == style for heading in headings) for style in ("worded", "titled", "lone")}
    style = next((style for style, count in counts.items() if count >= 2), None)
    return style or next((style for style, count in counts.items() if count and style == "worded"), None)


def _title(blocks: list[str], i: int, starts: Set[int]) -> str:
    """The heading on one line, with the line below it if that is the chapter's name."""
    title = blocks[i]
    following = blocks[i + 1] if i + 1 < len(blocks) and i + 1 not in starts else ""
    bare = _LONE_NUMERAL.fullmatch(title) or ("\n" not in title and len(title.split()) <= 2)
    if bare and not _NAMED.fullmatch(title) and _NAME.fullmatch(following):
        title = f"{title} {following}"
    return " ".join(_UNWANTED.sub(" ", title).split())


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral.upper()]
    return sum(-v if i + 1 < len(values) and v < values[i + 1] else v for i, v in enumerate(values))
