"""First pass over wikitext: comments, templates and links resolved, passages to keep verbatim put aside.

Left to right with a stack, as MediaWiki's own preprocessor does. A frame knows how many templates and links are open
below it, so that a stray closing mark costs nothing; no pattern reads past the next "<"; and what is nested deeper than
MAX_DEPTH says nothing. So the time is linear in the length of the text. https://www.mediawiki.org/wiki/Preprocessor_ABNF
"""

import html
import re
from functools import cache

from gristmill.curation.wikipedia.names import file_prefixes, image_option
from gristmill.curation.wikipedia.templates import carries_words, guess, template_text

MAX_DEPTH = 40
"""Templates and links nested deeper than this say nothing (MediaWiki's own limit on expansion is 40)."""

GONE = "\x01"
"""Stands where markup was removed inside a sentence, to show which spaces and brackets it has left behind."""

KEPT = "\x02"
"""Stands on both sides of the number of a raw passage, which is put back at the end."""

CAPTION = "\x03"
"""Stands on both sides of a picture's caption, on the line of the picture."""

HOLE = "\x04"
"""Stands where a template was removed that says a number or a word of its sentence, which is broken without it."""

_RAW = "nowiki|pre|math|chem|ce|syntaxhighlight|source"
_DROPPED = "ref|references|gallery|timeline|score|imagemap|templatestyles|mapframe|maplink|graph|hiero|includeonly"
_DROPPED += "|charinsert|inputbox|categorytree|templatedata|indicator|dynamicpagelist|slideshow|quiz"
_TOKEN = re.compile(
    rf"<!--|<(?P<tag>{_RAW}|{_DROPPED})\b(?P<attributes>[^<>]*+)>|\{{\{{+|\}}\}}+|\[\[|\]\]\]?|\|",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"[^\W\d_][^\n\x01]*(?:[\s(（\[\"“„«‘—–/-]|(?<=[\u3040-\u9fff\uac00-\ud7af、。「『]))(?<!\n)'*\Z")
_AFTER = re.compile(r"\s?(?<!\n)'*[\w,.;:!?)）」』”\"’»—–(\[\-、。，；]|\}\}\s?[\w,.;:)]")

_WORDS_FOLLOW = re.compile(r" ?'*(?:[^\W\d_]|[%°€$])|&nbsp;")


class _Frame:
    """An opened `{{` or `[[`, its parts, split at "|", and how many of each are open up to it."""

    __slots__ = ("links", "opener", "parts", "templates")

    def __init__(self, opener: str, below: "_Frame | None" = None):
        self.opener = opener
        self.parts: list[list[str]] = [[]]
        self.templates: int = (below.templates if below else 0) + (opener[:1] == "{")
        self.links: int = (below.links if below else 0) + (opener[:1] == "[")

    def texts(self) -> list[str]:
        return ["".join(part) for part in self.parts]


def resolved(text: str, hidden: frozenset[str], raw: list[str]) -> str:
    """First pass: the text without comments, templates and links; passages to keep verbatim go to `raw`."""
    out = _Frame("")
    stack: list[_Frame] = [out]
    unclosed: set[str] = set()  # elements known to have no end from here on
    position = 0
    search = _TOKEN.search
    while match := search(text, position):
        top = stack[-1].parts[-1]
        start, end = match.span()
        if start > position:
            top.append(text[position:start])
        token = match[0]
        first = token[0]
        position = end
        if first == "|":
            if len(stack) > 1:
                stack[-1].parts.append([])
            else:
                top.append("|")
        elif first == "<":
            position = _element(text, match, top, raw, unclosed)
        elif first == "[" or first == "{":
            stack.append(_Frame(token, stack[-1]))
        elif first == "]":
            if token == "]]]" and not _in_external_link(top):
                position -= 1
            elif token == "]]]":
                top.append("]")
            if not stack[-1].links:
                continue
            depth = len(stack) - 1
            while stack[depth].opener[0] != "[":
                depth -= 1
            _abandon(stack, depth)
            frame = stack.pop()
            stack[-1].parts[-1].append(_link(frame.texts(), hidden) if len(stack) <= MAX_DEPTH else GONE)
        else:
            _close_braces(stack, len(token), text, position)
    stack[-1].parts[-1].append(text[position:])
    _abandon(stack, 0)
    return "".join(out.parts[0])


def _in_external_link(part: list[str]) -> bool:
    """Whether an external link is open at the end of this part, so that the first "]" of "]]]" is its own.

    Only the end is looked at, or many of these marks would each cost the whole part.
    """
    for piece in reversed(part[-40:]):
        opened, closed = piece.rfind("[", -1_000), piece.rfind("]", -1_000)
        if opened != closed:
            return opened > closed
    return False


