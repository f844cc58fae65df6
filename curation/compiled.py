"""How inner loops are compiled: by Numba, ahead of use, for the types of arguments that are named, and only once.

Modules of such loops, named `*_kernels`, are imported by the functions that call them, when they are called:
Numba takes half a second to load, which planning a run should not pay. They work on whole numbers, or on fractions in a
fixed order without fastmath, so that results have the same bytes on every machine.

Compiled code is kept beside its module in `__pycache__`, or where `NUMBA_CACHE_DIR` says, or in the user's cache folder,
for each kind of processor. It follows its module's date, not that of others: of one another these modules
call `mixed` alone, a published function that stays as it is, and whoever changes a constant that they import has to touch
them.
"""

from collections.abc import Callable

import numba
from numba import types as t


def compiled(*signatures: t.Type) -> Callable[[Callable], Callable]:
    """A decorator: the function as machine code for these types of arguments."""

    def compile_now(function: Callable) -> Callable:
        try:
            return numba.njit(list(signatures), cache=True)(function)
        except RuntimeError:  # nowhere to keep it: each process compiles for itself, in about ten seconds
            return numba.njit(list(signatures))(function)

    return compile_now


def read(dtype: t.Type, dimensions: int = 1) -> t.Array:
    """The type of an array that is only read."""
    return t.Array(dtype, dimensions, "C", readonly=True)


BOOL, U1, U2, U4, U8, I4, I8 = map(read, (t.boolean, t.uint8, t.uint16, t.uint32, t.uint64, t.int32, t.int64))
CODES = (U1, U2, U4)
"""What `words.code_points` gives."""
