"""One typed door to numba, so that strict type checking survives its untyped decorator."""

from collections.abc import Callable
from typing import TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile at the first call and keep the machine code on disk. Divisions follow IEEE 754: no exception, as in numpy."""
    wrapped: Function = numba.njit(cache=True, error_model="numpy", fastmath=False)(function)
    return wrapped
