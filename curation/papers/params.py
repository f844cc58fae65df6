"""How papers are read: the options of kind papers."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PapersParams:
    """What a manifest may say under a paper source's `read:`."""

    references: Literal["drop", "keep"] = "drop"
    """Whether the list of references ends the text (`keep`), one reference a line, or is left out (`drop`)."""