def _close_braces(stack: list[_Frame], count: int, text: str, position: int) -> None:
    """Use up a run of closing braces that ends at `position`."""
    while count >= 2 and stack[-1].templates:
        # A link that was never closed must not swallow the template around it.
        depth = len(stack) - 1
        while stack[depth].opener[0] != "{":
            depth -= 1
        _abandon(stack, depth)
        frame = stack.pop()
        opened = len(frame.opener)
        used = 3 if opened >= 3 and count >= 3 else 2
        count -= used
        if len(stack) > MAX_DEPTH:
            said = ""
        elif used == 3:
            said = "|".join(frame.texts()[1:2])  # {{{parameter|its default}}}
        else:
            name, *arguments = frame.texts()
            said = template_text(name, arguments)
            if said is None and arguments and _AFTER.match(text, position):
                said = _guessed(name, arguments, "".join(stack[-1].parts[-1][-6:])[-60:])
            if not (said or "").strip(GONE + HOLE) and _leaves_a_hole(
                name, arguments, stack[-1].parts[-1], text, position
            ):
                said = HOLE
        rest = opened - used
        if rest >= 2:
            stack.append(_Frame("{" * rest, stack[-1]))
        elif rest:
            stack[-1].parts[-1].append("{")
        stack[-1].parts[-1].append(said or GONE)


def _guessed(name: str, arguments: list[str], before: str) -> str:
    """What an unknown template says where it is part of a sentence.

    Words come before it on its line, then a space or an opening bracket, and something follows: notes and maintenance
    signs cling to the word before them, flags and links in lists stand at the start or the end of a line.
    """
    if not _BEFORE.search(before):
        return ""
    return guess(name, arguments, in_brackets=before.rfind("(") > before.rfind(")") or before.endswith(("（", "[")))


def _leaves_a_hole(name: str, arguments: list[str], before: list[str], text: str, position: int) -> bool:
    """Whether a sentence goes on after a template that says a word of it, and has begun before it."""
    left = "".join(before[-6:])[-60:]
    amount = left.endswith(("$", "€", "£", "¥"))
    if not (amount or _WORDS_FOLLOW.match(text, position)) or not carries_words(name, arguments):
        return False
    if amount:
        return True
    return bool(_BEFORE.search(left)) and not left.rstrip().endswith((".", "!", "?", ":", "。", "|"))


def _abandon(stack: list[_Frame], depth: int) -> None:
    """Give up the openers above `depth`, which are never closed: their words are text, the lines of a box are not."""
    into = stack[depth].parts[-1]
    for frame in stack[depth + 1 :]:
        if frame.opener[0] == "{" and len(frame.parts) > 1:
            # An infobox without its end: name and "|key = value" lines go, the text after them stays.
            for text in frame.texts():
                _, newline, rest = text.partition("\n")
                into.append(newline + rest)
            continue
        for index, part in enumerate(frame.parts):
            if index:
                into.append("|")
            into.extend(part)
    del stack[depth + 1 :]


def _element(text: str, match: re.Match, top: list[str], raw: list[str], unclosed: set[str]) -> int:
    """Deal with a comment or a raw element that starts at `match`; returns where to go on."""
    start, end = match.span()
    tag = (match["tag"] or "").lower()
    if not tag:
        close = text.find("-->", end)
        if close < 0:
            return len(text)
        close += 3
        # A comment alone on its line takes the line with it, or it would end a paragraph or a list.
        if (not start or text[start - 1] == "\n") and text[close : close + 1] == "\n":
            close += 1
        return close
    if match["attributes"].rstrip().endswith("/"):
        top.append(GONE if tag in ("ref", "references") else "")
        return end
    closing = None if tag in unclosed else _closing(tag).search(text, end)
    if closing is None:
        unclosed.add(tag)
        return end
    content = text[end : closing.start()]
    if tag in ("math", "chem", "ce"):
        top.append(_keep(f"${html.unescape(content).strip()}$" if content.strip() else "", raw))
    elif tag in ("pre", "syntaxhighlight", "source"):
        inline = "inline" in match["attributes"].lower()
        content = html.unescape(content).strip("\n") if tag == "pre" else content.strip("\n")
        top.append(_keep(content, raw) if inline else f"\n\n{_keep(content, raw)}\n\n")
    elif tag == "nowiki":
        top.append(_keep(html.unescape(content), raw) if content else "")
    else:
        top.append(GONE)
    return closing.end()


@cache
def _closing(tag: str) -> re.Pattern[str]:
    return re.compile(rf"</{tag}\s*>", re.IGNORECASE)


def _keep(content: str, raw: list[str]) -> str:
    raw.append(content.replace(GONE, "").replace(KEPT, ""))
    return f"{KEPT}{len(raw) - 1}{KEPT}"


def _link(parts: list[str], hidden: frozenset[str]) -> str:
    """What `[[target|label]]` shows: the label; nothing for files, categories and links to other languages."""
    target = parts[0].strip()
    if ":" in target:
        prefix = target.partition(":")[0].strip().lower().replace("_", " ")
        if prefix in hidden:
            return GONE + _caption(parts[1:]) if len(parts) > 1 and prefix in file_prefixes() else GONE
        if not prefix:
            target = target[1:].strip()
    if len(parts) == 1:
        return target
    label = "|".join(parts[1:]).strip("\n")
    if not label.strip():
        # The "pipe trick" is expanded when a page is saved; in a dump an empty label shows nothing but is rare.
        return target.partition(":")[2] or target
    return label


def _caption(parts: list[str]) -> str:
    """The caption of a picture, the last part of its link unless that says how the picture is shown."""
    caption = parts[-1]
    if CAPTION in caption or not caption.strip() or image_option().match(caption):
        return ""
    return f"{CAPTION}{' '.join(caption.split())}{CAPTION}"
