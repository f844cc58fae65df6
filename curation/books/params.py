"""How books are read: the options of kind books."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BooksParams:
    """What a manifest may say under a book source's `read:`."""

    split: Literal["none", "chapter"] = "none"
    """What becomes a document: the whole book (`none`), or each of its chapters (`chapter`), which keep the book's
    name in `meta.book`."""
