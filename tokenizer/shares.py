"""From weights, a temperature or UniMax to tokens of each part, phase after phase.

Weights are a promise: what cannot be met is refused, with the numbers that would mend it. A temperature and UniMax are
ways to share: what max_epochs does not let a part give goes to the others, and is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from gristmill.tokenizer.allocation import allocate, apportion, epoch_cap, limit_note
from gristmill.tokenizer.mixture import ALL_OTHERS, MixtureParams, Phase

Shares = Mapping[str, Fraction]


@dataclass(frozen=True)
class Parts:
    """What there is to mix."""

    available: Mapping[str, int]
    """Tokens of each part for training, in order."""
    usual: Shares | None
    """Shares where the mixture says nothing: by the sources' weights and their buckets'. None: everything by size."""
    max_epochs: Mapping[str, float]
    """How often each part may be repeated; 1 if not given."""

    @property
    def caps(self) -> dict[str, int]:
        """The most tokens that each part may give."""
        return {part: epoch_cap(n, self.max_epochs.get(part, 1)) for part, n in self.available.items()}


@dataclass(frozen=True)
class Solved:
    """A mixture in tokens."""

    phases: list[dict[str, int]]
    """Tokens of each part in each phase."""
    notes: list[str]
    """What a person should know, in sentences."""

    @property
    def total(self) -> dict[str, int]:
        """Tokens of each part over all phases."""
        return {part: sum(phase[part] for phase in self.phases) for part in self.phases[0]}


def solve(mixture: MixtureParams, parts: Parts) -> Solved:
    """Tokens of each part in every planned phase. Raises ValueError where the mixture cannot be had.

    Without `tokens`, weights give as much as no part's max_epochs forbids, a temperature as much as there is once.
    """
    planned = mixture.planned
    ways = [
        _shares(parts, mixture.weights, mixture.temperature),
        *(_shares(parts, p.weights, p.temperature) for p in planned),
    ]
    if mixture.temperature is None and not mixture.unimax and all(p.temperature is None for p in planned):
        return _by_weights(mixture, parts, ways)
    tokens = mixture.tokens or sum(parts.available.values())
    ends = [int(tokens * Fraction(str(p.start))) for p in planned] + [tokens]
    left, phases, notes = parts.caps, [], []
    for number, (shares, begin, end) in enumerate(zip(ways, [0, *ends], ends, strict=False)):
        if not number and mixture.unimax:
            drawn = unimax(left, end - begin)
        elif (mixture if not number else planned[number - 1]).temperature is not None:
            drawn = _filled(shares, left, end - begin)
        else:
            used = {part: cap - left[part] for part, cap in parts.caps.items()}
            drawn = allocate(parts.available, shares, parts.max_epochs, end - begin, used)
        if missing := end - begin - sum(drawn.values()):
            raise ValueError(_too_much(tokens, tokens - missing, parts))
        left = {part: n - drawn[part] for part, n in left.items()}
        phases.append(drawn)
    if full := [part for part, n in left.items() if not n and parts.available[part]]:
        notes.append(f"{', '.join(full)}: used as often as max_epochs allows; the other parts give what is missing.")
    return Solved(phases, notes)


def change(phase: Phase, parts: Parts, tokens: int | None, used: Mapping[str, int]) -> Solved:
    """Tokens of each part for the rest of a run that has consumed `used`. Raises ValueError where there are not so many."""
    shares = _shares(parts, phase.weights, phase.temperature)
    if phase.temperature is None:
        return Solved([allocate(parts.available, shares, parts.max_epochs, tokens, used)], [])
    left = {part: max(0, cap - used[part]) for part, cap in parts.caps.items()}
    tokens = sum(left.values()) if tokens is None else tokens
    drawn = _filled(shares, left, tokens)
    if missing := tokens - sum(drawn.values()):
        raise ValueError(_too_much(tokens, tokens - missing, parts))
    return Solved([drawn], [])


def _shares(parts: Parts, weights: Mapping[str, float] | None, temperature: float | None) -> Shares | None:
    if temperature is not None:
        return by_temperature(parts.available, temperature)
    if weights is not None:
        return by_weights(weights, parts)
    return parts.usual


def by_weights(weights: Mapping[str, float], parts: Parts) -> dict[str, Fraction]:
    """The share of each part by the key that names it best. Raises ValueError for a part or a key left over.

    >>> parts = Parts({"web/de": 1, "web/en": 3, "books/en": 9}, None, {})
    >>> {part: float(share) for part, share in by_weights({"web": 0.4, "*": 0.6}, parts).items()}
    {'web/de': 0.1, 'web/en': 0.3, 'books/en': 0.6}
    """
    key_of = {part: _best_key(part, weights) for part in parts.available}
    if nameless := [part for part, key in key_of.items() if key is None]:
        some = ", ".join(nameless[:5]) + (f" and {len(nameless) - 5} more" if len(nameless) > 5 else "")
        raise ValueError(f'weights: no weight for {some}; name each (0 leaves it out), or all others by "*".')
    if unknown := [key for key in weights if key not in key_of.values() and key != ALL_OTHERS]:
        there = ", ".join(list(parts.available)[:20])
        raise ValueError(f"weights: there is no part {', '.join(unknown)}; there are {there}.")
    natural = {part: Fraction(str(n)) for part, n in (parts.usual or parts.available).items()}
    total = sum((Fraction(str(w)) for w in weights.values()), Fraction(0))
    shares = {}
    for part, key in key_of.items():
        of_key = sum(natural[p] for p, k in key_of.items() if k == key)
        alone = sum(1 for k in key_of.values() if k == key) == 1
        if not of_key and weights[key] and not alone:
            raise ValueError(f"weights: there is nothing in {key}, which has a weight; set it to 0.")
        shares[part] = Fraction(str(weights[key])) / total * (1 if alone else natural[part] / of_key if of_key else 0)
    return shares


def _best_key(part: str, weights: Mapping[str, float]) -> str | None:
    """The longest key that is the part or begins it; None if there is none."""
    values = part.split("/")
    for count in range(len(values), 0, -1):
        if (key := "/".join(values[:count])) in weights:
            return key
    return ALL_OTHERS if ALL_OTHERS in weights else None


def by_temperature(available: Mapping[str, int], temperature: float) -> dict[str, Fraction]:
    """Shares in proportion to size to the power of 1/temperature (multilingual BERT and XLM-R have it as an exponent).

    Rounded to 12 digits: powers differ in the last one between machines.
    """
    largest = max(available.values(), default=0)
    return {
        p: Fraction(f"{(n / largest) ** (1 / temperature):.12g}") if n else Fraction(0) for p, n in available.items()
    }


def unimax(caps: Mapping[str, int], tokens: int) -> dict[str, int]:
    """Tokens of each part: all alike, but none above its cap (Chung et al. 2023, arXiv 2304.09151, algorithm 1).

    Sums to `tokens`, or to all caps where those are less.

    >>> unimax({"en": 900, "de": 100, "sw": 10}, 300)
    {'en': 190, 'de': 100, 'sw': 10}
    """
    return _filled({part: Fraction(1) for part, cap in caps.items() if cap}, caps, tokens)


def _filled(shares: Shares, caps: Mapping[str, int], tokens: int) -> dict[str, int]:
    """Tokens by shares; what is above a part's cap is shared among the others, until all is given or all are full."""
    drawn: dict[str, int] = {}
    while True:
        rest = {p: share for p, share in shares.items() if share and p not in drawn}
        left = tokens - sum(drawn.values())
        if not rest or left <= 0:
            return {part: drawn.get(part, 0) for part in caps}
        scale = left / sum(rest.values())
        full = {p: caps[p] for p, share in rest.items() if share * scale >= caps[p]}
        drawn |= full or apportion(rest, left, caps)


