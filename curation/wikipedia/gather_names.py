"""Names that MediaWiki writes in the language of each wiki, gathered from its own sources into `names.json`.

    python -m gristmill.curation.wikipedia.gather_names MEDIAWIKI DBPEDIA

MEDIAWIKI is a checkout of MediaWiki (its `languages/messages/Messages*.php` hold namespaces, redirects, magic words and
the options of images in each language), DBPEDIA one of DBpedia's extraction framework (what each wiki's page
`MediaWiki:Disambiguationspage` links to). Names are facts about the wikis; none is ever taken away by a new run, since
old dumps keep old names. Made from MediaWiki 1.39.
"""

import html
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = Path(__file__).with_name("names.json")

_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_COMMENT = re.compile(r"/\*.*?\*/|(?m:^\s*(?:#|//).*$)", re.DOTALL)
_ENTRY = re.compile(r"'(\w+)'\s*=>\s*(?:\[|array\()((?:\s*(?:\d+|'(?:[^'\\]|\\.)*'|\"[^\"]*\")\s*,?)*)\s*[\])]")
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"[^\"]*\""
_SPACE = re.compile(rf"^\s*(NS_\w+)\s*=>\s*({_QUOTED})", re.MULTILINE)
_ALIAS = re.compile(rf"^\s*({_QUOTED})\s*=>\s*(NS_\w+)", re.MULTILINE)
_FILES = ("NS_FILE", "NS_IMAGE")
_HIDDEN = (*_FILES, "NS_CATEGORY", "NS_MEDIA")
_SWITCHES = re.compile(r"__[^\s\[\]|{}'\"]+__\Z")
_TEMPLATE_LINK = re.compile(r'<pl ns="10"[^>]*>[^:<]*:([^<]+)</pl>')
_SET_INDEXES = (
    "sia",
    "mountainindex",
    "shipindex",
    "surname",
    "given name",
    "na broadcast list",
    "fish-dab",
)  # articles
_BY_VARIABLE = re.compile(r"def (\w+)_disambiguations = Set\(([^)\n]*(?:\([^)\n]*\)[^)\n]*)*)\)")
_BY_KEY = re.compile(r'"([\w-]+)" -> Set\(([^)]*)\)')


def gathered(mediawiki: Path, known: dict[str, list[str]]) -> dict[str, list[str]]:
    """Lists by kind: the names known already, then what MediaWiki's languages add, in order of file."""
    found: dict[str, dict[str, None]] = {kind: dict.fromkeys(names) for kind, names in known.items()}
    for path in sorted((mediawiki / "languages" / "messages").glob("Messages*.php")):
        for kind, name in _of_language(_COMMENT.sub("", path.read_text("utf-8"))):
            found.setdefault(kind, {}).setdefault(name)
    return {kind: list(names) for kind, names in found.items()}


def _of_language(source: str) -> Iterator[tuple[str, str]]:
    spaces = [(space, name) for space, name in _SPACE.findall(source)]
    spaces += [(space, name) for name, space in _ALIAS.findall(source)]
    for space, name in spaces:
        if space in _HIDDEN and "$" not in name and len(name) > 3:  # with its quotes
            written = name[1:-1].replace("_", " ").replace("\\", "")
            yield "hidden_namespaces", written
            if space in _FILES:
                yield "file_namespaces", written
    for key, values in _ENTRY.findall(source):
        for single, double in _STRING.findall(values):
            value = (single or double).replace("\\'", "'")
            if key == "redirect" and value.startswith("#"):
                yield "redirects", value[1:].strip().rstrip(":").lower()
            elif _SWITCHES.match(value):
                yield "switches", value[2:-2].lower()
            elif key.startswith("img_") and value not in "01":
                yield "image_options", value.lower()


def disambiguation(dbpedia: Path, known: dict[str, list[str]]) -> dict[str, list[str]]:
    """Templates of disambiguation pages by language; those under "" are looked for in every wiki.

    English names are borrowed everywhere. What English Wikipedia calls set indexes (of surnames, of ships) are articles.
    """
    main = dbpedia / "core" / "src" / "main"
    found: dict[str, dict[str, None]] = {}
    for path in sorted((main / "settings").glob("*wiki-disambiguation-templates.xml")):
        for name in _TEMPLATE_LINK.findall(path.read_text("utf-8")):
            found.setdefault(path.name.split("wiki-")[0], {}).setdefault(_template_name(name))
    for file, pattern in (("Disambiguation", _BY_VARIABLE), ("CuratedDisambiguation", _BY_KEY)):
        for language, names in pattern.findall(next(main.rglob(f"wikipedia/{file}.scala")).read_text("utf-8")):
            for name in re.findall(r'"([^":]+)"', names):
                found.setdefault(language.replace("_", "-"), {}).setdefault(_template_name(name))
    local = {name for names in found.values() for name in names}
    everywhere = [*found.pop("en"), *(name for name in known[""] if name not in local)]
    everywhere = [name for name in everywhere if name not in _SET_INDEXES]
    merged = {"": everywhere} | {language: [*names] for language, names in sorted(found.items())}
    for language, names in known.items():
        merged[language] = list(dict.fromkeys([*merged.get(language, []), *(names if language else ())]))
    return {language: [n for n in names if not language or n not in everywhere] for language, names in merged.items()}


def _template_name(name: str) -> str:
    return " ".join(html.unescape(name).replace("_", " ").split()).lower()


def _rows(names: list[str], indent: str) -> str:
    rows = [""]
    for name in names:
        item = json.dumps(name, ensure_ascii=False) + ", "
        if len(rows[-1]) + len(item) > 140:
            rows.append("")
        rows[-1] += item
    return "[\n" + "\n".join(f"{indent}  {row.rstrip()}" for row in rows).rstrip(",") + f"\n{indent}]"


def main() -> None:
    """Rewrite `names.json`."""
    known = json.loads(NAMES.read_text("utf-8"))
    pages = disambiguation(Path(sys.argv[2]), known.pop("disambiguation"))
    entries = [f'  "{kind}": {_rows(names, "  ")}' for kind, names in gathered(Path(sys.argv[1]), known).items()]
    by_language = [f'    "{language}": {_rows(names, "    ")}' for language, names in pages.items() if names]
    entries.append('  "disambiguation": {\n' + ",\n".join(by_language) + "\n  }")
    NAMES.write_text("{\n" + ",\n".join(entries) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
