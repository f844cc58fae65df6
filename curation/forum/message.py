"""One mail: its headers, what it answers, and the text that a person would read in it.

Headers and MIME parts are split here, in bytes; the standard library's parser, which goes line by line, takes twice as
long and raises on some malformed messages of real archives. Formats: RFC 5322, 2045-2049, 2231, 3676.
"""

import binascii
import datetime
import email.errors
import email.header
import email.message
import email.utils
import re
from collections.abc import Iterator
from dataclasses import dataclass

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from gristmill.curation.forum.html import html_text
from gristmill.curation.forum.signatures import DELIMITER
from gristmill.curation.markup import plain_lines

MAX_TEXT_BYTES = 8 * 2**20
"""A longer text is no mail that somebody wrote: the message is a named drop, `message_too_large`."""

HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:(?:[ \t]|\r?\n)")
"""A header line of a message, as far as telling a message from other text needs."""

_FIELD = re.compile(rb"([!-9;-~]{1,100}):[ \t]*([^\n]*(?:\n[ \t]+[^\r\n][^\n]*)*)(?:\n|\Z)")
_FOLD = re.compile(r"[\r\n]+[ \t]*")
_IDS = re.compile(r"<\s*([^<>\s]{1,998})\s*>")
_MAX_PARTS = 1000
_MAX_REFERENCES = 20  # the nearest ones: whole threads are joined by less
_PARAMETERS_ERRORS = (ValueError, LookupError, TypeError, AttributeError, email.errors.MessageError)


@dataclass(frozen=True, slots=True)
class Message:
    """A mail as far as a thread needs it, without its text."""

    offset: int
    """Byte offset in the (uncompressed) file."""
    message_id: str
    """Without the angle brackets; `@` and the offset where the message has none."""
    references: tuple[str, ...]
    """Ids of the messages that it answers, nearest first."""
    author: str
    """A name, never an address."""
    subject: str
    date: datetime.datetime | None
    attachments: int
    """Parts that are no text to be read."""


def parse(raw: bytes, offset: int) -> tuple[Message, str | None]:
    """The message in these bytes and its text with its quotations; None for a text above MAX_TEXT_BYTES."""
    headers, body = split_headers(raw)
    texts, attachments, size = [], 0, 0
    for text in _texts(headers, body):
        attachments += text is None
        size += len(text or "")
        if text and size <= MAX_TEXT_BYTES:
            texts.append(text)
    identity = _ids(_unfolded(headers, b"message-id"))
    references = _ids(_unfolded(headers, b"in-reply-to")) + _ids(_unfolded(headers, b"references"))[::-1]
    message = Message(
        offset,
        identity[0] if identity else f"@{offset}",
        tuple(dict.fromkeys(references))[:_MAX_REFERENCES],
        author_name(_header_text(_unfolded(headers, b"from"))),
        " ".join(_header_text(_unfolded(headers, b"subject")).split()),
        _date(_unfolded(headers, b"date")),
        attachments,
    )
    return message, None if size > MAX_TEXT_BYTES else "\n\n".join(texts)


def split_headers(raw: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The first value of each header by its lower-case name, and the body. What is no header begins the body."""
    headers: dict[bytes, bytes] = {}
    place = 0
    while found := _FIELD.match(raw, place):
        headers.setdefault(found[1].lower(), found[2])
        place = found.end()
    for blank in (b"\n", b"\r\n"):
        if raw.startswith(blank, place):
            place += len(blank)
            break
    return headers, raw[place:] if place else raw


def _unfolded(headers: dict[bytes, bytes], name: bytes) -> str:
    value = headers.get(name, b"")[:100_000].decode("utf-8", "surrogateescape")
    return _FOLD.sub(" ", value).strip() if "\n" in value or "\r" in value else value


def _ids(value: str) -> list[str]:
    return [found if found.isascii() and found.isprintable() else plain_lines(found) for found in _IDS.findall(value)]


def _date(value: str) -> datetime.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(value[:200])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _header_text(value: str) -> str:
    """A header with its encoded words (RFC 2047) and raw bytes made readable."""
    if not value.isascii():
        value = decode(value[:4000].encode("utf-8", "surrogateescape"), None)
    if "=?" in value:
        try:
            parts = email.header.decode_header(value[:4000])
            value = "".join(part if isinstance(part, str) else decode(part, charset) for part, charset in parts)
        except (email.errors.HeaderParseError, ValueError):
            pass  # the words stay as they were sent
    return plain_lines(value)


def decode(data: bytes, charset: str | None) -> str:
    """Text in a declared charset, read as browsers read it (Latin-1 is Windows-1252); where that is unknown, missing
    or wrong, as UTF-8, else as uchardet guesses, else as Windows-1252."""
    if data.isascii() and b"\x1b" not in data and (charset or "us-ascii").lower() in _ASCII_ALIKE:
        return data.decode("ascii")
    names = [_codec(charset)] if charset else []
    # A shift sequence is valid UTF-8, but means Japanese.
    names += ["iso2022_jp"] if b"\x1b$" in data else []
    for name in [*names, "utf-8"]:
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    for name in (detect_encoding(data) if len(data) >= _LEAST_TO_GUESS else "cp1252", "cp1252"):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _codec(charset: str) -> str:
    """Python's name for a charset; where it is unknown, the name itself, which no codec has."""
    name = map_encoding_to_html5(charset) if _CHARSET.fullmatch(charset) else "?"
    if name == "utf-8" and not _UTF8.fullmatch(charset):
        return "?"  # how an unknown name comes back
    return "gb18030" if name in ("gbk", "gb2312") else name


_UTF8 = re.compile(r"(?:unicode-1-1-)?utf-?8|x-unicode20utf8|unicode", re.IGNORECASE)
_ASCII_ALIKE = frozenset(("us-ascii", "ascii", "utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", "latin1"))
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:()+-]{1,40}")
_LEAST_TO_GUESS = 40  # bytes: below it, Western European is likelier than any guess


