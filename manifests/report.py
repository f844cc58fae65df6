"""The report: one self-contained page about a run, for people who will not read a ledger.

It shows where every source's records went, what each rule dropped, the languages, the mixture and the loss, and says
what no chart shows: files that could not be read, and rules that never fired.
"""

from collections.abc import Mapping, Sequence
from html import escape

import pyarrow as pa

from gristmill.manifests.charts import COLOURS, curves, stacked_bars
from gristmill.manifests.report_tokenizer import tokenizer_section
from gristmill.tokenizer.row_order import WINDOW_ROWS

VERSION = 5

LEDGER_COLUMNS = ("status", "stage", "rule", "language")
"""What the report reads of the ledger."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #8886; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #8883; vertical-align: top; }
th:first-child, td:first-child, td.words { text-align: left; } td:first-child { white-space: nowrap; } td.words { font-size: .85em; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0; }
.figures b { display: block; font-size: 1.5rem; } .figures span { opacity: .75; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
"""


def render(
    name: str,
    facts: Mapping,
    ledgers: Sequence[tuple[str, pa.Table]],
    metrics: Sequence[Mapping],
    leaks: Sequence[Mapping] = (),
) -> str:
    """The page as HTML.

    `facts` holds `sources` (as `gristmill status` has them) and `steps` (name -> counts); `ledgers` the ledger columns
    LEDGER_COLUMNS by source; `metrics` the lines of `metrics.jsonl`; `leaks` what was found of each benchmark, as
    `curation/leaks.py` sums it up.
    """
    sources = facts["sources"]
    colours = {source: COLOURS[i % len(COLOURS)] for i, source in enumerate(sources)}
    parts = [
        _figures(facts),
        "<h2>Sources</h2>" + _sources(sources, colours),
        "<h2>Why documents were dropped</h2>" + stacked_bars(_drops(sources), colours) + _silent_rules(sources),
        "<h2>Languages</h2>" + _languages(ledgers, colours),
    ]
    if any(source["masked"] for source in sources.values()):
        parts.append("<h2>Masked in kept documents</h2>" + _edited(sources, colours, "masked"))
    if any(source.get("cut") for source in sources.values()):
        parts.append("<h2>Repeated passages cut from kept documents</h2>" + _edited(sources, colours, "cut"))
    if facts.get("scores"):
        parts.append("<h2>Scores</h2>" + _scores(facts))
    if any(source.get("buckets") for source in sources.values()):
        parts.append("<h2>Buckets</h2>" + _buckets(sources))
    if leaks:
        parts.append("<h2>Benchmarks in the corpus</h2>" + _leaks(leaks))
    if facts.get("tokenizer_eval"):
        parts.append("<h2>Tokenizer</h2>" + tokenizer_section(facts["tokenizer_eval"]))
    if "pack" in facts["steps"]:
        parts.append("<h2>Mixture</h2>" + _mixture(facts["steps"]["pack"], colours))
    if metrics:
        parts.append("<h2>Training</h2>" + _training(facts["steps"].get("pretrain", {}), metrics))
    parts.append("<h2>Files that could not be read</h2>" + _failures(sources))
    body = "\n".join(parts)
    title = f"Gristmill: {escape(name)}"
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n{body}\n</html>\n'


def _figures(facts: Mapping) -> str:
    total = {
        key: sum(source[key] for source in facts["sources"].values())
        for key in ("records", "documents", "kept", "tokens")
    }
    figures = {"records read": total["records"], "documents": total["documents"], "kept": total["kept"]}
    if "tokens" in facts["steps"]:
        figures["tokens"] = total["tokens"]
    if "tokenizer" in facts["steps"]:
        figures["vocabulary"] = facts["steps"]["tokenizer"]["vocab_size"]
    shown = [f"<div><b>{value:,}</b><span>{label}</span></div>" for label, value in figures.items()]
    trained = facts["steps"].get("pretrain", {})
    if trained.get("validation_loss") is not None:
        shown.append(f"<div><b>{trained['validation_loss']:.3f}</b><span>validation loss, nats a token</span></div>")
    return f'<div class="figures">{"".join(shown)}</div>'


