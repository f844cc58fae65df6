"""How a manifest may have tables read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TextParams:
    """Options of kind `text`."""

    config: str | None = None
    """Configuration of a data set of the Hugging Face Hub, for paths such as hf://datasets/org/name; absent: its default."""
    split: str | None = None
    """Split of such a data set, several as train+validation, or all; absent: train."""
    meta: tuple[str, ...] | None = None
    """Columns that go to `meta`, a field inside one as outer.inner; absent: all that are not used otherwise and short."""