def _by_weights(mixture: MixtureParams, parts: Parts, ways: Sequence[Shares | None]) -> Solved:
    """One allocation for the whole run, which the phases then share, so that caps hold over all of them."""
    if len(ways) == 1:
        drawn = allocate(parts.available, ways[0], parts.max_epochs, mixture.tokens)
        limit = None if mixture.tokens else limit_note(parts.available, ways[0], parts.max_epochs, drawn)
        return Solved([drawn], [limit] if limit else [])
    natural = {part: Fraction(n) for part, n in parts.available.items()}
    exact = [{p: Fraction(str(share)) for p, share in (way or natural).items()} for way in ways]
    normal = [{p: share / sum(s.values()) for p, share in s.items()} for s in exact]
    ends = [Fraction(0), *(Fraction(str(p.start)) for p in mixture.planned), Fraction(1)]
    of_run = [end - begin for begin, end in pairwise(ends)]
    over_all = {p: sum(part * s[p] for part, s in zip(of_run, normal, strict=True)) for p in parts.available}
    total = allocate(parts.available, over_all, parts.max_epochs, mixture.tokens)
    phases, before, reached = [], dict.fromkeys(total, 0), dict.fromkeys(total, Fraction(0))
    for of_phase, shares in zip(of_run, normal, strict=True):
        for part in total:
            reached[part] += of_phase * shares[part]
        upto = {p: int(total[p] * reached[p] / over_all[p]) if over_all[p] else 0 for p in total}
        phases.append({p: upto[p] - before[p] for p in total})
        before = upto
    return Solved(phases, [])


def _too_much(tokens: int, most: int, parts: Parts) -> str:
    """Why a temperature or UniMax cannot give so many tokens."""
    needed = -(-tokens * 100 // max(1, sum(parts.available.values()))) / 100
    return (
        f"the mixture asks for {tokens:,} tokens, but all parts together may give {most:,}, used as often as max_epochs "
        f"allows. To mend it, set tokens: {most} or less, or raise max_epochs (to {needed:g} for every source)."
    )
