"""docs/presets.md shows the presets as they are."""

from gristmill.curation.preset_table import SOURCES, refreshed
from gristmill.curation.presets import PRESETS
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "presets.md").read_text("utf-8")


def test_the_tables_are_those_of_the_presets():
    """If not: python -m gristmill.curation.preset_table docs/presets.md"""
    assert refreshed(PAGE) == PAGE


def test_every_preset_has_a_source_and_every_rule_a_row():
    assert set(SOURCES) == set(PRESETS)
    for name, ruleset in PRESETS.items():
        assert f"### {name}\n" in PAGE
        assert all(f"| `{rule.label}` | `{rule.feature}` |" in PAGE for rule in ruleset.rules)


def test_the_threshold_of_the_first_rule_of_gopher_is_shown_with_its_comparison():
    assert "| `gopher.min_words` | `num_words` | >= 50 |" in PAGE
    assert "| `fineweb2.min_line_punct` | `line_punct_frac` | >= 0.12; by language: `line_punct` |" in PAGE
    assert (
        "| `opt_outs.training` | `meta.opt_outs` | not in [noai, noml, tdm-reservation, applebot-extended:noai," in PAGE
    )
