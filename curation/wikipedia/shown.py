"""What single templates show, from their arguments: dates, units, fractions, names in two scripts, quotations.

A function takes the positional and the named arguments of a call and returns words; `templates.json` says which
templates it is for, under its name.
"""

import re
from collections.abc import Callable

from gristmill.curation.wikipedia.names import template_tables

Positional = list[str]
Named = dict[str, str]
Show = Callable[[Positional, Named], str]

_NUMBER = re.compile(r"[\d.,+−/\-\u2009\xa0 ]+(?:e[+-]?\d+)?\Z")
_ROMAN = re.compile(r"[IVXLC]+\Z")
_SUPERSCRIPTS = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_SUBSCRIPTS = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_TEXT_NAMES = ("text", "texte", "quote", "content", "contenu", "citation", "zitat", "texto", "testo", "cita", "tekst")


def to_superscript(text: str) -> str:
    """Digits and signs as Unicode superscripts, so that 10<sup>6</sup> is not read as 106; words stay: 19th."""
    return text.translate(_SUPERSCRIPTS) if text and not text.strip("0123456789+-−=()n") else text


def to_subscript(text: str) -> str:
    """Digits and signs as Unicode subscripts (H₂O); other text stays."""
    return text.translate(_SUBSCRIPTS) if text and not text.strip("0123456789+-−=()") else text


def _at(positional: Positional, index: int) -> str:
    return positional[index] if len(positional) > index else ""


def _named_text(named: Named) -> str:
    return next((named[name] for name in _TEXT_NAMES if named.get(name)), "")


def first(positional: Positional, named: Named) -> str:
    """`{{nowrap|words}}`."""
    return _at(positional, 0) or _named_text(named)


def second(positional: Positional, named: Named) -> str:
    """`{{lang|de|Dom}}`, French `{{langue|de|texte=Dom}}`."""
    return _at(positional, 1) or _named_text(named)


def second_or_first(positional: Positional, named: Named) -> str:
    """`{{url|address|label}}`."""
    return _at(positional, 1) or _at(positional, 0)


def third_or_second(positional: Positional, named: Named) -> str:
    """`{{tsl|en|target|label}}`."""
    return _at(positional, 2) or _at(positional, 1)


def third_or_first(positional: Positional, named: Named) -> str:
    """`{{le|target|foreign target|label}}`."""
    return _at(positional, 2) or _at(positional, 0)


def last(positional: Positional, named: Named) -> str:
    """`{{transl|ar|DIN|words}}`."""
    return positional[-1] if positional else ""


def quote(positional: Positional, named: Named) -> str:
    """A paragraph of its own."""
    text = _named_text(named) or _at(positional, 0)
    return f"\n\n{text}\n\n" if text else ""


def block(positional: Positional, named: Named) -> str:
    """A box around text: its longest argument, which holds lines of its own."""
    text = max([*positional, _named_text(named)], key=len, default="")
    return f"\n\n{text}\n\n" if text else ""


def french_citation(positional: Positional, named: Named) -> str:
    """French `{{citation|words}}`; the English template of that name is a reference, and has a title."""
    return f"« {positional[0]} »" if positional and positional[0] and "title" not in named else ""


def convert(positional: Positional, named: Named) -> str:
    """`{{convert|10|to|20|km|mi}}` as its input alone, "10 to 20 km": the other unit would have to be computed."""
    joints, units = template_tables()["joints"], template_tables()["units"]
    text = ""
    for index, part in enumerate(positional):
        following = _at(positional, index + 1)
        if index and part in joints:
            text += joints[part]
        elif _NUMBER.match(part):
            if index and positional[index - 1] not in joints:
                # Feet and inches ({{convert|5|ft|10|in|m}}) go on; a second number after a unit is the rounding.
                if following not in ("in", "oz", "lb", "ft", "yd", "st"):
                    break
                text += " "
            text += _scientific(part)
        elif text and index and _NUMBER.match(positional[index - 1]):
            text += f" {units.get(part, part)}"
            if index + 2 >= len(positional) or not _NUMBER.match(following):
                break
        else:
            break
    return text


def _scientific(number: str) -> str:
    """4.5e6 as 4.5×10⁶."""
    mantissa, e, exponent = number.partition("e")
    return f"{mantissa}×10{to_superscript(exponent.removeprefix('+'))}" if e else number


def value(positional: Positional, named: Named) -> str:
    """`{{val|1.5|0.1|e=3|u=kg}}` as "1.5±0.1×10³ kg"."""
    text = "±".join(positional[:2])
    if named.get("e"):
        text += f"×10{to_superscript(named['e'])}"
    unit = named.get("u") or named.get("ul") or named.get("up") or ""
    return f"{text} {unit}".strip()


def quantity(positional: Positional, named: Named) -> str:
    """French `{{unité|12|m|2}}` as "12 m²", German `{{Höhe|115|DE-NHN}}` as "115 m"."""
    if len(positional) > 1 and re.match(r"[A-Z]{2}-", positional[1]):
        return f"{positional[0]} m"
    parts = [to_superscript(part) if index > 1 else part for index, part in enumerate(positional)]
    return "".join(parts[:1]) + (" " + "".join(parts[1:3]) if len(parts) > 1 else "")


