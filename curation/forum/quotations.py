"""What somebody wrote in a mail: its body without quotations, signature and the list's footer.

Telling quotations from code is the hard part: `> x <- 1` is R's prompt and `>>> import numpy` is Python's, and lists
about such languages are full of both. So a run of `>` lines is a quotation if an attribution ("A wrote:") introduces
it, if its lines are found in another message of the thread, or if it holds what only mails hold; otherwise the look of
the lines decides (`_is_quotation`).
"""

import re
from collections.abc import Container

_MARKS = re.compile(r"[ \t]*(?:(?!R>)[A-Za-z]{1,12}>|[>|])[>|\s]*")
_ONE_MARK = re.compile(r"[ \t]*(?:[A-Za-z]{1,12}>|[>|])")
_RARE_MARK = re.compile(r"[ \t]*[A-Za-z|]")  # `Ann> ` and `| ` quote too, but begin prompts and tables as often
_WROTE = re.compile(
    r"(?:wrote|writes?|said|schrieb|schreef|skrev|a .{0,2}crit|ha scritto|escribió|escreveu|написал)\b.{0,100}$"
    r"|<[^<>]{1,100}(?: at |@)[^<>]{1,100}>\s?:$",
    re.IGNORECASE,
)
_WROTE_BEGINS = re.compile(r"\s*(?:On|At|In|Le|Am|El|Il|Em|Quoting|Den|Op)\b|\s*\"?[^:]{2,60}<")
_ONLY_IN_MAILS = re.compile(
    r"(?:wrote|writes|schrieb):\s*$|mailing list$|/listinfo/|posting-guide\.html|HTML version deleted"
    r"|-Original Message-|^(?:From|Sent|To|Cc|Subject): \S|== .*<.* at .*>$"
)
_ELLIPSIS = re.compile(
    r"\s*(?:[\[<(]?\.{2,}[\]>)]?|[\[<(]*(?:snip|\.\.\.|deleted|cut)[^\n]{0,20}[\]>)]+)?\s*$", re.IGNORECASE
)
_ORIGINAL = re.compile(r"\s?-{3,20}\s*(?:Original|Ursprüngliche|Message d'origine|Mensaje original)\b")
_COPIED_HEADER = re.compile(r"\s?\*?(?:From|Sent|Date|To|Cc|Subject|Von|Gesendet|An|Betreff|Reply-To)\s?:\*?\s")
_SCRUBBED = re.compile(
    r"^-{10,20} next part -{10,20}\n(?:An? .{0,80} scrubbed\.\.\.\n(?:\S.*\n)*)?|^[ \t]*\[\[.{1,40} HTML version deleted\]\]\n"
    r"|^An? .{0,80} scrubbed\.\.\.\n(?:[A-Za-z]{3,4}\s?: .*\n)*",
    re.MULTILINE,
)
_RULE = re.compile(r"[_=*-]{20,}")
_LIST_FOOTER = re.compile(r"mailing list|listinfo|unsubscribe", re.IGNORECASE)
_CODE = re.compile(
    r"<-|[\w.\])]\s?=[^>]|[\w.]\(|^(?:import|from|for|if|def|print|library|class)\b.*[\w)*:]$|^\w+\[|\$\w|^#|^[})]|^[\w.$]+$"
)


_LEAST_KEY = 8
_NO_SPACES = {ord(space): None for space in " \t\r\v\f\x1c\x1d\x1e\x1f"}


def own_words(body: str, is_reply: bool, known: Container[str]) -> str:
    """What the author of a message wrote: no quotations, signature, scrubbed attachments or list's footer.

    `known` holds the lines of the thread's messages, each as `line_key` gives it.
    """
    body += "\n"
    if "scrubbed..." in body or " next part -" in body or " HTML version deleted]]" in body:
        body = _SCRUBBED.sub("\n", body)
    lines = body.split("\n")
    lines = _without_copies(_without_footers(lines), known)
    kept: list[str] = []
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and _MARKS.match(lines[end]):
            end += 1
        if end == start:
            kept.append(lines[start])
            start += 1
        elif _is_quotation(lines[start:end], kept, is_reply, known):
            first = _attribution(kept)
            del kept[len(kept) if first is None else first :]
            kept.append("")
            start = end
        else:
            kept += lines[start:end]
            start = end
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_without_signature(kept))).strip("\n")


def line_keys(body: str) -> list[str]:
    """The keys of all lines, as `line_key` gives them one by one."""
    return [
        key
        for line in body.translate(_NO_SPACES).split("\n")
        if len(key := line if line.isascii() else "".join(line.split())) >= _LEAST_KEY
    ]


def line_key(line: str) -> str:
    """A line as it is compared: without white space; empty where it is too short to tell anything."""
    line = "".join(line.split())
    return line if len(line) >= _LEAST_KEY else ""