def _texts(headers: dict[bytes, bytes], body: bytes) -> Iterator[str | None]:
    """The readable text of each part, None for each other part. Of alternatives, the plain one."""
    pending = [(headers, body, False)]  # with whether it stands inside a digest, whose messages are content
    whole = True
    for _ in range(_MAX_PARTS):
        if not pending:
            return
        headers, body, digest = pending.pop()
        kind, parameters = _content_type(headers, "message/rfc822" if digest else "text/plain")
        disposition = headers.get(b"content-disposition", b"").lstrip()[:10].lower()
        parts = _parts(body, parameters.get("boundary", "")) if kind.startswith("multipart/") else []
        if parts:
            if kind == "multipart/alternative":
                parts = [_best(parts)]
            pending += [(*part, kind == "multipart/digest") for part in reversed(parts)]
        elif kind == "message/rfc822" and digest:
            pending.append((*split_headers(body), False))
        elif disposition == b"attachment" or not (
            kind in ("text/plain", "text/html") or (whole and kind.startswith("text/")) or kind.startswith("multipart/")
        ):
            yield None
        else:
            yield _text(headers, body, kind, parameters)
        whole = False


_PARAMETER = re.compile(r"""\s*;\s*([A-Za-z-]+)=(?:"([^"\\;]*)"|([^\s;"\\*']+))""")
_PLAIN_PARAMETERS = re.compile(rf"[\w./+-]+(?:{_PARAMETER.pattern})*\s*;?\s*")  # the others need RFC 2231
_REST = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")  # of a boundary's line


def _content_type(headers: dict[bytes, bytes], default: str) -> tuple[str, dict[str, str]]:
    """The type in lower case and its parameters."""
    if b"content-type" not in headers:
        return default, {}
    value = _unfolded(headers, b"content-type")[:4000]
    kind = value.partition(";")[0].strip().lower()
    if kind == "text":  # as mails of 1993 say
        kind = "text/plain"
    if ";" not in value:
        return (kind if "/" in kind else default), {}
    if _PLAIN_PARAMETERS.fullmatch(value):
        return (kind if "/" in kind else default), {
            name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value)
        }
    holder = email.message.Message()
    try:
        holder["content-type"] = value.encode("ascii", "replace").decode().replace("\0", "")
        found = holder.get_params(failobj=[])[1:]
        parameters = {name.lower(): email.utils.collapse_rfc2231_value(text) for name, text in reversed(found)}
    except _PARAMETERS_ERRORS:
        parameters = {}
    return (kind if "/" in kind else default), parameters


def _parts(body: bytes, boundary: str) -> list[tuple[dict[bytes, bytes], bytes]]:
    """The parts between lines of the boundary, which may be lacking at the end."""
    if not boundary.strip():
        return []
    mark = b"--" + boundary.rstrip().encode("utf-8", "replace")
    found = []
    start = None
    place = body.find(mark)
    while place >= 0 and len(found) < _MAX_PARTS:
        rest = _REST.match(body, place + len(mark))
        if rest and (place == 0 or body[place - 1] == 10):
            if start is not None:
                found.append(body[start : max(start, place - 1)].removesuffix(b"\r"))
            start = None if rest[1] else rest.end()
            if rest[1]:
                break
        place = body.find(mark, place + len(mark))
    if start is not None:
        found.append(body[start:])
    return [split_headers(part) for part in found]


def _best(alternatives: list[tuple[dict[bytes, bytes], bytes]]) -> tuple[dict[bytes, bytes], bytes]:
    """Of a message's alternative forms, the one to read: plain text if it has any, else HTML, else the last."""
    for wanted in ("text/plain", "text/html"):
        for headers, body in alternatives:
            if _content_type(headers, "text/plain")[0] == wanted and body.strip():
                return headers, body
    return alternatives[-1]


