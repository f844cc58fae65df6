"""The report's section on the tokenizer: what `gristmill tokenizer eval` measured."""

from collections.abc import Iterable, Mapping
from html import escape

from gristmill.manifests.charts import curves


def tokenizer_section(found: Mapping) -> str:
    """Tables by source, language and kind, tokens that are not used, numbers and code; a plot over vocabulary sizes."""
    tokenizers = found["tokenizers"]
    what = "held-out documents" if found["held_out"] < 1 else "documents"
    parts = [f"<p>Measured on {found['documents']:,} {what}, {found['bytes']:,} bytes.</p>"]
    groups = {"all": {"all documents": None}} | {
        group: dict.fromkeys(tokenizers["own"][group]) for group in ("source", "language", "kind")
    }
    for group, rows in groups.items():
        heads = [group, "bytes", *(f"{name}: {m}" for name in tokenizers for m in ("bytes per token", "fertility"))]
        lines = []
        for row in rows:
            tallies = [each["all"] if group == "all" else each[group][row] for each in tokenizers.values()]
            cells = [f"{tallies[0]['bytes']:,}"]
            cells += [_number(tally[m]) for tally in tallies for m in ("bytes_per_token", "fertility")]
            lines.append([row, *cells])
        parts.append(_table(heads, lines))
    heads = [
        "tokenizer",
        "tokens",
        "unused",
        "rare",
        "0 to 999 in one token",
        "bits per byte",
        "8 spaces",
        "longest tokens",
    ]
    lines = [
        [
            name,
            f"{each['vocab_size']:,}",
            f"{each['unused']:,}",
            f"{each['rare']:,}",
            f"{each['numbers_below_1000_of_one_token']:,}",
            _number(each["unigram_bits_per_byte"]),
            str(each["indents"]["8 spaces"]),
            " ".join(repr(longest["token"]) for longest in each["longest"][:5]),
        ]
        for name, each in tokenizers.items()
    ]
    parts.append(_table(heads, lines))
    sweep = found["sweep"]
    if len(sweep) > 1:
        points = [(row["vocab_size"], row["bytes_per_token"]) for row in sweep if row["bytes_per_token"]]
        parts.append("<p>Bytes per token by vocabulary size.</p>")
        parts.append(curves({"own": points}, None, "tokens in the vocabulary", "bytes per token"))
        keys = ("bytes_per_token", "fertility", "unigram_bits_per_byte")
        lines = [[f"{row['vocab_size']:,}", *(_number(row[key]) for key in keys), f"{row['used']:,}"] for row in sweep]
        parts.append(_table(["vocabulary", "bytes per token", "fertility", "bits per byte", "used"], lines))
    return "".join(parts)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
