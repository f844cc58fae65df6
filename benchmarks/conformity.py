"""Rule by rule: do Gristmill and datatrove decide alike, and if not, on which documents and by how much?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.curation.features import measure
from gristmill.curation.presets import PRESETS
from gristmill.curation.rules import OPERATORS, Rule

_REASONS = {
    "min_words": "gopher_short_doc",
    "max_words": "gopher_long_doc",
    "min_mean_word_length": "gopher_below_avg_threshold",
    "max_mean_word_length": "gopher_above_avg_threshold",
    "max_hash_ratio": "gopher_too_many_hashes",
    "max_ellipsis_ratio": "gopher_too_many_ellipsis",
    "max_bullet_lines": "gopher_too_many_bullets",
    "max_ellipsis_lines": "gopher_too_many_end_ellipsis",
    "min_alpha_words": "gopher_below_alpha_threshold",
    "min_stop_words": "gopher_enough_stop_words",
    "no_lorem_ipsum": "lorem_ipsum",
    "no_curly_bracket": "curly_bracket",
    "min_sentences": "too_few_sentences",
    "min_lines": "empty",
    "min_line_punct": "line_punct_ratio",
    "max_short_lines": "short_line_ratio",
    "max_char_dup": "char_dup_ratio",
    "max_newlines": "list_ratio",
    **{f"dup_{n}_gram": f"duplicated_{n}_n_grams" for n in range(5, 11)},
}


def reason(label: str) -> str:
    """What datatrove says where the rule with this label of `RULES` fails.

    >>> reason("gopher.dup_5_gram"), reason("fineweb after cuts.max_newlines"), reason("gopher.top_2_gram")
    ('duplicated_5_n_grams', 'list_ratio', 'top_2_gram')
    """
    name = label.partition(".")[2]
    return _REASONS.get(name, name)


def _rules() -> Iterator[tuple[str, Rule]]:
    for name, preset in (
        ("gopher", "gopher"),
        ("fineweb", "fineweb_rules"),
        ("c4", "c4"),
        ("fineweb after cuts", "fineweb"),
    ):
        for rule in PRESETS[preset].rules:
            if name == "gopher" or rule.preset != "gopher":
                yield f"{name}.{rule.name}", rule


RULES: Mapping[str, Rule] = dict(_rules())
"""Rules that both have: Gopher's and FineWeb's on the whole text, C4's in the paper's variant, and C4's and FineWeb's on what
FineWeb's variant of C4's line cuts leaves."""


@dataclass(frozen=True)
class Agreement:
    """How a rule decides here and there."""

    label: str
    documents: int
    """Those for which datatrove has a value: it divides by zero on texts without words."""
    dropped: int
    """By datatrove."""
    same: int
    """Documents with the same decision."""
    largest: float
    """Largest difference between the values."""
    cases: tuple[tuple[int, float, float], ...]
    """Documents with another decision: place, datatrove's value, ours."""

    @property
    def percent(self) -> float:
        return 100.0 * self.same / self.documents if self.documents else 100.0


def feature_values(texts: pa.Array, conforms_to: str | None) -> dict[str, np.ndarray]:
    """What each of `RULES` looks at, float64 per text; for rules on phrases 1 where there is one and 0 where not."""
    table = measure(texts, conforms_to=conforms_to).table
    values = {label: table.column(rule.feature).to_numpy().astype(np.float64) for label, rule in RULES.items()}
    return {label: np.minimum(value, 1) if ".no_" in label else value for label, value in values.items()}


def agreements(ours: Mapping[str, np.ndarray], theirs: Sequence[Mapping[str, float | None]]) -> list[Agreement]:
    """For each rule of `RULES`; `theirs` holds, for each document, the values by label."""
    found = []
    for label, rule in RULES.items():
        places = [place for place, values in enumerate(theirs) if values[label] is not None]
        seen = np.array([theirs[place][label] for place in places], dtype=np.float64)
        mine = ours[label][places]
        keeps, keep_here = (OPERATORS[rule.op](value, rule.threshold) for value in (seen, mine))
        other = np.flatnonzero(keeps != keep_here)
        cases = tuple((places[i], float(seen[i]), float(mine[i])) for i in other.tolist())
        largest = float(np.abs(seen - mine).max(initial=0.0))
        found.append(Agreement(label, len(places), int((~keeps).sum()), len(places) - len(other), largest, cases))
    return found