def _sources(sources: Mapping[str, Mapping], colours: Mapping[str, str]) -> str:
    rows = []
    for name, c in sources.items():
        share = f"{c['kept'] / c['documents']:.0%}" if c["documents"] else "–"
        others = ", ".join(f"{reason} {n:,}" for reason, n in c["not_documents"].items())
        cells = [
            f"{c['records']:,}",
            f"{c['documents']:,}",
            f"{c['kept']:,}",
            share,
            f"{c['bytes'] / 1e6:,.1f}",
            f"{c['tokens']:,}",
        ]
        rows.append(
            f'<tr><td><span class="swatch" style="background:{colours[name]}"></span>{escape(name)}</td>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + f'<td class="words">{escape(others)}</td></tr>'
        )
    head = "".join(
        f"<th>{h}</th>"
        for h in (
            "source",
            "records",
            "documents",
            "kept",
            "share",
            "MB of text",
            "tokens",
            "records that are no documents",
        )
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _drops(sources: Mapping[str, Mapping]) -> Mapping[str, Mapping[str, int]]:
    rules: dict[str, dict[str, int]] = {}
    for source, c in sources.items():
        for rule, n in c["dropped"].items():
            rules.setdefault(rule, {})[source] = n
    return dict(sorted(rules.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def _silent_rules(sources: Mapping[str, Mapping]) -> str:
    """Rules that no document of a source fails: often right, sometimes a threshold with a typing error."""
    lines = [
        f"<li>{escape(name)}: {escape(', '.join(c['silent_rules']))}</li>"
        for name, c in sources.items()
        if c["silent_rules"]
    ]
    return f"<p>Rules that never fired:</p><ul>{''.join(lines)}</ul>" if lines else ""


def _languages(ledgers: Sequence[tuple[str, pa.Table]], colours: Mapping[str, str], most: int = 20) -> str:
    kept: dict[str, dict[str, int]] = {}
    for source, table in ledgers:
        counts = (
            table.filter(pa.compute.equal(table["status"], "kept")).group_by("language").aggregate([([], "count_all")])
        )
        for row in counts.to_pylist():
            parts = kept.setdefault(row["language"] or "not identified", {})
            parts[source] = parts.get(source, 0) + row["count_all"]
    ordered = sorted(kept.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    rest: dict[str, int] = {}
    for _, parts in ordered[most:]:
        for source, n in parts.items():
            rest[source] = rest.get(source, 0) + n
    shown = dict(ordered[:most]) | ({f"{len(ordered) - most} others": rest} if rest else {})
    return "<p>Kept documents by language.</p>" + stacked_bars(shown, colours)


def _edited(sources: Mapping[str, Mapping], colours: Mapping[str, str], how: str) -> str:
    """How often each kind of personal data was masked, or of repeated passages cut, by source."""
    kinds: dict[str, dict[str, int]] = {}
    for source, c in sources.items():
        for kind, n in c[how].items():
            kinds.setdefault(kind, {})[source] = n
    return stacked_bars(dict(sorted(kinds.items(), key=lambda item: (-sum(item[1].values()), item[0]))), colours)


def _scores(facts: Mapping) -> str:
    """What models and score files gave each source, and which files these were."""
    rows = []
    for name, origin in facts["scores"].items():
        files = "<br>".join(f"{escape(file)} {digest[:8]}" for file, digest in origin["files"].items())
        how = [
            f"{key}: {origin[key]}" for key in ("label", "max_chars", "join", "column") if origin.get(key) is not None
        ]
        how += [f"{key.replace('_', ' ')} {origin[key]:,}" for key in _LEFT_OUT if origin.get(key)]
        for source, counts in facts["sources"].items():
            if given := counts["scores"].get(name):
                share = given["with"] / max(given["with"] + given["without"], 1)
                rows.append(
                    f"<tr><td>{escape(name)}</td><td>{escape(source)}</td><td>{given['with']:,}</td><td>{share:.1%}</td>"
                    f'<td class="words">{escape("; ".join(how))}</td><td class="words">{files}</td></tr>'
                )
    heads = ("score", "source", "texts with it", "share", "how", "files and digests")
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{''.join(rows)}</table>"


def _buckets(sources: Mapping) -> str:
    """How many documents of each source fall into each bucket, and how many have no such value."""
    rows = []
    for source, counts in sources.items():
        if divided := counts.get("buckets"):
            sizes = ", ".join(f"{name}: {n:,}" for name, n in divided["in_bucket"].items())
            cells = (escape(source), escape(divided["by"]), sizes, f"{divided['without_value']:,}")
            rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = ("source", "by", "documents in each bucket", "without the value")
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{''.join(rows)}</table>"


_LEFT_OUT = ("rows_without_key", "rows_without_score", "repeated_keys")


def _leaks(leaks: Sequence[Mapping]) -> str:
    """How much of each benchmark was found, and where; what cannot be found is said as well."""
    rows = []
    for c in leaks:
        examples = "; ".join(
            f"{e['benchmark'].rpartition('#')[2]} item {e['item']}, {e['words']} words in {e['locator']}"
            for e in c["examples"]
        )
        cells = "".join(f"<td>{c[key]:,}</td>" for key in ("items", "found", "documents", "short", "common"))
        rows.append(f'<tr><td>{escape(c["benchmark"])}</td>{cells}<td class="words">{escape(examples)}</td></tr>')
    names = ("benchmark", "items", "found", "in documents", "too short", "only prompts", "longest")
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        "<p>Items of which something stood in a document, which was then cut out or dropped. Items that are too short, or "
        f"all prompts and numbers, cannot be found.</p><table><tr>{head}</tr>{''.join(rows)}</table>"
    )


def _mixture(packed: Mapping, colours: Mapping[str, str]) -> str:
    parts: list[tuple[str, Mapping]] = []
    for source, c in packed["sources"].items():
        name = f'<span class="swatch" style="background:{colours[source]}"></span>{escape(source)}'
        parts.append((name, c))
        inside = {part: b for part, b in packed.get("buckets", {}).items() if part.partition("/")[0] == source}
        parts += [(f"&emsp;{escape(part)}", b) for part, b in inside.items()]
    parts += [(f"&emsp;{escape(part)}", c) for part, c in packed.get("parts", {}).items()]
    rows = "".join(
        f"<tr><td>{name}</td><td>{c['documents']:,}</td><td>{c['tokens']:,}</td>"
        f"<td>{c['tokens'] / max(packed['tokens'], 1):.1%}</td><td>{c['epochs']:.2f}</td></tr>"
        for name, c in parts
    )
    table = (
        f"<table><tr><th>source</th><th>documents</th><th>tokens</th><th>share</th><th>epochs</th></tr>{rows}</table>"
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in packed["notes"])
    return f"<p>{_packing(packed)}</p>{notes}{table}{_phases(packed['phases'])}"


def _packing(packed: Mapping) -> str:
    """Rows, and what packing cost, in sentences."""
    said = (
        f"{packed['rows']:,} rows, {packed['padding']:.2%} padding; {packed['cut']:,} documents are in more than one row, "
        f"{packed['cropped']:,} tokens were cropped."
    )
    if packed["rows"] >= WINDOW_ROWS:
        worst = packed["window_deviation"]
        said += f" In any {WINDOW_ROWS:,} rows each part is within {worst:.2%} of its share."
    groups = ", ".join(f"{escape(name)} {n:,}" for name, n in packed["validation"]["groups"].items())
    said += f" Rows of validation: {groups}."
    if without := packed["validation"]["without"]:
        said += f" None of {escape(', '.join(without))}, of which there are too few documents."
    if loose := packed["validation"]["not_compared"]:
        said += f" {escape(', '.join(loose))} had no near duplicates removed, so validation may have some of training."
    return said


def _phases(phases: Sequence[Mapping]) -> str:
    """What each phase of a mixture was asked for and gave; nothing where there is only one."""
    if len(phases) < 2:
        return ""
    rows = ""
    for phase in phases:
        shares = ", ".join(
            f"{escape(part)} {phase['shares'].get(part, 0):.2%} (asked {asked:.2%})"
            for part, asked in phase["asked"].items()
        )
        rows += f"<tr><td>{phase['first_row']:,}</td><td>{phase['rows']:,}</td><td>{phase['tokens']:,}</td>"
        rows += f'<td class="words">{shares}</td></tr>'
    return f"<table><tr><th>from row</th><th>rows</th><th>tokens</th><th>shares</th></tr>{rows}</table>"


def _training(trained: Mapping, metrics: Sequence[Mapping]) -> str:
    lines = {
        "training loss": [(m["step"], m["loss"]) for m in metrics if m.get("loss") is not None],
        "validation loss": [(m["step"], m["validation_loss"]) for m in metrics if m.get("validation_loss") is not None],
    }
    unigram = trained.get("unigram_loss")
    chart = curves(lines, ("unigram model", unigram) if unigram else None, "step", "nats a token")
    bits = next((m["bits_per_byte"] for m in reversed(metrics) if m.get("bits_per_byte")), None)
    if not bits:
        return chart
    rows = "".join(f"<tr><td>{escape(source)}</td><td>{value:.3f}</td></tr>" for source, value in bits.items())
    return f"{chart}<table><tr><th>source</th><th>validation, bits per byte</th></tr>{rows}</table>"


def _failures(sources: Mapping[str, Mapping]) -> str:
    lines = [f"<li>{escape(f['file'])}: {escape(f['error'])}</li>" for c in sources.values() for f in c["failures"]]
    return f"<ul>{''.join(lines)}</ul>" if lines else "<p>none</p>"
