"""What a wikitext template says in a sentence, for the templates that carry running text.

A wiki has a hundred thousand templates, and their source is not at hand when an article is read. Most are boxes, notes
and maintenance signs, and leave nothing behind. Those of `templates.json` stand *inside* sentences, and a sentence
without them would be broken: `born in {{lang|de|Köln}}`, `a {{convert|10|km|mi}} walk`, `{{unité|12|m}}`. For one that
is not known there, `guess` gives the words that it most likely shows; whether it stands in a sentence the caller sees.
"""

import re
from functools import cache, partial

from gristmill.curation.wikipedia import shown
from gristmill.curation.wikipedia.names import names, template_tables
from gristmill.curation.wikipedia.shown import Named, Positional, Show

_NAMED = re.compile(r"\s*+([\w.\-][\w .\-]{0,59}?)\s*+=")
_LANGUAGE = re.compile(r"(?:lang|langx|link|ill|vol|to|zh)-[a-z]{2,3}(?:-[a-z]+)*\Z")
_IN_A_LANGUAGE = re.compile(r"(?:به [^\W\d_]+|بال[^\W\d_]+)\Z")  # Persian and Arabic "in German"
_GERMAN_LANGUAGE = re.compile(r"[a-z]{2,3}S\Z")
_FRENCH_ORDINAL = re.compile(
    r"(?:(?:-?[ivx]+e|ier) (?:siècle|millénaire)|[ivx]+e|\d+e|i?er|ire|\d+er [a-zûé]+)"
    r"( s| av\. j\.-c\.| avant j\.-c\.)?\Z"
)
_SOUNDS = ("ipa", "api", "afi", "мфа", "ipa2", "ipablink", "ipaslink", "ipa link", "ipaalink")
_SILENT = re.compile(r"(?:ipa|cite|cita|citar|ref|sfn|harv|efn|flag|infobox|navbox|commons|wiki|portal|stub|audio)")
_NOT_WORDS = re.compile(
    r"https?:|//|\.(?:jpe?g|png|svg|gif|ogg|oga|webm|pdf)\b|[\x01=#{}<>\n]|\A[/\[]|\A[A-Z]{2,3}\Z", re.IGNORECASE
)
_LETTER = re.compile(r"[^\W\d_]")
_COMPUTED = ("#expr", "#ifexpr", "#switch", "#property", "#statements", "#invoke", "#time", "formatnum", "plural")
_DATA = re.compile(r"popula|einwohner|metadat|obyvatel|habitant|inwoner|inflation|abitanti|населени|人口|인구")
"""Their argument names a row of a table that only the wiki has."""
_GUESS_CHARACTERS = 120
_GUESS_ARGUMENTS = 3


def normal_name(name: str) -> str:
    """A template's name as `templates.json` writes it: lower case, single spaces, without its namespace.

    >>> normal_name(" Template:As_of\\n")
    'as of'
    """
    name = " ".join(name.replace("_", " ").split()).lower()
    return name.removeprefix("template:")


def arguments(parts: list[str]) -> tuple[Positional, Named]:
    """The arguments of a call as (positional, named by lower-case name), all stripped; `2=x` is positional."""
    positional: Positional = []
    named: Named = {}
    for part in parts:
        match = _NAMED.match(part)
        if not match:
            positional.append(part.strip())
        elif match[1].isdecimal() and 1 <= int(match[1][:3]) <= 20:
            index = int(match[1][:3])
            positional.extend([""] * (index - len(positional)))
            positional[index - 1] = part[match.end() :].strip()
        else:
            named[match[1].lower()] = part[match.end() :].strip()
    return positional, named


def template_text(name: str, parts: list[str]) -> str | None:
    """What `{{name|part|part}}` contributes to the text: "" for a box or a note, None for a template not known."""
    key = normal_name(name)
    if ":" in key:
        return _parser_function(name.strip(), parts)
    constants = template_tables()["constants"]
    show = _shows().get(key)
    if key in constants and not (parts and show):
        return constants[key]
    if show is None:
        if _LANGUAGE.match(key) or _GERMAN_LANGUAGE.match(name.strip()):
            show = shown.first
        elif _IN_A_LANGUAGE.match(key):
            return _between(f"({key}: ", ")", *arguments(parts))
        elif _FRENCH_ORDINAL.match(key):
            return name.strip()
        else:
            return "" if key not in _SOUNDS and (_SILENT.match(key) or key in _silent()) else None
    return show(*arguments(parts))


def guess(name: str, parts: list[str], in_brackets: bool = False) -> str:
    """The words that an unknown template in the middle of a sentence most likely shows; "" if it looks like none.

    A wrapper around words has few arguments and no names; what it takes besides is a language or a tooltip. Sounds
    are what a sentence speaks of ("a letter for {{IPA|/a/}}"), but in brackets they tell how a name is pronounced.
    """
    if normal_name(name) in _SOUNDS:
        return "" if in_brackets or not parts else shown.first(*arguments(parts))
    if not parts or len(parts) > _GUESS_ARGUMENTS or _DATA.search(normal_name(name)):
        return ""
    positional, named = arguments(parts)
    if named:
        return shown.second(positional, named) if len(named) == 1 else ""
    if len(positional) > 1 and positional[0].lower() in _languages():
        positional = positional[1:]
    text = positional[0]
    if len(text) > _GUESS_CHARACTERS or not _LETTER.search(text) or _NOT_WORDS.search(text):
        return ""
    return text


def carries_words(name: str, parts: list[str]) -> bool:
    """Whether a call that gave nothing stands for a number or a word all the same: one that only the wiki knows.

    An unknown template does, a computation, and a known one around such; boxes, notes and signs do not.
    """
    key = normal_name(name)
    if ":" in key:
        return key.partition(":")[0] in _COMPUTED
    known = key in template_tables()["constants"] or key in _silent() or _SILENT.match(key) or key in _SOUNDS
    return not known and (key not in _shows() or any("\x01" in part for part in parts))


def _parser_function(name: str, parts: list[str]) -> str:
    """`{{lc:Word}}`, `{{formatnum:1234}}`: the argument; conditions and modules (`#if`, `#invoke`) say nothing."""
    function, _, argument = name.partition(":")
    function = function.strip().lower()
    if function == "lc":
        return argument.strip().lower()
    if function == "uc":
        return argument.strip().upper()
    return argument.strip() if function in ("formatnum", "ucfirst", "lcfirst", "nowrap") else ""


@cache
def _shows() -> dict[str, Show]:
    """What each known template shows, by its name."""
    tables = template_tables()
    found = {name: getattr(shown, show) for show, known in tables["shown"].items() for name in known}
    for before, after, known in tables["between"]:
        found |= dict.fromkeys(known, partial(_between, before, after))
    return found


def _between(before: str, after: str, positional: Positional, named: Named) -> str:
    """The first argument between two strings, nothing where it is empty."""
    return f"{before}{positional[0]}{after}" if positional and positional[0] else ""


@cache
def _silent() -> frozenset[str]:
    return frozenset(template_tables()["silent"])


@cache
def _languages() -> frozenset[str]:
    return frozenset(names("interlanguage"))