_DELIMITER_LINE = re.compile(rf"^{DELIMITER}\r?$", re.MULTILINE)
_UUENCODED = re.compile(r"^begin [0-7]{3,4} \S.*\n(?:[ -`]{1,90}\n)+?`?\n?end$", re.MULTILINE)
_SIGNED = re.compile(r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:Hash: .*\n)*\n?", re.MULTILINE)
_ARMOUR = re.compile(
    r"^-----BEGIN PGP (SIGNATURE|PUBLIC KEY BLOCK|MESSAGE)-----\n(?:[^-\n].{0,200}\n|\n){1,5000}?-----END PGP \1-----$",
    re.MULTILINE,
)


def _text(headers: dict[bytes, bytes], body: bytes, kind: str, parameters: dict[str, str]) -> str:
    encoding = headers.get(b"content-transfer-encoding", b"").strip().lower()
    if encoding == b"quoted-printable" or (not encoding and b"=" in body and _looks_quoted_printable(body)):
        body = binascii.a2b_qp(body)
    elif encoding == b"base64":
        body = _base64(body)
    if len(body) > MAX_TEXT_BYTES:
        return " " * (MAX_TEXT_BYTES + 1)  # its size is all that counts
    text = decode(body, parameters.get("charset"))
    if kind == "text/html":
        return html_text(text)
    text = text.replace("\r\n", "\n") if "\r" in text else text
    if parameters.get("format", "").lower() == "flowed":
        text = _unflowed(text, parameters.get("delsp", "").lower() == "yes")
    if "\nend" in text and "begin " in text:
        text = _UUENCODED.sub("", text)
    if "-----BEGIN PGP " in text:
        text = _ARMOUR.sub("", text)
        if _SIGNED.search(text):
            text = _SIGNED.sub("", text).replace("\n- -", "\n-")
    # A signature's `-- ` keeps the space that tells it from a comment of SQL.
    return DELIMITER.join(map(plain_lines, _DELIMITER_LINE.split(text))) if DELIMITER in text else plain_lines(text)


_QUOTED = re.compile(rb"=(?:[0-9A-F]{2}|[ \t]*\r?$)", re.MULTILINE)
_TYPICAL = re.compile(rb"=3D|=20\r?$|=0A|=09|=[89A-F][0-9A-F](?![0-9A-Z_.])|^.{70,75}=\r?$", re.MULTILINE)


def _looks_quoted_printable(body: bytes) -> bool:
    """Whether a body is quoted-printable though its header is lost, as in archives that store no such header.

    Of the signs "=", which that encoding writes =3D, nine of ten must belong to it, and two be what code has not.
    """
    return len(_TYPICAL.findall(body)) >= 2 and 10 * len(_QUOTED.findall(body)) >= 9 * body.count(b"=")


def _base64(body: bytes) -> bytes:
    """The bytes; what follows the padding, such as a list's footer, is text as it stands."""
    packed, footer = body, b""
    found = re.search(rb"^(?:_{20,}|-{2,}|={20,})\s*$", body, re.MULTILINE)
    if found:
        packed, footer = body[: found.start()], b"\n" + body[found.start() :]
    try:
        return binascii.a2b_base64(packed) + footer
    except binascii.Error:
        pass
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", packed)
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4]) + footer


def _unflowed(text: str, delete_space: bool) -> str:
    """Paragraphs of format=flowed as one line each; quotations and the signature's `-- ` stay lines (RFC 3676)."""
    lines: list[str] = []
    open_line = False  # whether the line before goes on
    for line in text.split("\n"):
        line = line.rstrip("\r")
        quoted = line.startswith(">")
        if not quoted and line.startswith(" "):
            line = line[1:]  # space-stuffing
        flows = line.endswith(" ") and not quoted and line != "-- "
        if flows and delete_space:
            line = line[:-1]
        if open_line and not quoted and line != "-- ":
            lines[-1] += line
        else:
            lines.append(line)
        open_line = flows
    return "\n".join(lines)


_UNNAMED = re.compile(r"@| at |https?:|^\W*$")
_NAMED = re.compile(r"\(([^()]*)\)\s*$")
_BEFORE_ADDRESS = re.compile(r"\s*\"?([^\"<>]*?)[\"\s]*<")
_LOCAL = re.compile(r"[\s<\"]*([\w.+-]{1,64})(?:@| at )")


def author_name(header: str) -> str:
    """The name in a From header, in either of its forms; where there is none, the part of the address before the @.

    >>> author_name("jjl at pobox.com (John J. Lee)")
    'John J. Lee'
    """
    header = header[:1000]
    found = _NAMED.search(header) or _BEFORE_ADDRESS.match(header)
    name = " ".join(found[1].replace('"', " ").split()) if found else ""
    if not _UNNAMED.search(name):
        return name[:100]
    local = _LOCAL.match(name or header)
    return local[1] if local else "Unknown"
