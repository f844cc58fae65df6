"""Where a mail's signature begins: contact data, the sender's card below a rule, disclaimers, lines of telephones.

Only the end of a mail is looked at. A line that cuts a signature off (`-- `, which RFC 3676 names; `--` and rules of
dashes, which people draw) must have few lines below it, and all but `-- ` must have below them what only signatures
hold, since SQL, diffs, Markdown and tables have such lines too.
"""

import re
from collections.abc import Sequence

DELIMITER = "-- "
"""The line above a signature (RFC 3676, 4.3)."""

_RULE = re.compile(
    r"\s*(?:[-_=*~#+·•]\s?){3,}\s*$|\s*[.:]{12,}\s*$|\s*-{5,}.{0,20}-{5,}\s*$|\s*[-=*_]{2,}[\\/>o<*()O]{1,5}[-=*_]{2,}\s*$"
)
_ADDRESS = r"[\w.+'-]{1,64}\s?(?:@|\(at\)|<at>|\[at\]|\bat\b|\.\.\.at\.\.\.)\s?[\w-]{1,63}(?:\.[\w-]{2,63}){1,5}"
_CONTACT = re.compile(
    rf"\W{{0,6}}(?:{_ADDRESS}|<?mailto:.*)\W{{0,3}}$"  # an address alone
    rf"|.{{3,60}}<{_ADDRESS}>"
    r"|.*\b(?:tel|t[ée]l[ée]phone|phone|ph|fax|fon|fone|telefon|telefax|mobile|mob|cell|office|portable|vox|voice)\b[^\w\n]{0,8}(?:no)?\W{0,8}\d[\d\s()./x+-]{5,}"
    rf"|\W{{0,4}}(?:e-?mail|mail|courriel)s?\s?[:=]?\s+.*(?:{_ADDRESS}|@)"
    r"|\W{0,4}(?:fax-to-email|skype|icq|postal address|address|office|gpg fingerprint|gpg key|pgp)\s?(?::|fingerprint).{0,90}"
    r"|\W{0,3}(?:\+\d|\(0?\d{2,4}\)|\d{3}[-. ]\d{3}[-. ]\d{4})[\d\s()./x-]{6,}(?:\((?:fax|voice|phone|office|cell|tel|mobile|[wofhvc])\)|\w{1,8})?\W{0,3}$",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"\W{0,3}(?:(?:web\w*|url|home\s?page|blog|www|visit us)\W{0,4}\s?)?<?(?:https?://|www\.)\S+\W{0,2}$|\W{0,3}(?:url|web|www)\s?:\s.{4,90}$",
    re.IGNORECASE,
)
_SENT = re.compile(
    r"\W{0,3}(?:Sent (?:from|via|with|by|using) (?:my|mail|the|a|an|outlook|yahoo|proton\w*|samsung|gmail|android|blackberry)\b.{0,120}"
    r"|View this message in context: .{0,300}|(?:Get|Download) Outlook for .{0,80}|(?:Von|Gesendet von) mei\w+ .{0,60}gesendet\W*|Gesendet von (?:mein|mail)\w* .{0,60}"
    r"|Envoyé de(?:puis)? mon .{0,60}|Enviado (?:desde|do) (?:mi|meu) .{0,60}|Inviato (?:da|dal) (?:mio )?.{0,40}|Verstuurd vanaf mijn .{0,40})$",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"\.\.\.\s?\{\{dropped(?::\d+)?\}\}|confidential|privileged|intended (?:only |solely |recipient|for the )|named addressee|disclaimer"
    r"|(?:received|receive) (?:this|it|the) .{0,40}(?:in )?error|consider the environment|this (?:e-?mail|message|communication)"
    r"|\b(?:e-?mail|message|attachments?)\b.{0,40}\bvirus|vertraulich|confidentiel|confidenci?al|riservat|vertrouwelijk"
    r"|do you yahoo|yahoo! mail|get your (?:free|preferred)|msn messenger|hotmail|free email|email enviado",
    re.IGNORECASE,
)
_SURE_LEGAL = re.compile(
    r"\.\.\.\s?\{\{dropped(?::\d+)?\}\}|please consider the environment before|email enviado utilizando|message do(?:es)? not reflect (?:any|the) (?:position|view)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[A-Za-z(][\w',;()-]*(?: [a-z(][\w',;.()-]*){4,}|[?]\s*$")
