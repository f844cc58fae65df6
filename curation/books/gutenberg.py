"""Project Gutenberg's wrapping: the book without header, licence, footer, credits and transcriber's notes.

Fifty years of volunteers spelled the wrapping in many ways: `*** START OF THE PROJECT GUTENBERG EBOOK ... ***` today,
`***START OF THIS PROJECT GUTENBERG ETEXT` around 2003, and up to 2002 a legal "SMALL PRINT" whose *end* opens the book
(or which follows the book, in 2002 and 2003).
"""

import re
from dataclasses import dataclass, field

_GUTENBERG = re.compile(r"project\s+gutenberg|gutenberg[- ]tm|gutenberg\.(?:org|net)", re.IGNORECASE)
_START = re.compile(
    r"^[ \t]*\*[ *]*START OF (?:THE |THIS )?PROJECT GUTENBERG(?:[^\n*]*(?:\n[^\n*]+){0,4}\*{3}[^\n]*|[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(r"^[ \t]*\*[ *]*END OF (?:THE |THIS )?PROJECT GUTENBERG[^\n]*", re.IGNORECASE | re.MULTILINE)
_SMALL_PRINT_END = re.compile(r"^[ \t]*\*[ *]*END[ *]*THE SMALL PRINT[^\n]*", re.IGNORECASE | re.MULTILINE)
_SMALL_PRINT_START = re.compile(r"^[ \t]*\*[ *]*START[ *]*THE SMALL PRINT[^\n]*", re.IGNORECASE | re.MULTILINE)
_WRITTEN_END = re.compile(
    r"^[ \t*]*(?:End of (?:the |this )?Project Gutenberg|Ende (?:dieses|des) Projek?ct? Gutenberg"
    r"|Fin (?:de|du|d'un) (?:Projet|Project) Gutenberg|Fine? del? Proge(?:tto|ct) Gutenberg"
    r"|(?:The )?End of the Etext of|End of (?:The )?Etext)[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_MARKER_WORDS = ("utenberg", "UTENBERG", "Etext", "ETEXT", "etext")
_WORLD_LIBRARY = re.compile(
    r"<<\s*THIS ELECTRONIC VERSION OF THE COMPLETE WORKS.{0,1500}?>>", re.DOTALL | re.IGNORECASE
)
_PREPARED = re.compile(
    r"\s*[\[(*_]*(?:(?:this )?(?:e-?text|e-?book|file|book|text|etext|electronic (?:text|edition|version))"
    r"(?: of [^\n]{0,80})? (?:was |has been |is )?(?:first )?(?:originally )?"
    r"(?:prepared|produced|created|scanned|typed|transcribed|proofed|provided|posted|generously|made available|comes?)\b"
    r"|(?:(?:e-?text )?(?:produced|prepared|scanned|transcribed|typed|proofread|digitized|html version|updated"
    r"|re-?edited|edited electronically|additional (?:proof|edit)ing)(?: and (?:proof(?:ed|read)|edited))?"
    r"(?: (?:in|from) [^\n]{0,90})?[,:]? (?:by|from)\b)"
    r"|images? of the original pages|note: (?:project gutenberg|images)|dieses buch wurde uns|this book was generously"
    r"|(?:and )?(?:the )?(?:online )?distributed proofread|project gutenberg|text file produced by|html file produced by"
    r"|this text is a combination of e-?texts|\[?cover\]?\s*$|credits:|updated editions? will)",
    re.IGNORECASE,
)
_NOTES = re.compile(
    r"\s*(?:[\[({*_=] ?)*(?:original |anmerkungen? (?:de[sr] )?(?:zur )?|notas? d(?:e|el|o|a) (?:la )?|notes? d[eu] (?:la )?|notes? sur la )?"
    r"(?:transcriber[’'`´]?s?[’']? *(?:end)?[ -]?(?:notes?|comments?|remarks?)|preparer[’']s note|transcribers?[’'] ?notes?|transkription|transkrib|transcri[pç]|trascrit"
    r"|notes? (?:by|from) the transcriber|see also the transcriber|errata found by|paalala ng nagsalin|liste der (?:vorgenommenen )?änderungen"
    r"|im folgenden (?:werden|sind|finden sich) (?:alle |die )?(?:\w+ )?(?:geändert|änderungen|korrigiert|korrekturen)"
    r"|das folgende verzeichnis|die folgende (?:liste|tabelle))",
    re.IGNORECASE,
)
_FRENCH_NOTE = re.compile(r"\s*(?:au lecteur|liste des modifications|note)\b", re.IGNORECASE)
_TYPOGRAPHY = re.compile(
    r"typographi|imprimerie|remplacé|corrigé|transcription|version électronique|en italiques|Page \d+:", re.IGNORECASE
)
_PICTURE = re.compile(
    r"\[(?:Illustrations?|Ill?ustraci[oó]n|Ill?ustrazione|Illustratie|Abbildung|Larawan|Kuvitus|Vignette|Bild)\b"
    r"[^\[\]]{0,800}(?:\[[^\[\]]{0,400}\][^\[\]]{0,800}){0,4}\]",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"^[ \t*]*([A-Z][A-Za-z]+(?: [a-z]+){0,3}):[ \t]+(\S[^\n]*(?:\n[ \t]+[^\s\[][^\n]*)*)", re.MULTILINE
)
_NUMBER = re.compile(r"\[\s*(?:e-?text|e-?book)\s*#\s*(\d+)\s*\]", re.IGNORECASE)
_TITLE_LINE = re.compile(
    r"^[ \t*]*(?:The )?Project Gutenberg(?:'s|’s)?(?: (?:e-?text|e-?book))?(?: of|,| presents)?\s+(\S[^\n*]*?)[\s*]*$",
    re.IGNORECASE | re.MULTILINE,
)
_COLOPHON = re.compile(
    r"^[ \t]*(?:The )?Project Gutenberg(?:'s|’s)? (?:E-?text|EBook) of ", re.IGNORECASE | re.MULTILINE
)
_HEADING_LINE = re.compile(
    r"[_=]*(?:chapter|chap\.|book|part|chapitre|kapitel|cap[ií]tulo|capitolo)[_=]* +[IVXLC\d]+[_=.]*", re.IGNORECASE
)
_MARKED_PAGE = re.compile(r"[ \t]*\[(?:Pg|Page|p|pg|page)\.? ?[0-9ivxlc]{1,6}\]")
_BRACED_PAGE = re.compile(r"\{(?:[Pp](?:g|age)?\.? ?)?[0-9ivxlc]{1,6}\}")
_LONE_PAGE = re.compile(r"^[ \t]*\[(?:[0-9]{1,4}|[ivxlc]{1,8})\][ \t]*$", re.MULTILINE)
_BLOCK_GAP = re.compile(r"(\n(?:[ \t]*\n)+)")
_GAP = re.compile(r"\n[ \t]*\n")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(r"\b(?:(\w+)\.?,? +)?(?:(\d{1,2})(?:st|nd|rd|th)?,? +)?(\d{4})\b")
_NUMERIC_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")

HEADER_CHARS = 60_000
"""No header with its legal text has ever been longer than this; a marker beyond belongs to the book."""

FOOTER_CHARS = 25_000
"""Header-like lines this close to the end are the colophon of an e-book that puts them there."""

FRONT_CHARS = 20_000
"""A note this close to the start of the book (characters) may have paragraphs of its own."""

MIN_PAGES = 10
"""Numbers in brackets are page numbers if a book has this many of them."""

CREDIT_BLOCKS = 14
"""Credits and notes stand among the first blocks of the body, or not at all."""


@dataclass(frozen=True, slots=True)
class Book:
    """A Project Gutenberg file taken apart."""

    body: str
    header: str
    fields: dict[str, str] = field(default_factory=dict)  # `Title`, `Author`, `Language`, ... as the header spells them


def is_gutenberg(text: str) -> bool:
    """Whether the text wears Project Gutenberg's wrapping."""
    return bool(_GUTENBERG.search(text, 0, 3000) or _START.search(text, 0, HEADER_CHARS) or _END.search(text))


def unwrap(text: str, first: bool = True, last: bool = True) -> Book:
    """The book inside a Project Gutenberg text with "\\n" line ends, still hard-wrapped, and its header's fields.

    Of a long book given in windows, only the `first` has a header and only the `last` a footer.
    """
    start, end = _bounds(text, first, last)
    header, body = text[:start], text[start:end]
    if any(word in body for word in _MARKER_WORDS):
        body = _START.sub("", _END.sub("", _WRITTEN_END.sub("", body)))
    if "<<" in body:
        body = _WORLD_LIBRARY.sub("", body)
    body = without_notes(_without_credits(body) if first else body, first, last)
    body = _PICTURE.sub(_caption_heading, body) if "[" in body else body
    return Book(_without_page_numbers(body).strip("\n"), header, _fields(header))


def _bounds(text: str, first: bool, last: bool) -> tuple[int, int]:
    """Where the book begins and ends."""
    start, found = 0, not first
    for marker in (_START, _SMALL_PRINT_END) if first else ():
        for match in marker.finditer(text, 0, HEADER_CHARS):
            # Small print that follows the book belongs to the footer.
            if _END.search(text, 0, match.start()) or _WRITTEN_END.search(text, start, match.start()):
                break
            start, found = max(start, match.end()), True
    end = len(text)
    if not last:
        return (start if found else _bare_header(text)), end
    marker = _last(_END, text, start, end)
    if marker:
        end = marker.start()
    footer = _SMALL_PRINT_START.search(text, start, end)
    if footer:
        end = footer.start()
    # "End of Project Gutenberg's X" closes the book unless it stands inside a collection.
    written = _last(_WRITTEN_END, text, start, end)
    if written and (not marker or end - written.end() < 400):
        end = written.start()
    colophon = _COLOPHON.search(text, max(start, end - FOOTER_CHARS), end)
    if colophon and colophon.start() > (start + end) // 2:
        end = colophon.start()
    return (start if found else _bare_header(text)), end


def _last(pattern: re.Pattern[str], text: str, start: int, end: int) -> re.Match[str] | None:
    """The last match in a range; looked for near its end first, since a book is long."""
    for position in (max(start, end - HEADER_CHARS), start):
        found = list(pattern.finditer(text, position, end))
        if found:
            return found[-1]
    return None


def _bare_header(text: str) -> int:
    """End of a header without markers: the leading blocks that speak of Project Gutenberg or its files."""
    position = 0
    for _ in range(40):
        gap = _GAP.search(text, position)
        if gap is None:
            break
        block = text[position : gap.start()]
        if not (not block.strip() or _GUTENBERG.search(block) or re.search(r"\be-?texts?\b", block, re.IGNORECASE)):
            break
        position = gap.end()
    return position


def _without_credits(body: str) -> str:
    """Drops "Produced by ..." and what goes with it from the first blocks."""
    blocks = _BLOCK_GAP.split(body[:20_000])
    kept, seen = [], 0
    for part in blocks:
        if part.strip():
            seen += 1
            if seen <= CREDIT_BLOCKS and _PREPARED.match(part):
                continue
            if seen <= CREDIT_BLOCKS and re.match(r"\s*(?:https?://|www\.)\S*gutenberg\S*\s*$", part):
                continue
        kept.append(part)
    return "".join(kept) + body[20_000:]


def without_notes(body: str, first: bool = True, last: bool = True) -> str:
    """Drops transcriber's notes: bracketed ones anywhere, headed ones at the start and the end of the book.

    `first` and `last` say whether the text has the book's start and end.
    """
    parts = _BLOCK_GAP.split(body)
    blocks, gaps = parts[::2], parts[1::2] + [""]
    tail = max(len(blocks) - 60, int(len(blocks) * 0.9)) if last else len(blocks)
    kept: list[str] = []
    i = position = 0
    while i < len(blocks):
        block = blocks[i]
        if _NOTES.match(block) or (_FRENCH_NOTE.match(block) and _TYPOGRAPHY.search(" ".join(blocks[i : i + 2]))):
            early = first and (i <= 60 or position < FRONT_CHARS)
            following = _note_end(blocks, gaps, i, tail, early)
            if following:
                i = following
                kept.append("\n\n\n")
                continue
        kept.append(block + gaps[i])
        position += len(block)
        i += 1
    return "".join(kept)


def is_note(text: str) -> bool:
    """Whether a whole page of an e-book is a transcriber's note."""
    return bool(_NOTES.match(text)) and len(text) < 8000


def _caption_heading(picture: re.Match[str]) -> str:
    """What stays of a picture's description: "Chapter I." as its last line is the heading, drawn by the artist."""
    last = picture[0][:-1].rsplit("\n", 1)[-1].strip()
    return f"\n\n{last}\n\n" if "\n" in picture[0] and _HEADING_LINE.fullmatch(last) else ""


def _without_page_numbers(body: str) -> str:
    """Drops `[Pg 12]` and `{12}` inside lines, and `[12]` or `[xii]` that stand alone, if the book has many of them."""
    if "[P" in body or "[p" in body:
        body = _MARKED_PAGE.sub("", body)
    if body.count("{") >= MIN_PAGES and len(_BRACED_PAGE.findall(body)) >= MIN_PAGES:
        body = _BRACED_PAGE.sub("", body)
    if body.count("]\n") >= MIN_PAGES and len(_LONE_PAGE.findall(body)) >= MIN_PAGES:
        body = _LONE_PAGE.sub("", body)
    return body


def _note_end(blocks: list[str], gaps: list[str], i: int, tail: int, early: bool) -> int:
    """Index of the block after the note that begins at block i, or 0 if it is no note after all."""
    first = blocks[i].strip()
    if first.startswith("["):
        depth = 0
        for j in range(i, min(i + 2000, len(blocks)) if i >= tail else min(i + 200, len(blocks))):
            depth += blocks[j].count("[") - blocks[j].count("]")
            if depth <= 0:
                return j + 1
        return i + 1
    if i >= tail and len(blocks) - i < 400 and len(first) < 4000:
        return len(blocks)
    if not early:
        return i + 1 if ":" in first and len(first) < 300 else 0
    # At the start a note runs to the next large gap; the gap under a lone heading does not count.
    j = i
    if len(first) < 60 and j + 1 < len(blocks):
        j += 1
    while j + 1 < len(blocks) and gaps[j].count("\n") < 4 and j - i < 20:
        j += 1
    return j + 1 if j - i < 20 else i + 1


def _fields(header: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for match in _FIELD.finditer(header):
        lines = [" ".join(line.split()) for line in match[2].split("\n")]
        several = match[1] in ("Author", "Translator", "Editor", "Illustrator", "Contributor")
        fields.setdefault(match[1].capitalize(), ("; " if several else " ").join(lines))
    number = _NUMBER.search(header)
    if number:
        fields["Number"] = number[1]
        line = header[header.rfind("\n", 0, number.start()) + 1 : number.start()]
        fields.setdefault("Release date", " ".join(line.split(":")[-1].split()))
    title = _TITLE_LINE.search(header[:2000])
    if title and "Title" not in fields:
        name, _, author = title[1].partition(", by ")
        fields["Title"] = " ".join(name.split())
        if author:
            fields.setdefault("Author", re.sub(r"\s*\(?#\d+.*", "", " ".join(author.split())))
    return fields


def release_date(words: str) -> str | None:
    """ISO 8601 of "January 1, 2004 [eBook #10623]", "April, 2004" or "1992": as exact as the words are."""
    numeric = _NUMERIC_DATE.search(words)
    if numeric:
        return numeric[0]
    match = _DATE.search(words.split("[")[0].split("Most recently")[0])
    if match is None:
        return None
    month = (match[1] or "").lower()
    number = next((i for i, name in enumerate(_MONTHS, 1) if len(month) >= 3 and name == month[:3]), 0)
    if not number:
        return match[3]
    return f"{match[3]}-{number:02}-{int(match[2]):02}" if match[2] else f"{match[3]}-{number:02}"
