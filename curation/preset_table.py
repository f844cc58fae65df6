"""The tables of docs/presets.md, from the presets themselves: every rule, what it sees, its threshold, and its source.

python -m gristmill.curation.preset_table docs/presets.md      # writes them anew between their marks
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from gristmill.curation.presets import DEFAULT_PRESET, PRESETS
from gristmill.curation.rules import Rule, shown

BEGIN, END = "<!-- presets -->\n", "<!-- end of presets -->\n"

_GOPHER = "Rae et al. 2021, table A1 and section A1.1, as datatrove's"
_OURS = "this project's, from Gopher's; the reasons stand in `curation/presets.py`"

SOURCES: Mapping[str, str] = {
    "gopher_repetition": f"{_GOPHER} `gopher_repetition_filter.py` 0.10 has it; an empty text, by whose length that would divide, has a rule",
    "gopher_quality": f"{_GOPHER} `gopher_quality_filter.py` 0.10 has it",
    "gopher": "`gopher_repetition`, then `gopher_quality`",
    "c4": "Raffel et al. 2020, section 2.2, with the apostrophe of datatrove's `c4_filters.py` as an end of line; without the list of bad words",
    "c4_paragraphs": "mC4 (Xue et al. 2021, section 3.1), as datatrove's `C4ParagraphFilter` 0.10 has it",
    "fineweb_rules": "datatrove's `fineweb_quality_filter.py` 0.10, on the whole text",
    "fineweb": "Penedo et al. 2024; datatrove's `examples/fineweb.py`: Gopher, C4 without its rule on line ends, FineWeb's own",
    "multilingual": _OURS,
    "code": "The Stack (Kocetkov et al. 2022) and StarCoder (Li et al. 2023, section 3.1)",
    "bigcode": "bigcode-dataset, `preprocessing/filtering.py` and the defaults of `arguments.py`; the shares of comments, HTML and sizes are measured by the reader of code; `no_data` is StarCoder2's (Lozhkov et al. 2024)",
    "books": _OURS,
    "papers": _OURS,
    "forum": _OURS,
    "wikipedia": "this project's; 25 words are Dolma's",
    "urls": "datatrove's `url_filter.py` and its lists (RefinedWeb, Penedo et al. 2023, G.1)",
    "opt_outs": "robots and TDM marks that the reader of crawls records",
    "text": _OURS,
    "fineweb2": "huggingface/fineweb-2, `fineweb-2-pipeline.py` and `configs/*.yml`; for English FineWeb's own thresholds",
    "dclm": "mlfoundations/dclm, `baselines_configs/dclm_baseline_refinedweb.yaml`",
    "dolma_web": "allenai/dolma 1.2, `taggers/gopher.py` (`gopher_v1`) and `configs/dolma-v1_5/mixing/cc-head.yaml`; `max_repetition` is v1.6's (`tokenizer_repetitions_v2r2`)",
    "dolma_reddit": "allenai/dolma, `sources/reddit/atomic_content_v5`",
    "common_pile": "r-three/common-pile, `filtering/mixer_configs/*.json`",
    "common_pile_code": "r-three/common-pile, `filtering/mixer_configs/stackv2.json`, the first of its two lists `exclude`",
}
"""Preset -> where its rules are from."""


def markdown() -> str:
    """A section for each preset, with a table of its rules in the order in which they are asked."""
    kinds: dict[str, list[str]] = {}
    for kind, preset in DEFAULT_PRESET.items():
        kinds.setdefault(preset, []).append(f"`{kind}`")
    parts = []
    for name, ruleset in PRESETS.items():
        lines = [f"### {name}", "", f"Source: {SOURCES[name]}."]
        if name in kinds:
            lines.append(f"The default of {', '.join(kinds[name])}.")
        if ruleset.cut_lines:
            lines.append(f"Cuts lines: `cut_lines: {ruleset.cut_lines}`.")
        lines += [
            "",
            "| rule | feature | a document is kept if |",
            "|---|---|---|",
            *(_row(rule) for rule in ruleset.rules),
            "",
        ]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _row(rule: Rule) -> str:
    threshold = f"{rule.threshold:.10g}" if isinstance(rule.threshold, float) else shown(rule.threshold)
    if isinstance(rule.threshold, int):
        threshold = f"{rule.threshold:,}"
    languages = f"; by language: `{rule.by_language}`" if rule.by_language else ""
    absent = "; dropped without it" if rule.absent == "drop" else ""
    return f"| `{rule.label}` | `{rule.feature}` | {rule.op} {threshold}{languages}{absent} |"


def refreshed(page: str) -> str:
    """The page with its tables as they should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, behind = rest.partition(END)
    return before + BEGIN + "\n" + markdown() + "\n" + END + behind


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(refreshed(path.read_text("utf-8")), "utf-8")
