"""Third pass over wikitext: spaces and brackets around what was removed, then lines into paragraphs, headings, lists."""

import re

from gristmill.curation.wikipedia.parse import GONE, KEPT

_FILLER = " \t,;:،；、，·/"
_OPENING, _CLOSING, _MARKS = ("(", "（"), (")", "）"), tuple(",.;:!?،。，、；")
_DOUBLED = ",.;:、，،。"
_ENDING = (",", ";", ")", "）", "，", "；")
_TAIL = 100
_LABEL_LENGTH = 50
_LABEL = re.compile(r"(?<=[(（,;])[ \t]*(?:[^\W\d_][\w .'’-]{0,30}[:：]|pronounced|pronunciation)[ \t]*\Z")
_GONE_RUN = re.compile(rf"{GONE}(?:[ \t,;:،；、，·/]*+{GONE})++")
_LINE_START = re.compile(r"(?:\A|\n)[*#:;]*[ \t]*\Z")
_LEADING_MARKS = re.compile(r"[ \t]*+(?:[,;:.–-]++(?=\s|\Z))?[ \t]*+")
_HEADING = re.compile(r"(={1,6})[ \t]*(.+?)[ \t]*\1[ \t]*\Z")
_LIST = re.compile(r"([*#:;]+)[ \t]*")
_WORD = re.compile(rf"\w|{KEPT}")
_SPACES = re.compile(r"[ \t]{2,}")


def tidied(text: str) -> str:
    """The text without the marks of removed markup, and without the brackets, spaces and commas that stood around it."""
    if GONE not in text:
        return text
    kept: list[str] = [""]
    for number, right in enumerate(_GONE_RUN.sub(GONE, text).split(GONE)):
        if number:
            right = _joint(kept, right)
        # Only the tail of a long piece is touched again, so that no joint costs more than its surroundings.
        if len(right) > 2 * _TAIL:
            kept.extend((right[:-_TAIL], right[-_TAIL:]))
        elif len(kept[-1]) > 2 * _TAIL:
            kept.append(right)
        else:
            kept[-1] += right
    return "".join(kept)


def _joint(kept: list[str], right: str) -> str:
    """Tidy both sides of a removed template: "(; born" -> "(born", "word ." -> "word.", "a  b" -> "a b".

    Changes the end of `kept`, the pieces on the left, and returns the piece on the right.
    """
    while True:
        while len(kept) > 1 and not kept[-1].strip(" \t"):
            if not right[:1].isspace():
                right = kept[-1] + right
            kept.pop()
        if right.lstrip(" \t").startswith(_ENDING) and (label := _LABEL.search(kept[-1][-_LABEL_LENGTH:])):
            kept[-1] = kept[-1][: len(kept[-1]) - len(label[0])]  # "(German: ;" has lost what it announces
        left = kept[-1]
        inner, after = left.rstrip(_FILLER), right.lstrip(_FILLER)
        opened, closed = inner.endswith(_OPENING), after.startswith(_CLOSING)
        if not (opened and closed):
            break
        kept[-1], right = inner[:-1].rstrip(" \t"), after[1:]
    if opened or closed:
        kept[-1] = inner
        return after
    if _LINE_START.search(left[-20:]):
        return right[_LEADING_MARKS.match(right).end() :]
    before, behind = left.rstrip(" \t"), right.lstrip(" \t")
    if behind.startswith(_MARKS):
        # "end.<ref/>." has two stops; an ellipsis stays.
        if before[-1:] == behind[0] and behind[0] in _DOUBLED and before[-2:] != ".." != behind[:2]:
            before = before[:-1]
        kept[-1] = before
        return behind
    return behind if len(before) < len(left) else right


def paragraphs(text: str, raw: list[str]) -> str:
    """Third pass: lines of wikitext as paragraphs, headings and list items; sections without content are left out."""
    blocks: list[tuple[int, str]] = []  # (level of a heading or 0, its text or a paragraph)
    paragraph: list[str] = []
    numbers: list[int] = []  # counters of the open numbered lists

    def close() -> None:
        if paragraph:
            blocks.append((0, "\n".join(paragraph)))
            paragraph.clear()

    for line in text.split("\n"):
        line = line.strip()
        if "  " in line or "\t" in line:
            line = _SPACES.sub(" ", line)
        marker = _LIST.match(line) if line[:1] in "*#:;" else None
        if not line.strip("=") or line.startswith("----"):
            close()
            numbers.clear()
        elif line[0] == "=" and (heading := _HEADING.match(line)):
            close()
            numbers.clear()
            blocks.append((len(heading[1]), heading[2].strip()))
        elif marker and line:
            content = line[marker.end() :].strip()
            if _WORD.search(content):
                paragraph.append(_list_item(marker[1], content, numbers))
        else:
            numbers.clear()
            paragraph.append(line)
    close()
    joined = "\n\n".join(_without_empty_sections(blocks))
    return _restored(joined, raw).strip()


def _list_item(marker: str, content: str, numbers: list[int]) -> str:
    depth = len(marker)
    del numbers[depth:]
    numbers.extend([0] * (depth - len(numbers)))
    indent = "  " * (depth - 1)
    if marker[-1] == "#":
        numbers[-1] += 1
        return f"{indent}{numbers[-1]}. {content}"
    numbers[-1] = 0
    if marker[-1] == "*":
        return f"{indent}- {content}"
    return content


def _without_empty_sections(blocks: list[tuple[int, str]]) -> list[str]:
    kept: list[str] = []
    below = 0  # level of the heading that follows; 7: text follows
    for level, text in reversed(blocks):
        if not level:
            below = 7
        elif level >= below:
            continue
        else:
            below = level
        kept.append(text)
    kept.reverse()
    return kept


_PLACE = re.compile(rf"{KEPT}(\d+){KEPT}")


def _restored(text: str, raw: list[str]) -> str:
    if not raw:
        return text
    text = _PLACE.sub(lambda match: raw[int(match[1])], text)
    return re.sub(r"(?<![ \t])[ \t]++(?=\n)", "", text).replace("\n\n\n", "\n\n")