def fraction(positional: Positional, named: Named) -> str:
    """`{{frac|1|1|2}}` as "1 1/2"."""
    if len(positional) == 1:
        return f"1/{positional[0]}"
    return " ".join(filter(None, ["".join(positional[:-2]), "/".join(positional[-2:])]))


def chemical(positional: Positional, named: Named) -> str:
    """`{{chem|H|2|O}}` as "H₂O"."""
    return "".join(to_subscript(part) for part in positional)


def isotope(positional: Positional, named: Named) -> str:
    """`{{simplenuclide|uranium|235}}` as "uranium-235"."""
    return "-".join(filter(None, positional[:2]))


def superscript(positional: Positional, named: Named) -> str:
    """`{{sup|2}}` as "²"."""
    return to_superscript(_at(positional, 0))


def subscript(positional: Positional, named: Named) -> str:
    """`{{sub|2}}` as "₂"."""
    return to_subscript(_at(positional, 0))


def power(positional: Positional, named: Named) -> str:
    """`{{e|6}}` as "×10⁶"."""
    return f"×10{to_superscript(positional[0])}" if positional else ""


def nihongo(positional: Positional, named: Named) -> str:
    """`{{nihongo|Kyoto|京都|Kyōto}}` as "Kyoto (京都, Kyōto)"."""
    names, rest = positional[:1], [part for part in positional[1:] if part]
    return (names[0] if names else "") + (f" ({', '.join(rest)})" if rest else "")


def chinese(positional: Positional, named: Named) -> str:
    """`{{zh|c=中国|p=Zhōngguó}}` as "中国, Zhōngguó"."""
    values = [named[name] for name in ("c", "t", "s", "p", "w", "hangul", "hanja", "rr") if named.get(name)]
    return ", ".join(dict.fromkeys(values or positional[:1]))


def harvard(positional: Positional, named: Named) -> str:
    """`{{harvtxt|Smith|Jones|2001}}` as "Smith & Jones (2001)": it is part of the sentence, unlike its siblings."""
    return f"{' & '.join(positional[:-1])} ({positional[-1]})" if len(positional) > 1 else ""


def foreign_link(positional: Positional, named: Named) -> str:
    """A link to an article that only another wiki has: its label, else its title."""
    labels = (named.get(name) for name in ("lt", "text", "texte", "fr", "label", "display", "עברית", "عر"))
    return next(filter(None, labels), "") or _at(positional, 0)


def century(positional: Positional, named: Named) -> str:
    """French `{{s|XIX|e}}` and `{{s|XIX}}` as "XIXe siècle"; Russian `{{s|words}}` only keeps them on a line."""
    if not positional or not _ROMAN.match(positional[0].upper()):
        return _at(positional, 0)
    ending = _at(positional, 1) or ("er" if positional[0].upper() == "I" else "e")
    return f"{positional[0]}{ending} siècle"


def as_of(positional: Positional, named: Named) -> str:
    """`{{as of|2016|4}}` as "As of April 2016"."""
    if named.get("alt"):
        return named["alt"]
    return f"{'as of' if named.get('lc') else 'As of'} {_date(positional, day_first=True)}"


def dated(positional: Positional, named: Named) -> str:
    """`{{birth date and age|1809|2|12}}` as "February 12, 1809"; with df=y as "12 February 1809"."""
    return _date(positional, named.get("df", "").startswith("y"))


def _date(positional: Positional, day_first: bool) -> str:
    year, month, day = (_at(positional, index) for index in range(3))
    if month.isdecimal() and 1 <= int(month[:4]) <= 12:
        month = template_tables()["months"][int(month) - 1]
    if not day or day_first:
        return " ".join(filter(None, (day, month, year)))
    return f"{month} {day}, {year}"


def life(positional: Positional, named: Named) -> str:
    """Chinese `{{bd|1879年|3月14日|1955年|4月18日}}` as "1879年3月14日－1955年4月18日"."""
    return "－".join(filter(None, ("".join(positional[:2]), "".join(positional[2:4]))))


def items(positional: Positional, named: Named) -> str:
    """A list, an item a line; `{{plainlist|}}` holds the marks of a list itself."""
    if len(positional) == 1 and positional[0].startswith("*"):
        return f"\n{positional[0]}\n"
    return "\n" + "\n".join(f"* {part}" for part in positional if part) + "\n"


def joined(positional: Positional, named: Named) -> str:
    """The arguments without anything between them."""
    return "".join(positional)


def words(positional: Positional, named: Named) -> str:
    """The arguments as words: French `{{date|1|janvier|1900}}`."""
    return " ".join(filter(None, positional))


def commas(positional: Positional, named: Named) -> str:
    """The arguments as a list in a sentence."""
    return ", ".join(filter(None, positional))


def hours(positional: Positional, named: Named) -> str:
    """French `{{heure|12|30}}` as "12 h 30"."""
    return " h ".join(filter(None, positional))


def plus(positional: Positional, named: Named) -> str:
    """`{{key press|Ctrl|C}}` as "Ctrl+C"."""
    return "+".join(filter(None, positional))


def linktext(positional: Positional, named: Named) -> str:
    """`{{linktext|中|国}}`: one word, each part a link."""
    return "".join(positional)