def _is_quotation(block: list[str], kept: list[str], is_reply: bool, known: Container[str]) -> bool:
    """Whether a run of marked lines quotes another message, rather than shows code at a prompt or a table."""
    if _attribution(kept) is not None:
        return True
    contents = [_MARKS.sub("", line, count=1) for line in block]
    if not any(contents) or any(_ONLY_IN_MAILS.search(line) for line in contents):
        return True
    told = [key for line in block if (key := line_key(_MARKS.sub("", line, count=1)))]
    found = sum(_is_known(line, known) for line in block)
    if told and 3 * found >= len(told):
        return True
    rare = sum(bool(_RARE_MARK.match(line)) for line in block)
    if not is_reply or 2 * rare > len(block):
        return False
    return 2 * sum(bool(_CODE.search(line)) for line in contents if line) <= sum(map(bool, contents))


def _is_known(line: str, known: Container[str]) -> bool:
    """Whether a marked line stands in another message, with any number of its marks taken away (but at least one)."""
    for _ in range(6):
        line, marks = _ONE_MARK.subn("", line, count=1)
        if not marks or not (key := line_key(line)):
            return False
        if key in known:
            return True
    return False


def _attribution(kept: list[str]) -> int | None:
    """Index of the line where an attribution ("On Monday A wrote:") at the end of `kept` begins, if there is one."""
    last = len(kept) - 1
    while last >= 0 and len(kept) - last < 5 and _ELLIPSIS.match(kept[last][:60]):
        last -= 1
    if last < 0 or not kept[last].endswith((":", "...", ">")):
        return None
    for first in range(last, max(-1, last - 4), -1):
        sentence = " ".join(kept[first : last + 1])
        if not kept[first] or len(sentence) > 500:
            return None
        if _WROTE.search(sentence):
            # A sentence that is broken over lines began above, unless this line begins one itself.
            if not _WROTE_BEGINS.match(kept[first]) and first and _WROTE_BEGINS.match(kept[first - 1][:100]):
                return first - 1
            return first
    return None


def _without_copies(lines: list[str], known: Container[str]) -> list[str]:
    """Without a mail that was copied whole and unmarked below the answer, as Outlook does, from its headers on.

    Where the copy's lines are marked after all, only its headers go, and the rest is judged like any quotation.
    """
    for start, line in enumerate(lines):
        if len(line) > 200:
            continue
        end = start
        if _ORIGINAL.match(line) or (start and line.startswith(("From:", "*From:", "Von:"))):
            end = _end_of_headers(lines, start)
        elif line.startswith("On ") and line.endswith("wrote:") and _copied(line, lines[start + 1 : start + 41], known):
            end = start + 1
        if end > start:
            while end < len(lines) and not lines[end]:
                end += 1
            return lines[:start] + (lines[end:] if end < len(lines) and _MARKS.match(lines[end]) else [])
    return lines


def _end_of_headers(lines: list[str], start: int) -> int:
    """Index behind a copied mail's headers; `start` where these are fewer than three without a line that says so."""
    marked = bool(_ORIGINAL.match(lines[start]))
    end = start + marked
    headers = 0
    while end < len(lines) and (not headers or lines[end]):
        if _COPIED_HEADER.match(lines[end]):
            headers += 1
        elif lines[end] and not (headers and lines[end][0].isspace()):
            break  # neither a header nor the continuation of one
        end += 1
    return end if marked or headers >= 3 else start


def _copied(attribution: str, rest: list[str], known: Container[str]) -> bool:
    """Whether what follows an attribution is its quotation, though nothing marks it (HTML that became text)."""
    if any(_MARKS.match(line) for line in rest[:3]):
        return False
    told = [key for line in rest if (key := line_key(line))]
    return "<mailto:" in attribution or 3 * sum(key in known for key in told) > len(told)


def _without_footers(lines: list[str]) -> list[str]:
    """Without what the list appended: a rule, then within three lines its name or how to leave it, to a blank line."""
    kept = []
    inside = False
    for number, line in enumerate(lines):
        if _RULE.fullmatch(line) and any(_LIST_FOOTER.search(below) for below in lines[number + 1 : number + 4]):
            inside = True
        inside = inside and bool(line)
        if not inside:
            kept.append(line)
    return kept


def _without_signature(lines: list[str]) -> list[str]:
    """Without what follows `-- `, and without a mail provider's lines below a rule of underscores at the very end."""
    if "--" in lines:
        lines = lines[: lines.index("--")]
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    for start in range(end - 1, max(-1, end - 8), -1):
        if not lines[start]:
            break
        if _RULE.fullmatch(lines[start]) and lines[start][0] == "_":
            return lines[:start]
    return lines
