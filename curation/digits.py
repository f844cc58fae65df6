"""Places of a text where many digits stand close together: the only ones that can hold a phone or card number.

Prose has few, so looking only there costs little more than one pass over the bytes.
"""

import numpy as np

MIN_DIGITS = 7
"""Fewest digits of a phone number that is looked for."""

MAX_REACH = 20
"""Most characters over which they may be spread, as in `(0 30) 1 / 23 45-6`."""

_ZERO = ord("0")


def dense_places(text: str, before: int, after: int) -> list[tuple[int, int]]:
    """Spans, ordered and disjoint, that hold every run of `MIN_DIGITS` digits within `MAX_REACH` characters.

    Each is widened by `before` and `after` characters, for what stands around a number; then those that touch are one.
    """
    if text.isascii():
        codes = np.frombuffer(text.encode("ascii"), np.uint8)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    places = np.flatnonzero((codes - codes.dtype.type(_ZERO)) < 10)  # unsigned: what is below "0" wraps round
    first, last = places[: 1 - MIN_DIGITS], places[MIN_DIGITS - 1 :]
    close = last - first < MAX_REACH
    first, last = np.maximum(first[close] - before, 0), np.minimum(last[close] + 1 + after, len(text))
    if not len(first):
        return []
    apart = np.flatnonzero(first[1:] > last[:-1])
    return list(zip(first[np.r_[0, apart + 1]].tolist(), last[np.r_[apart, len(last) - 1]].tolist(), strict=True))
