r"""Numbers with units as the package siunitx writes them: `\SI{10}{\kilo\meter}` is "10 km"."""

import re

from gristmill.curation.markup import superscript

ARGUMENTS = {
    "SI": 2, "qty": 2, "SIrange": 3, "qtyrange": 3, "SIlist": 2, "qtylist": 2, "num": 1, "numrange": 2, "numlist": 1,
    "si": 1, "unit": 1, "ang": 1,
}  # fmt: skip
"""The package's commands -> how many arguments they have."""

_PREFIXES = {
    "yocto": "y", "zepto": "z", "atto": "a", "femto": "f", "pico": "p", "nano": "n", "micro": "µ", "milli": "m",
    "centi": "c", "deci": "d", "deca": "da", "hecto": "h", "kilo": "k", "mega": "M", "giga": "G", "tera": "T",
    "peta": "P", "exa": "E", "zetta": "Z", "yotta": "Y", "kibi": "Ki", "mebi": "Mi", "gibi": "Gi", "tebi": "Ti",
}  # fmt: skip
_UNITS = {
    "ampere": "A", "candela": "cd", "kelvin": "K", "kilogram": "kg", "gram": "g", "meter": "m", "metre": "m",
    "mole": "mol", "second": "s", "becquerel": "Bq", "celsius": "°C", "degreeCelsius": "°C", "coulomb": "C",
    "farad": "F", "gray": "Gy", "hertz": "Hz", "henry": "H", "joule": "J", "katal": "kat", "lumen": "lm", "lux": "lx",
    "newton": "N", "ohm": "Ω", "pascal": "Pa", "radian": "rad", "siemens": "S", "sievert": "Sv", "steradian": "sr",
    "tesla": "T", "volt": "V", "watt": "W", "weber": "Wb", "day": "d", "hour": "h", "minute": "min", "degree": "°",
    "arcminute": "′", "arcsecond": "″", "hectare": "ha", "liter": "L", "litre": "L", "tonne": "t", "bar": "bar",
    "angstrom": "Å", "electronvolt": "eV", "dalton": "Da", "decibel": "dB", "percent": "%", "bit": "bit", "byte": "B",
    "astronomicalunit": "au", "barn": "b", "neper": "Np", "bel": "B", "mmHg": "mmHg", "parsec": "pc",
}  # fmt: skip
_POWERS = {"square": "2", "cubic": "3"}  # before the unit
_RAISED = {"squared": "2", "cubed": "3"}  # after it
_PART = re.compile(
    r"\\([A-Za-z]+)\s*(?:\{\s*([^{}]{0,20})\s*\})?|\^\s*\{?([-+]?\d{1,4})\}?|([.~]|\\[,;:!])|([^\\^.~{}\s]+)"
)
_EXPONENT = re.compile(r"^([-+\d.,]*)[eEdD]([-+]?\d{1,4})$")


def quantity(command: str, arguments: list[str]) -> str:
    """What one of the package's commands prints."""
    if command == "ang":
        return "".join(
            f"{part.strip()}{sign}" for part, sign in zip(arguments[0].split(";"), "°′″", strict=False) if part.strip()
        )
    if command in ("si", "unit"):
        return unit(arguments[0])
    numbers = arguments if command == "numrange" else arguments[: max(1, len(arguments) - 1)]
    if command.endswith("list"):
        numbers = arguments[0].split(";")
    between = "–" if command.endswith("range") else ", "
    printed = between.join(map(number, numbers))
    if len(arguments) < 2 or command == "numrange":
        return printed
    sign = unit(arguments[-1])
    return f"{printed}{sign}" if sign in ("°", "′", "″", "%") else f"{printed} {sign}".rstrip()


def number(text: str) -> str:
    """A number with its exponent raised: `2.5e-3` is 2.5×10⁻³."""
    text = re.sub(r"\\pm\s*|\+-", "±", "".join(text.split())).replace("x", "×").replace("\\times", "×")
    match = _EXPONENT.match(text)
    if match is None:
        return text
    power = f"10{superscript(match[2].removeprefix('+'))}"
    return f"{match[1]}×{power}" if match[1] else power


def unit(text: str) -> str:
    r"""A unit in signs: `\kilo\meter\per\second\squared` is km/s²."""
    parts: list[str] = []
    prefix = power = ""
    divided = False
    for match in _PART.finditer(text):
        name, argument, exponent, _, literal = match.groups()
        raised = exponent or _RAISED.get(name or "", "") or (argument if name == "tothe" else "")
        if raised and parts:
            parts[-1] += superscript(raised)
        elif name == "per":
            divided = True
        elif name in _PREFIXES:
            prefix = _PREFIXES[name]
        elif name in _POWERS or name == "raiseto":
            power = _POWERS.get(name, argument or "")
        elif name is not None or literal:
            sign = _UNITS.get(name, name) if name else literal
            separator = "/" if divided else " " if parts and not sign.startswith("/") else ""
            separator = separator if parts or divided else ""
            parts.append(separator + prefix + sign + (superscript(power) if power else ""))
            prefix, power, divided = "", "", False
    return "".join(parts) + prefix