"""Five words without a capital in a row, or a question: nobody's card says that, a disclaimer or a motto does."""
_CODE = re.compile(r"<-|[{};=\\]|\$[A-Za-z_(]|\w\(|^\s*[>#|\[]|^\s*\d+\s+[\d.]+|\[\d|^\s*(?:[\d.e+-]+\s+){2,}")
_FIELD = re.compile(r"[A-Z]\w+:\s")
_NAME_WORD = re.compile(r"[^\W\d_]{3,}")
_RULE_ENDS = "-_=*~#+·•.:/"
_MOST_LINES = 40  # of a signature
_MOST_WORDS_LINES = 8  # of a motto, an advertisement or the like below a card
_MOST_LEGAL_LINES = 60


def without_signature(lines: list[str], author: str = "") -> list[str]:
    """The lines of a mail's own words up to its signature; `author` is the sender's name, as it may stand in there."""
    lines = _stripped_end(lines)
    for _ in range(4):  # a disclaimer below a card below a delimiter
        cut = _delimited(lines, author)
        if cut is None:
            cut = _legal(lines)
        if cut is None:
            cut = _card(lines, author)
        if cut is None:
            cut = _motto(lines, author)
        if cut is None:
            break
        lines = _stripped_end(lines[:cut])
    return ["--" if line == DELIMITER else line for line in lines]


def _stripped_end(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def _delimited(lines: list[str], author: str) -> int | None:
    """Index of the line that cuts the signature off: the last `-- `, or the topmost other line that can be one."""
    found = None
    below = 0
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index]
        if line == DELIMITER:
            return index if below <= _MOST_LINES else found
        if line.strip() == "--":
            if _all_short(lines[index + 1 :]) or _begins_card(lines, index + 1, author, 2 * _MOST_WORDS_LINES):
                found = index
        elif line and line[-1] in _RULE_ENDS and _RULE.match(line[:200]):
            advertised = line[:20] == "_" * 20 and below <= 7 and all(map(_is_short, lines[index + 1 :]))
            if advertised or _begins_card(lines, index + 1, author, _MOST_WORDS_LINES):
                found = index
        below += bool(line.strip())
        if below > _MOST_LINES:
            break
    return found


def _is_short(line: str) -> bool:
    return len(line) <= 120 and not _CODE.search(line.partition("http")[0])


def _all_short(below: list[str]) -> bool:
    """Whether what stands below a bare `--` is at most six lines that are neither code nor sentences."""
    written = [line for line in below if line.strip()]
    return len(written) <= 6 and all(
        len(line) <= 60
        and not _CODE.search(line)
        and not _SENTENCE.search(line)
        and (not line.rstrip().endswith((".", "?", "!", ":", ";")) or _is_titled(line))
        for line in written
    )


def _is_titled(line: str) -> bool:
    """Whether a line that ends like a sentence is a name: most of its words have capitals."""
    words = line.split()
    return line.rstrip()[-1] == "." and 2 * sum(word[0].isupper() for word in words) > len(words) > 1


def _begins_card(lines: Sequence[str], start: int, author: str, most: int) -> bool:
    """Whether a card or a disclaimer stands below a rule, with at most so many lines that are a motto or the like."""
    while start < len(lines) and (not lines[start].strip() or _RULE.match(lines[start][:200])):
        start += 1
    end = start
    while end < len(lines) and lines[end].strip() and not _RULE.match(lines[end][:200]):
        end += 1
    first, rest = lines[start:end], lines[end:]
    if not first or _is_legal(first):
        return bool(first)
    others = [line for line in first if not _is_contact(line) and not _LINK.match(line)]
    told = len(others) < len(first) and any(map(_is_contact, first))
    told = told or (len(first[0]) <= 120 and _names(first[0], author))
    if not told and all(map(_is_place, others)):  # a card of links, or one with a blank line in it
        told = (len(others) < len(first) and len(rest) <= 8) or any(map(_is_contact, rest[:3]))
        told = told or (len(rest) <= 4 and any(map(_LINK.match, rest)))
    if (
        not told
        or sum(map(bool, map(_FIELD.match, others))) > 3
        or 3 * sum(map(bool, map(_CODE.search, others))) > len(first)
    ):
        return False
    words = [line for line in first + rest if not (_is_contact(line) or _is_place(line) or _LINK.match(line))]
    return len(words) <= most and not any(line.rstrip().endswith("?") for line in rest)


