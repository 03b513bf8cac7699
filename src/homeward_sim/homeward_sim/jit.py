"""One typed door to numba, so that strict type checking survives its untyped decorator."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Row = Any
"""One row of a structured array. Compiled code reads and writes its fields as attributes; no type can say which."""

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile at the first call and keep the machine code on disk. Divisions follow IEEE 754: no exception, as in
    numpy.
    """
    wrapped: Any = numba.njit(cache=True, error_model="numpy", fastmath=False)(function)
    return cast(Function, wrapped)
