"""Mails that are copied whole and unmarked below an answer, as Outlook and webmail do, in several languages."""

import re
from collections.abc import Container

_ORIGINAL = re.compile(
    r"\s?-{3,20}\s*(?:Original (?:Message|Appointment)|Ursprüngliche|Originalnachricht|Message d'origine|Mensaje original"
    r"|Messaggio originale|Mensagem original|Oorspronkelijk bericht|Opprinnelig melding|Ursprungligt meddelande"
    r"|Oprindelig meddelelse|Wiadomość oryginalna|Исходное сообщение|Původní zpráva|Alkuperäinen viesti|原始邮件|元のメッセージ)"
)
_FIRST_HEADER = re.compile(r"\*?(?:From|Von|De|Da|Van|Från|Fra|От|Od|发件人|差出人)\s?[:：]\*?\s")
_HEADER = re.compile(
    r"\s?\*?(?:From|Sent|Date|To|Cc|Subject|Reply-To|Von|Gesendet|An|Betreff|Datum|De|Envoyé|À|Objet|Enviado|Enviada em|Para"
    r"|Asunto|Assunto|Da|Inviato|Data|A|Oggetto|Van|Verzonden|Aan|Onderwerp|Från|Skickat|Till|Ämne|Fra|Sendt|Til|Emne"
    r"|От|Отправлено|Дата|Кому|Тема|Od|Wysłano|Do|Temat|发件人|发送时间|收件人|主题|差出人|送信日時|宛先|件名)\s?[:：]\*?(?:\s|$)"
)
_BEGINS = re.compile(
    rf"^(?:{_ORIGINAL.pattern}|{_FIRST_HEADER.pattern}|_{{20,}}$|[?\ufeff\s:]{{0,9}}On .{{1,300}}wrote:$|Am .{{1,200}}schrieb.{{0,80}}:$"
    r"|Le .{1,200}a écrit\s?:$)"
)
"""Where a copy can begin."""


_BEGINNERS = frozenset("-_* FVDОO发差")  # first letters of what _BEGINS matches, or it ends in a colon


def without_copies(lines: list[str], known: Container[str], marks: re.Pattern) -> list[str]:
    """The lines without a mail that was copied whole, from its headers or its attribution on.

    Where the copy's lines are marked after all (`marks`), only its headers go, and the rest is judged like any
    quotation. `known` holds the lines of the thread's earlier messages without their white space.
    """
    for start, line in enumerate(lines):
        if not line or (line[0] not in _BEGINNERS and line[-1] != ":") or len(line) > 400 or not _BEGINS.match(line):
            continue
        end = start
        if _ORIGINAL.match(line) or (start and _FIRST_HEADER.match(line)):
            end = _end_of_headers(lines, start)
        elif line.startswith("_"):
            ruled = start + 1 < len(lines) and _FIRST_HEADER.match(lines[start + 1])
            end = _end_of_headers(lines, start + 1) if ruled else start
            end = start if end == start + 1 else end
        elif _is_copied(line, lines[start + 1 : start + 41], known, marks):
            end = start + 1
        if end > start:
            while end < len(lines) and not lines[end]:
                end += 1
            return lines[:start] + (lines[end:] if end < len(lines) and marks.match(lines[end]) else [])
    return lines


def _end_of_headers(lines: list[str], start: int) -> int:
    """Index behind a copied mail's headers; `start` where these are fewer than three without a line that says so."""
    marked = bool(_ORIGINAL.match(lines[start]))
    end = start + marked
    headers = 0
    while end < len(lines) and (not headers or lines[end]):
        if _HEADER.match(lines[end]):
            headers += 1
        elif lines[end] and not (headers and lines[end][0].isspace()):
            break  # neither a header nor the continuation of one
        end += 1
    return end if marked or headers >= 3 else start


def _is_copied(attribution: str, rest: list[str], known: Container[str], marks: re.Pattern) -> bool:
    """Whether what follows an attribution is its quotation, though nothing marks it (HTML that became text)."""
    if any(marks.match(line) for line in rest[:3]):
        return False
    told = [key for line in rest if len(key := "".join(line.split())) >= 8]
    written = [line for line in rest if line]
    indented = bool(written) and all(line.startswith("    ") for line in written)  # Outlook on a Mac
    return indented or "<mailto:" in attribution or 3 * sum(key in known for key in told) > len(told)
