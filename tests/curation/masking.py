"""What the tests of personal data ask: the text that is left when some kinds of it, or all, are masked."""

from collections.abc import Callable

from gristmill.curation import edits
from gristmill.curation.pii import KINDS, PiiParams, find


def masking(*kinds: str) -> Callable[[str], str]:
    """A function that masks these kinds in a text and no other."""
    params = PiiParams(**{kind: "mask" if kind in kinds else None for kind in KINDS})
    return lambda text: edits.apply(text, find(text, params))
