"""How articles are read: the options of kind wikipedia."""

from dataclasses import dataclass
from typing import Literal

Keep = Literal["keep", "drop"]


@dataclass(frozen=True)
class WikipediaParams:
    """What a manifest may say under a Wikipedia source's `read:`."""

    tables: Keep = "drop"
    """Whether the rows of tables are part of the text, a line each, with " | " between the cells."""
    captions: Keep = "drop"
    """Whether the captions of pictures are part of the text, as paragraphs after the one in which the picture stands."""

    def __post_init__(self) -> None:
        for name in ("tables", "captions"):
            if getattr(self, name) not in ("keep", "drop"):
                raise ValueError(f"{name} is {getattr(self, name)!r}; give keep or drop")