def _is_contact(line: str) -> bool:
    return len(line) <= 120 and bool(_CONTACT.match(line)) and "<-" not in line


def _is_place(line: str) -> bool:
    """Whether a line may stand in a card: a name, a title, an address; or nothing."""
    if len(line) > 80 or _CODE.search(line) or _SENTENCE.search(line):
        return False
    bare = line.strip()
    return not bare or (
        bare[-1] not in "?!:;" and not (bare[-1] == "," and bare.count(" ") < 2) and not bare[0].islower()
    )


def _names(line: str, author: str) -> bool:
    """Whether a line is the author's name, alone or with titles: at least two words of it, or the only one."""
    words = {word.casefold() for word in _NAME_WORD.findall(author)}
    return bool(words) and len(words & {word.casefold() for word in _NAME_WORD.findall(line)}) >= min(2, len(words))


def _is_legal(block: Sequence[str]) -> bool:
    text = " ".join(block)
    return bool(_SURE_LEGAL.search(text)) or len({found.casefold() for found in _LEGAL.findall(text)}) >= 2


def _legal(lines: list[str]) -> int | None:
    """Index where a disclaimer, an advertisement or a "Sent from my phone" at the end begins."""
    if not lines:
        return None
    if _SENT.match(lines[-1]):
        return len(lines) - 1
    end = len(lines)
    while end and (not lines[end - 1].strip() or _RULE.match(lines[end - 1][:200])):
        end -= 1
    start = end
    while start and lines[start - 1].strip() and not _RULE.match(lines[start - 1][:200]):
        start -= 1
    if end - start > _MOST_LEGAL_LINES or not _is_legal(lines[start:end]):
        return None
    if end - start > 3 or start == 0:
        # Where the author's words run into it, it begins with its first legal phrase.
        first = next(index for index in range(start, end) if _LEGAL.search(lines[index]))
        return first if first > start + 3 else start
    return start


def _card(lines: list[str], author: str) -> int | None:
    """Index where a card without a line above it begins: at the author's name, else at the first contact data."""
    contacts, links, name = [], [], None
    index = len(lines)
    while index and len(lines) - index < _MOST_LINES:
        index -= 1
        line = lines[index]
        if _is_contact(line):
            contacts.append(index)
        elif _LINK.match(line):
            links.append(index)
        elif not _is_place(line) and not _RULE.match(line[:200]):
            break
        if (contacts or links) and len(line) <= 80 and _names(line, author):
            name = index
            if contacts and index != contacts[-1]:
                break
    if name is not None and (contacts or len(links) == 1):
        return name
    if not contacts:
        return None
    start = min(contacts + [link for link in links if link == contacts[-1] - 1])
    while (
        start and lines[start - 1].count(" ") > 1 and _is_place(lines[start - 1]) and not _RULE.match(lines[start - 1])
    ):
        start -= 1
    return start


def _motto(lines: list[str], author: str) -> int | None:
    """Index where a card begins that names the author and is followed by a paragraph of at most three lines."""
    end = len(lines)
    while end and lines[end - 1].strip():
        end -= 1
    if not end or len(lines) - end > 3 or lines[-1].endswith("?"):
        return None
    above = _stripped_end(lines[:end])
    start = _card(above, author)
    told = start is not None and _names(above[start], author) and sum(map(_is_contact, above[start:])) >= 2
    return start if told else None
