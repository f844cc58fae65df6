"""What somebody wrote in a mail: its body without quotations, signature and the list's footer.

Telling quotations from code is the hard part: `> x <- 1` is R's prompt and `>>> import numpy` is Python's, and lists
about such languages are full of both. So a run of `>` lines is a quotation if an attribution ("A wrote:") introduces
it, if its lines are found in another message of the thread, or if it holds what only mails hold; otherwise the look of
the lines decides (`_is_quotation`).
"""

import re
from collections.abc import Container

from gristmill.curation.forum.copies import without_copies
from gristmill.curation.forum.signatures import without_signature

_MARKS = re.compile(r"[ \t]*(?:(?!R>)[A-Za-z]{1,12}>|[>|])[>|\s]*")
_ONE_MARK = re.compile(r"[ \t]*(?:[A-Za-z]{1,12}>|[>|])")
_RARE_MARK = re.compile(r"[ \t]*[A-Za-z|]")  # `Ann> ` and `| ` quote too, but begin prompts and tables as often
_WROTE = re.compile(
    r"(?:wrote|writes?|said|schrieb|schreef|skrev|kirjoitti|napisała?|napsala?|napísala?|написала?|пишет|писала?|пише"
    r"|a .{0,2}crit|ha scritto|a scris|va escriure|escribió|escreveu|yazdı|menulis|έγραψε|כתב|írta|ezt írta)\b.{0,100}$"
    r"|(?:写道|寫道|書きました|のメッセージ|작성|씀)\s?[:：]?.{0,20}$"
    r"|<[^<>]{1,100}(?: at |@)[^<>]{1,100}>\s?:$",
    re.IGNORECASE,
)
_WROTE_BEGINS = re.compile(
    r"\s*(?:On|At|In|Le|Am|El|Il|Em|Quoting|Den|Op|W dniu|Dne|Dňa|On|Pada|Στις|В|ב)\b|\s*\"?[^:]{2,60}<"
)
_DATED_WROTE = re.compile(
    r"[?\ufeff\s:]{0,9}(?:(?:On|At|Am|Le|El|Il|Em|Den|Op|W dniu|Dne)\b.{0,250}\d.{0,250}|.{2,80}<[^<>]{1,100}(?: at |@)[^<>]{1,100}>,? )"
    r"(?:wrote|writes|schrieb|schreef|skrev|a écrit|ha scritto|escribió|escreveu|napisał\(a\)|napisał|napsal)\b.{0,100}:$",
    re.IGNORECASE,
)
_NAMED_WROTE = re.compile(r"[\w.,'\" -]{2,60} (?:wrote|writes|schrieb|a écrit):")
_DATE_ALONE = re.compile(r"(?:On|At|Am|Le|El|Il|Em|Den|Op) .{0,60}\d{4}.{0,20}[\d,)]")
_ONLY_IN_MAILS = re.compile(
    r"(?:wrote|writes|schrieb):\s*$|mailing list$|/listinfo/|posting-guide\.html|HTML version deleted"
    r"|-Original Message-|^(?:From|Sent|To|Cc|Subject): \S|== .*<.* at .*>$"
)
_GREETING = re.compile(r"(?:Dear|Hi|Hello|Hallo|Hey|Good (?:morning|day|evening))\b.{0,40}$", re.IGNORECASE)
_SAID_BEFORE = re.compile(r"(?:Original|Forwarded|Previous) message:$", re.IGNORECASE)
_ELLIPSIS = re.compile(
    r"\s*(?:[\[<(]?\.{2,}[\]>)]?|[\[<(]*(?:snip|\.\.\.|deleted|cut)[^\n]{0,20}[\]>)]+)?\s*$", re.IGNORECASE
)
_SCRUBBED = re.compile(
    r"^-{10,20} next part -{10,20}\n(?:An? .{0,80} scrubbed\.\.\.\n(?:\S.*\n)*)?|^[ \t]*\[\[.{1,40} HTML version deleted\]\]\n"
    r"|^An? .{0,80} scrubbed\.\.\.\n(?:[A-Za-z]{3,4}\s?: .*\n)*",
    re.MULTILINE,
)
_RULE = re.compile(r"[_=*-]{20,}")
_RULES = ("____", "====", "****", "----")
_LIST_FOOTER = re.compile(r"mailing list|listinfo|unsubscribe", re.IGNORECASE)
_CODE = re.compile(
    r"<-|[\w.\])]\s?=[^>]|[\w.]\(|^(?:import|from|for|if|def|print|library|class)\b.*[\w)*:]$|^\w+\[|\$\w|^#|^[})]|^[\w.$]+$"
)
_PROSE = re.compile(r"[*(\"'-]? ?[A-Za-z][\w',;-]*(?: [A-Za-z(][\w',;.)-]*){4,}[?!.:,;]*(?: |$)")
"""Five words in a row, which no line of R, Python or C has outside of strings and comments."""
_MANY_BLANK = re.compile(r"\n{3,}")
_LEAST_KEY = 8
_NO_SPACES = {ord(space): None for space in " \t\r\v\f\x1c\x1d\x1e\x1f"}


