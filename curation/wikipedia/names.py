"""The lists of this folder: `names.json`, what MediaWiki writes in the language of each wiki (gathered by `gather_names`),
and `templates.json`, which templates carry words."""

import json
import re
from functools import cache
from importlib.resources import files

_SHORT = re.compile(r"[ -~]{1,5}\Z")
_NAME_ARTICLES = ("surname", "given name", "фамилия", "efternamn", "förnamn", "etternavn", "priimek", "patronyme")


@cache
def _lists() -> dict:
    return _json("names.json")


@cache
def template_tables() -> dict:
    """`templates.json`: by function of `shown` the templates it is for, those that say nothing, constants, units."""
    return _json("templates.json")


def _json(name: str) -> dict:
    return json.loads(files("gristmill.curation.wikipedia").joinpath(name).read_text("utf-8"))


def names(kind: str) -> tuple[str, ...]:
    """A list of names of all languages: such as `redirects` or `switches`."""
    return tuple(_lists()[kind])


@cache
def disambiguation_templates(languages: tuple[str, ...]) -> frozenset[str]:
    """Lower-case names of the templates that make a page a disambiguation page in a wiki of these languages.

    Names of other languages count as well, since small wikis borrow them, but for those that are short ({{dp}}) or
    stand on articles about a name elsewhere. A wiki of unknown language is held to all.
    """
    return frozenset(
        name
        for code, found in _lists()["disambiguation"].items()
        for name in found
        if not code or not languages or code in languages or not (_SHORT.match(name) or name in _NAME_ARTICLES)
    )


@cache
def hidden_prefixes(namespaces: frozenset[str]) -> frozenset[str]:
    """Prefixes, in lower case, of links that show nothing: files, categories and other languages.

    `namespaces` are the names that the wiki's own dump gives.
    """
    return frozenset(name.lower() for name in (*names("hidden_namespaces"), *namespaces)) | frozenset(
        names("interlanguage")
    )


@cache
def file_prefixes() -> frozenset[str]:
    """Prefixes, in lower case, of links that show a picture, in all languages."""
    return frozenset(name.lower() for name in names("file_namespaces"))


@cache
def image_option() -> re.Pattern[str]:
    """Matches a part of a picture's link that says how it is shown (`thumb`, `300px`, `alt=...`), and is no caption."""
    options = (re.escape(name) for name in sorted(names("image_options"), key=len, reverse=True))
    written = "|".join(name.replace("=\\$1", "=.*").replace("\\$1", r"[\d.x]+") for name in options)
    return re.compile(rf"\s*(?:{written}|[\dx]+\s*px)\s*\Z", re.IGNORECASE | re.DOTALL)
