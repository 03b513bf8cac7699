"""One typed door to numba, so that strict type checking survives its untyped decorator."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile at the first call and keep the machine code on disk; divisions follow IEEE 754, as in numpy."""
    wrapped: Any = numba.njit(cache=True, error_model="numpy")(function)
    return cast(Function, wrapped)
