"""How code is read: the options of kind code."""

from dataclasses import dataclass
from typing import Literal, get_args

Origin = Literal["generated", "lock_file", "minified", "vendored"]


@dataclass(frozen=True)
class CodeParams:
    """What a manifest may say under a code source's `read:`."""

    drop: tuple[Origin, ...] = ("generated", "lock_file", "minified", "vendored")
    """Files that nobody wrote for the repository they are in, dropped with this reason; what is not listed is kept,
    with `meta.generated`, `meta.lock_file`, `meta.minified` or `meta.vendored` true."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.drop if name not in get_args(Origin)]
        if unknown:
            raise ValueError(f"drop has {unknown[0]!r}; it may hold {', '.join(get_args(Origin))}")