def own_words(body: str, is_reply: bool, known: Container[str], author: str = "", may_quote: bool = False) -> str:
    """What the author of a message wrote: no quotations, signature, scrubbed attachments or list's footer.

    `known` holds the lines of the thread's messages, each as `line_key` gives it; `author` is who wrote the message.
    Of a message that is no reply by its headers, but `may_quote` one, marked prose goes while other marked lines stay.
    """
    if "scrubbed..." in body or " next part -" in body or " HTML version deleted]]" in body:
        body = _SCRUBBED.sub("\n", body)
    lines = body.split("\n")
    if any(rule in body for rule in _RULES):
        lines = _without_footers(lines)
    lines = without_copies(lines, known, _MARKS)
    if ">" in body or "|" in body or "\n:" in body:
        may_quote = may_quote or is_reply or any(map(_shows_reply, lines))
        lines = _without_quotations(lines, is_reply, may_quote, known)
    if is_reply:
        lines = _without_attributions(lines)
    return _MANY_BLANK.sub("\n\n", "\n".join(without_signature(lines, author))).strip("\n")


def _without_quotations(lines: list[str], is_reply: bool, may_quote: bool, known: Container[str]) -> list[str]:
    kept: list[str] = []
    block: list[str] = []
    ended = [*lines, ""]
    for number, line in enumerate(ended):
        if (">" in line or "|" in line) and _MARKS.match(line):
            block.append(line)
            continue
        if block and may_quote and _is_rest(line, block[-1], ended[number + 1] if line else ""):
            block.append(line)
            continue
        if line.startswith(":") and (block or _attribution(kept) is not None):
            block.append(line)  # some quote with colons, but only an attribution tells
            continue
        if block:
            if _is_quotation(
                [one for one in block if one[:1] == ":" or _MARKS.match(one)], kept, is_reply, may_quote, known
            ):
                first = _attribution(kept)
                del kept[len(kept) if first is None else first :]
                kept.append("")
            else:
                kept += block
            block = []
        kept.append(line)
    return kept[:-1]


def _is_rest(line: str, above: str, below: str) -> bool:
    """Whether an unmarked line is the end of the quoted one above it, which a mail program broke."""
    return (
        len(line) <= 30 and len(above) >= 55 and line[:1].islower() and above.startswith(">") and below.startswith(">")
    )


def _shows_reply(line: str) -> bool:
    """Whether a line tells that the message answers another, though no header does: a quoted greeting or a heading."""
    if line.startswith(">"):
        return bool(_GREETING.match(_MARKS.sub("", line, count=1)))
    return line.endswith(":") and bool(_SAID_BEFORE.match(line))


def _without_attributions(lines: list[str]) -> list[str]:
    """Without "On Monday A wrote:" where what A wrote was cut out by the author."""
    fresh = True  # nothing has been said yet
    kept = []
    for line in lines:
        if line and line[-1] in ":：" and (_DATED_WROTE.match(line) or (fresh and _NAMED_WROTE.fullmatch(line))):
            continue
        fresh = fresh and not line
        kept.append(line)
    return kept


def line_keys(body: str) -> list[str]:
    """The keys of all lines of a text, as `line_key` gives them one by one, but the empty ones."""
    lines = body.translate(_NO_SPACES).split("\n")
    if not body.isascii():
        lines = ["".join(line.split()) for line in lines]
    return [line for line in lines if len(line) >= _LEAST_KEY]


def line_key(line: str) -> str:
    """A line as it is compared: without white space; empty where it is too short to tell anything."""
    line = "".join(line.split())
    return line if len(line) >= _LEAST_KEY else ""


def _is_quotation(block: list[str], kept: list[str], is_reply: bool, may_quote: bool, known: Container[str]) -> bool:
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
    if may_quote and any(map(_PROSE.match, contents)):
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
    if last < 0 or not kept[last].endswith((":", "...", ">", "：")):
        return None
    for first in range(last, max(-1, last - 4), -1):
        sentence = " ".join(kept[first : last + 1])
        if not kept[first] or len(sentence) > 500:
            return None
        if _WROTE.search(sentence):
            # A sentence that is broken over lines began above, unless this line begins one itself.
            above = kept[first - 1][:100] if first else ""
            if _DATE_ALONE.fullmatch(above):
                return first - 1
            if not _WROTE_BEGINS.match(kept[first]) and _WROTE_BEGINS.match(above):
                return first - 1
            return first
    return None


def _without_footers(lines: list[str]) -> list[str]:
    """Without what the list appended: a rule, then within three lines its name or how to leave it, to a blank line."""
    kept = []
    inside = False
    for number, line in enumerate(lines):
        if (
            line[:4] in _RULES
            and _RULE.fullmatch(line)
            and any(_LIST_FOOTER.search(below) for below in lines[number + 1 : number + 4])
        ):
            inside = True
        inside = inside and bool(line)
        if not inside:
            kept.append(line)
    return kept
