"""The page on features says what the code says."""

import os
from doctest import ELLIPSIS, DocTestParser, DocTestRunner
from pathlib import Path

from gristmill.curation.feature_table import FEATURES

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
HEADER = "| feature | type | what it is |\n|---|---|---|\n"


def table() -> str:
    rows = (f"| `{field.name}` | {field.type} | {field.metadata[b'doc'].decode()} |" for field in FEATURES)
    return HEADER + "\n".join(rows).replace("|[^", r"\|[^") + "\n"


def test_the_page_lists_every_feature_as_the_code_describes_it():
    text = PAGE.read_text(encoding="utf-8")
    before = text.partition(HEADER)[0]
    if os.environ.get("GRISTMILL_GOLDEN") == "write":
        PAGE.write_text(before + table(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == before + table()


def test_the_example_of_the_page_works():
    example = DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8").replace("```", ""), {}, "page", None, 0)
    assert example.examples
    assert DocTestRunner(optionflags=ELLIPSIS).run(example).failed == 0
