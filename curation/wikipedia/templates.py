"""What a wikitext template says in a sentence, for the templates that carry running text.

A wiki has a hundred thousand templates, and their source is not at hand when an article is read. Most are boxes, notes
and maintenance signs, and leave nothing behind. These few hundred names stand *inside* sentences, and a sentence
without them would be broken: `born in {{lang|de|Köln}}`, `a {{convert|10|km|mi}} walk`, `{{unité|12|m}}`.
"""

import re
from collections.abc import Callable

Positional = list[str]
Named = dict[str, str]

_NAMED = re.compile(r"\s*([\w .\-]{1,60}?)\s*=")
_NUMBER = re.compile(r"[\d.,+−/\-\u2009\xa0 ]+\Z")

_SUPERSCRIPTS = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_SUBSCRIPTS = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


def superscript(text: str) -> str:
    """Digits and signs as Unicode superscripts, so that 10<sup>6</sup> is not read as 106; words stay: 19th."""
    return text.translate(_SUPERSCRIPTS) if text and not text.strip("0123456789+-−=()n") else text


def subscript(text: str) -> str:
    """Digits and signs as Unicode subscripts (H₂O); other text stays."""
    return text.translate(_SUBSCRIPTS) if text and not text.strip("0123456789+-−=()") else text


def normal_name(name: str) -> str:
    """A template's name as the tables below write it: lower case, single spaces, without its namespace.

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


def template_text(name: str, parts: list[str]) -> str:
    """What `{{name|part|part}}` contributes to the text; "" for a template that is a box, a note or unknown."""
    key = normal_name(name)
    if ":" in key:
        return _parser_function(name.strip(), parts)
    if key in _CONSTANTS:
        return _CONSTANTS[key]
    show = _TEMPLATES.get(key)
    if show is None:
        if _LANGUAGE.match(key) or _GERMAN_LANGUAGE.match(name.strip()):
            show = _first
        elif _FRENCH_ORDINAL.match(key):
            return name.strip()
        else:
            return ""
    return show(*arguments(parts))


def _parser_function(name: str, parts: list[str]) -> str:
    """`{{lc:Word}}`, `{{formatnum:1234}}`: the argument; conditions and modules (`#if`, `#invoke`) say nothing."""
    function, _, argument = name.partition(":")
    function = function.strip().lower()
    if function == "lc":
        return argument.strip().lower()
    if function == "uc":
        return argument.strip().upper()
    return argument.strip() if function in ("formatnum", "ucfirst", "lcfirst", "nowrap") else ""


def _at(index: int) -> Callable[[Positional, Named], str]:
    """The index-th positional argument (from 0), or "" where there are fewer."""
    return lambda positional, named: positional[index] if len(positional) > index else ""


def _last(positional: Positional, named: Named) -> str:
    return positional[-1] if positional else ""


def _joined(separator: str) -> Callable[[Positional, Named], str]:
    return lambda positional, named: separator.join(filter(None, positional))


def _around(before: str, after: str) -> Callable[[Positional, Named], str]:
    """The first argument between two strings, nothing where it is empty."""
    return lambda positional, named: f"{before}{positional[0]}{after}" if positional and positional[0] else ""


_first = _at(0)


def _quote(positional: Positional, named: Named) -> str:
    for name in ("text", "quote", "content", "texte", "citation", "zitat", "texto", "testo", "cita"):
        if named.get(name):
            return f"\n\n{named[name]}\n\n"
    return f"\n\n{positional[0]}\n\n" if positional and positional[0] else ""


def _french_citation(positional: Positional, named: Named) -> str:
    """French `{{citation|words}}`; the English template of that name is a reference, and has a title."""
    return f"« {positional[0]} »" if positional and positional[0] and "title" not in named else ""


_CONVERT_JOINTS = {
    "to": " to ",
    "and": " and ",
    "or": " or ",
    "by": " by ",
    "x": " × ",
    "×": " × ",
    "-": "–",
    "–": "–",
}
_CONVERT_JOINTS |= {"to(-)": " to ", "and(-)": " and ", "+/-": " ± ", "±": " ± ", "to about": " to about "}
_UNITS = {
    "sqmi": "sq mi",
    "sqkm": "km²",
    "km2": "km²",
    "m2": "m²",
    "cm2": "cm²",
    "mm2": "mm²",
    "ft2": "sq ft",
}
_UNITS |= {
    "sqft": "sq ft",
    "m3": "m³",
    "km3": "km³",
    "cm3": "cm³",
    "ft3": "cu ft",
    "cuft": "cu ft",
    "cumi": "cu mi",
}
_UNITS |= {
    "cuin": "cu in",
    "C": "°C",
    "F": "°F",
    "K": "K",
    "C-change": "°C",
    "F-change": "°F",
    "impgal": "imp gal",
}
_UNITS |= {
    "acre": "acres",
    "mph": "mph",
    "lb": "lb",
    "USgal": "US gal",
    "/sqkm": "/km²",
    "/sqmi": "/sq mi",
    "mi2": "sq mi",
}


def _convert(positional: Positional, named: Named) -> str:
    """`{{convert|10|to|20|km|mi}}` as its input alone, "10 to 20 km": the other unit would have to be computed."""
    text = ""
    for index, part in enumerate(positional):
        if index and part in _CONVERT_JOINTS:
            text += _CONVERT_JOINTS[part]
        elif _NUMBER.match(part):
            if index and positional[index - 1] not in _CONVERT_JOINTS:
                # Feet and inches ({{convert|5|ft|10|in|m}}) go on; a second number after a unit is the rounding.
                following = positional[index + 1] if index + 1 < len(positional) else ""
                if following not in ("in", "oz", "lb", "ft", "yd", "st"):
                    break
                text += " "
            text += part
        elif text and index and _NUMBER.match(positional[index - 1]):
            text += f" {_UNITS.get(part, part)}"
            if index + 2 >= len(positional) or not _NUMBER.match(positional[index + 1]):
                break
        else:
            break
    return text


def _value(positional: Positional, named: Named) -> str:
    """`{{val|1.5|0.1|e=3|u=kg}}` as "1.5±0.1×10³ kg"."""
    text = "±".join(positional[:2])
    if named.get("e"):
        text += f"×10{superscript(named['e'])}"
    unit = named.get("u") or named.get("ul") or named.get("up") or ""
    return f"{text} {unit}".strip()


def _quantity(positional: Positional, named: Named) -> str:
    """French `{{unité|12|m|2}}` as "12 m²"."""
    parts = [superscript(part) if index > 1 else part for index, part in enumerate(positional)]
    return "".join(parts[:1]) + (" " + "".join(parts[1:3]) if len(parts) > 1 else "")


def _fraction(positional: Positional, named: Named) -> str:
    if len(positional) == 1:
        return f"1/{positional[0]}"
    return " ".join(filter(None, ["".join(positional[:-2]), "/".join(positional[-2:])]))


def _chemical(positional: Positional, named: Named) -> str:
    return "".join(subscript(part) for part in positional)


def _nihongo(positional: Positional, named: Named) -> str:
    names, rest = positional[:1], [part for part in positional[1:] if part]
    return (names[0] if names else "") + (f" ({', '.join(rest)})" if rest else "")


def _chinese(positional: Positional, named: Named) -> str:
    values = [named[name] for name in ("c", "t", "s", "p", "w", "hangul", "hanja", "rr") if named.get(name)]
    return ", ".join(dict.fromkeys(values or positional[:1]))


def _harvard(positional: Positional, named: Named) -> str:
    """`{{harvtxt|Smith|Jones|2001}}` as "Smith & Jones (2001)": it is part of the sentence, unlike its siblings."""
    return f"{' & '.join(positional[:-1])} ({positional[-1]})" if len(positional) > 1 else ""


def _link_in_other_wiki(positional: Positional, named: Named) -> str:
    return (
        named.get("lt")
        or named.get("text")
        or named.get("texte")
        or named.get("fr")
        or named.get("label")
        or _first(positional, named)
    )


def _russian_link(positional: Positional, named: Named) -> str:
    return (positional[1] if len(positional) > 1 else "") or _first(positional, named)


def _century(suffix: str) -> Callable[[Positional, Named], str]:
    return lambda positional, named: "".join(positional[:2]) + suffix if positional else ""


def _as_of(positional: Positional, named: Named) -> str:
    if named.get("alt"):
        return named["alt"]
    months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    date = [
        months[int(part) - 1] if index == 1 and part.isdecimal() and 1 <= int(part[:4]) <= 12 else part
        for index, part in enumerate(positional[:3])
    ]
    return f"{'as of' if named.get('lc') else 'As of'} {' '.join(reversed(date))}"


def _items(positional: Positional, named: Named) -> str:
    return "\n" + "\n".join(f"* {part}" for part in positional if part) + "\n"


def _url(positional: Positional, named: Named) -> str:
    return _at(1)(positional, named) or _first(positional, named)


def _table(
    *rows: tuple[Callable[[Positional, Named], str], str],
) -> dict[str, Callable[[Positional, Named], str]]:
    """Rows of (what to show, names separated by "|") as a dictionary by name."""
    return {name: show for show, names in rows for name in names.split("|")}


_LANGUAGE = re.compile(r"(?:lang|langx|link|ill)-[a-z]{2,3}(?:-[a-z]+)*\Z")
_GERMAN_LANGUAGE = re.compile(r"[a-z]{2,3}S\Z")
_FRENCH_ORDINAL = re.compile(r"(?:-?[ivx]+e (?:siècle|millénaire)|[ivx]+e|i?er|ire|\d+er [a-zûé]+)(?: s)?\Z")

_CONSTANTS = {
    "mdash": "—",
    "em dash": "—",
    "ndash": "–",
    "en dash": "–",
    "snd": " – ",
    "spnd": " – ",
    "sndash": " – ",
}
_CONSTANTS |= {
    "spaced ndash": " – ",
    "spaced en dash": " – ",
    "smd": " — ",
    "spaced mdash": " — ",
    "!": "|",
    "=": "=",
}
_CONSTANTS |= {
    "'": "'",
    "-'": "'",
    "'s": "'s",
    "·": " · ",
    "•": " • ",
    "dot": " · ",
    "bull": " • ",
    "\\": " / ",
    "nbsp": " ",
}
_CONSTANTS |= {
    "spaces": " ",
    "space": " ",
    "esd": " ",
    ",": ", ",
    "pipe": "|",
    "(": "{",
    ")": "}",
    "((": "",
    "))": "",
}
_CONSTANTS |= {
    "bracket": "[",
    "!(": "[",
    ")!": "]",
    "asterisk": "*",
    "hash": "#",
    "zwj": "",
    "zwnj": "\u200c",
    "ellipsis": "...",
}
_CONSTANTS |= {
    "av. j.-c.": "av. J.-C.",
    "av jc": "av. J.-C.",
    "ap. j.-c.": "apr. J.-C.",
    "ca": "ca.",
    "°c": "°C",
    "c": "c.",
    "&": "&",
}
_CONSTANTS |= {
    "p.": "p.",
    "n°": "n°",
    "nº": "nº",
    "euro": "€",
    "ier": "Ier",
    "ire": "Ire",
    "1er": "1er",
    "pi": "π",
    "hyphen": "-",
    "br": "\n",
}

_TEMPLATES = _table(
    (
        _first,
        "nowrap|nobr|nobreak|no wrap|nbr|nowr|small|smaller|big|bigger|large|larger|resize|nobold|noitalic",
    ),
    (
        _first,
        "abbr|abbrv|abbreviation|tooltip|abréviation|аббр|sic|not a typo|proper name|em|strong|underline|smallcaps",
    ),
    (
        _first,
        "sc|smcp|allcaps|petites capitales|pc|mvar|math|var|bigmath|texhtml|mono|code|tt|codett|kbd|samp|key|pre",
    ),
    (
        _first,
        "script/hebrew|script/arabic|script/greek|script/cyrillic|rtl-para|polytonic|grc|iast|unicode|num|formatnum",
    ),
    (
        _first,
        "nombre|число|nts|number table sorting|dts|date table sorting|gaps|visible anchor|vanchor|chem2|ce|plain text",
    ),
    (
        _first,
        "flag|flagu|flagcountry|flag country|drapeau2|仮リンク|center|align|ruby|smn|date rapide|own|hangul|kanji|font",
    ),
    (
        _first,
        "fmtn|currency|latin|chiarire|ta|nihongo2|zh-hans|zh-hant|ipablink|link-interwiki|internal link helper|tsl|no self link|poem|larger text",
    ),
    (_at(1), "lang|langx|langue|language|color|colour|font color|text color|sort|цвет|rtl-lang|wikt-lang"),
    (_last, "transl|transliteration|xlit"),
    (_convert, "convert|cvt|conversie|конвертировать|تحويل وحدة"),
    (_value, "val|m"),
    (_quantity, "unité|unite|nb|unidad|tmp"),
    (_fraction, "frac|fraction|sfrac"),
    (_chemical, "chem"),
    (_around("⟨", "⟩"), "angbr|angle bracket|grapheme"),
    (_around("“", "”"), '"|qq'),
    (_around("« ", " »"), "guil|guillemets|cita"),
    (_around("– ", " –"), "incise|tiret"),
    (_around("c. ", ""), "circa|c."),
    (_around("fl. ", ""), "floruit|fl."),
    (_around("r. ", ""), "reign|r."),
    (_around("√", ""), "sqrt|radic"),
    (_around("|", "|"), "abs"),
    (_around("£", ""), "gbp|£|pound sterling"),
    (_around("€", ""), "eur|€"),
    (_around("¥", ""), "jpy|¥"),
    (_around("US$", ""), "usd|us$"),
    (lambda positional, named: superscript(_first(positional, named)), "sup|exp|exposant"),
    (lambda positional, named: subscript(_first(positional, named)), "sub|ind"),
    (lambda positional, named: f"×10{superscript(positional[0])}" if positional else "", "e|esp"),
    (
        _quote,
        "quote|blockquote|cquote|quotation|rquote|centered pull quote|pull quote|zitat|citation bloc|début citation",
    ),
    (_quote, "цитата|citazione|citat|cytat|poemquote|poem quote|verse translation|인용문"),
    (_french_citation, "citation"),
    (_nihongo, "nihongo|nihongo4|jpn"),
    (_chinese, "zh|lang-zh|korean"),
    (_joined(""), "linktext|lt"),
    (_joined("+"), "key press|keypress"),
    (_joined(" "), "date|date-|start date|end date|fecha|jour|date de naissance|date de décès"),
    (_joined(", "), "hlist|cslist|comma separated entries"),
    (_items, "plainlist|plain list|ubl|unbulleted list|ublist|bulleted list|flatlist"),
    (_joined(" h "), "heure"),
    (_harvard, "harvtxt|harvcoltxt|harvard citation text"),
    (_link_in_other_wiki, "ill|illm|interlanguage link|interlanguage link multi|lien|red link|w"),
    (
        _russian_link,
        "нп|нп2|нп3|нп4|нп5|не переведено|не переведено 2|не переведено 3|не переведено 5|iw|не перекладено",
    ),
    (_century(" siècle"), "s"),
    (_century(""), "s-|-s|-s-|sp-"),
    (_around("século ", ""), "séc"),
    (_around("USS ", ""), "uss"),
    (_around("HMS ", ""), "hms"),
    (_around("SS ", ""), "ss"),
    (_around("MV ", ""), "mv"),
    (_as_of, "as of"),
    (_url, "url"),
)
