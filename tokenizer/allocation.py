"""How many tokens each part of a mixture gives, exactly; or why that cannot be, and what would make it possible."""

import math
from collections.abc import Mapping
from fractions import Fraction


def allocate(
    available: Mapping[str, int],
    weights: Mapping[str, float] | None,
    max_epochs: Mapping[str, float],
    tokens: int | None,
    used: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Tokens to draw from each part, by its weight and at most `available * max_epochs` (1 if not given), less `used`.

    `weights` need no particular sum; None means natural sizes, and 0 means nothing from that source. With
    `tokens` None the result is the largest that keeps the weights (for natural sizes: everything once); otherwise it
    sums to `tokens` exactly. Raises ValueError that names every source short of tokens, by how much, and what would
    mend it.

    >>> allocate({"web": 900, "books": 50}, {"web": 0.8, "books": 0.2}, {"books": 4}, None)
    {'web': 800, 'books': 200}
    """
    _check_names(available, weights, max_epochs)
    shares = {s: Fraction(str(w)) for s, w in (available if weights is None else weights).items() if w > 0}
    used = used or {}
    caps = {s: max(0, epoch_cap(available[s], max_epochs.get(s, 1)) - used.get(s, 0)) for s in shares}
    if empty := [source for source in shares if not available[source]]:
        remedy = "set weight: 0, or look at what its filters drop"
        if any("/" in source for source in empty):  # buckets, or parts by several columns
            remedy = "give such a part the weight 0, or move the edges of its buckets"
        raise ValueError(f"no tokens in {', '.join(sorted(empty))}; {remedy}.")
    if not shares:
        raise ValueError("no source has tokens to train on; give at least one a weight above 0 and documents.")
    total = sum(shares.values())
    most = min(int(caps[s] * total / shares[s]) for s in shares)
    if weights is None and tokens is None:
        most = min(most, sum(available.values()))
    if tokens is not None and _short(shares, caps, tokens):
        raise ValueError(_shortage(available, weights, shares, caps, tokens, most, used))
    if not most and tokens is None and used:
        raise ValueError(f"nothing is left of {', '.join(s for s in shares if not caps[s])}; raise max_epochs.")
    drawn = apportion(shares, most if tokens is None else tokens, caps)
    return {source: drawn.get(source, 0) for source in available}


def epoch_cap(available: int, max_epochs: float | Fraction) -> int:
    """The most tokens that a part of this size may give."""
    return int(available * Fraction(str(max_epochs)))


def limit_note(
    available: Mapping[str, int],
    weights: Mapping[str, float] | None,
    max_epochs: Mapping[str, float],
    drawn: Mapping[str, int],
) -> str | None:
    """Which part keeps a mixture of no given size from being larger, and how much of the others is left unused.

    None if that is less than 1 % of all tokens that may be used. `drawn` is what `allocate` gave.

    >>> limit_note({"web": 900, "books": 50}, {"web": 0.5, "books": 0.5}, {}, {"web": 50, "books": 50})[:60]
    'books limits the mixture to 100 tokens: it has 50 tokens, to'
    """
    shares = {s: Fraction(str(w)) for s, w in (available if weights is None else weights).items() if w > 0}
    usable = sum(available[s] for s in shares)
    unused = sum(max(0, available[s] - drawn[s]) for s in shares)
    if unused * 100 < usable:
        return None
    total = sum(shares.values())
    epochs = {s: Fraction(str(max_epochs.get(s, 1))) for s in shares}
    part = min(shares, key=lambda s: (available[s] * epochs[s] / shares[s], s))
    ways = "raise its max_epochs" if weights is None else "lower its weight, raise its max_epochs"
    return (
        f"{part} limits the mixture to {sum(drawn.values()):,} tokens: it has {available[part]:,} tokens, to be used "
        f"{float(epochs[part]):g} times, and is to give {float(shares[part] / total):.3g} of all; {unused:,} of "
        f"{usable:,} tokens ({unused / usable:.1%}) are not used. To use more, {ways}"
        + (" or move the edges." if "/" in part else ".")
    )


def _check_names(
    available: Mapping[str, int], weights: Mapping[str, float] | None, max_epochs: Mapping[str, float]
) -> None:
    problems = []
    if weights is not None:
        if missing := [s for s in available if s not in weights]:
            problems.append(f"no weight for {', '.join(missing)}: give every source one (0 leaves it out), or none")
        problems += [f"weight of {s} is {w}: it must be 0 or more" for s, w in weights.items() if not 0 <= w < math.inf]
    problems += [f"max_epochs of {s} is {e}: it must be above 0" for s, e in max_epochs.items() if not 0 < e < math.inf]
    unknown = sorted({*(weights or {}), *max_epochs} - set(available))
    if unknown:
        problems.append(f"no such source: {', '.join(unknown)} (there are {', '.join(sorted(available))})")
    if problems:
        raise ValueError("mixture: " + "; ".join(problems) + ".")


def apportion(shares: Mapping[str, Fraction], tokens: int, caps: Mapping[str, int]) -> dict[str, int]:
    """Whole tokens by share, none above its cap: largest remainders first, ties by name."""
    total = sum(shares.values())
    exact = {s: tokens * share / total for s, share in shares.items()}
    drawn = {s: int(e) for s, e in exact.items()}
    left = tokens - sum(drawn.values())
    for source in sorted(shares, key=lambda s: (drawn[s] - exact[s], s)):
        if left and drawn[source] < caps[source]:
            drawn[source] += 1
            left -= 1
    return drawn


def _shortage(
    available: Mapping[str, int],
    weights: Mapping[str, float] | None,
    shares: Mapping[str, Fraction],
    caps: Mapping[str, int],
    tokens: int,
    most: int,
    used: Mapping[str, int],
) -> str:
    """Every source that cannot give its part, and the three ways out with their numbers."""
    total = sum(shares.values())
    lines, raised = [], []
    for source in _short(shares, caps, tokens):
        asked = math.ceil(tokens * shares[source] / total)
        whole = asked + used.get(source, 0)
        lines.append(f"{source} must give {asked:,} tokens and has {caps[source]:,}, {asked - caps[source]:,} short")
        raised.append(f"{source} to {math.ceil(Fraction(whole * 100, available[source])) / 100:.15g}")
    ways = [f"raise max_epochs of {', '.join(raised)}", f"set tokens: {most} or less"]
    lower = _feasible_weights(shares, caps, tokens)
    written = weights is not None and not any(isinstance(w, Fraction) for w in weights.values())  # not worked out
    if written and lower and not any("/" in source for source in lower):  # of buckets, all would change
        ways.insert(1, "lower the weight of " + ", ".join(f"{s} to {w:.15g}" for s, w in sorted(lower.items())))
    return "the mixture asks for more than there is: " + "; ".join(lines) + ". To mend it, " + ", or ".join(ways) + "."


def _feasible_weights(shares: Mapping[str, Fraction], caps: Mapping[str, int], tokens: int) -> dict[str, float]:
    """Lower weights for the sources that run out, the others' as they are; {} if no weights would do."""
    capped: dict[str, int] = {}
    while True:
        rest = {s: share for s, share in shares.items() if s not in capped}
        left = tokens - sum(capped.values())
        if not rest or left <= 0:
            return {}
        scale = left / sum(rest.values())
        over = {s: caps[s] for s, share in rest.items() if share * scale > caps[s]}
        capped |= over
        if not over:
            break
    for digits in (4, 8, 15):  # what is rounded off goes to the rest, which may have no room for it
        lower = {s: _floor_digits(cap / scale, digits) for s, cap in capped.items()}
        if not _short(shares | {s: Fraction(str(w)) for s, w in lower.items()}, caps, tokens):
            return lower
    return {}


def _short(shares: Mapping[str, Fraction], caps: Mapping[str, int], tokens: int) -> list[str]:
    """Sources whose share of `tokens` is above their cap, by name."""
    total = sum(shares.values())
    return sorted(s for s in shares if tokens * shares[s] / total > caps[s])


def _floor_digits(value: Fraction, digits: int) -> float:
    if not value:
        return 0.0
    step = Fraction(10) ** (math.floor(math.log10(value)) + 1 - digits)
    return float(value // step * step)
