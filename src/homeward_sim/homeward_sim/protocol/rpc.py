"""msgpack-rpc as the client speaks it: bytes in, calls out, answers back.

A request is `[0, id, name, [[is_async], argument…]]`, its answer `[1, id, error, result]`; a request that is
marked asynchronous gets none. Whatever a client sends, the answer is an answer: a bad argument, an unknown name or
a fault of ours is an error in the shape that this call's caller expects.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack

from homeward_sim.protocol.values import BadArgument
from homeward_sim.spawning import Refused

LOG = logging.getLogger("homeward_sim")
MOST_BYTES = 64 * 1024 * 1024
MOST_ITEMS = 100_000
VALUE, VOID, BARE = "value", "void", "bare"
"""Shapes of an answer: `Response<T>`, `Response<void>`, and a plain value."""


class BrokenMessage(Exception):
    """What came isn't msgpack-rpc; the connection can't go on."""


@dataclass(frozen=True)
class Method:
    """A call that clients can make: what runs, and the shape of its answer."""

    function: Callable[..., Any]
    shape: str


class Request(NamedTuple):
    """One call of a client."""

    number: int
    name: str
    wants_answer: bool
    arguments: list[Any]


class Decoder:
    """Cuts one connection's bytes into requests."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            max_buffer_size=MOST_BYTES,
            max_str_len=MOST_BYTES,
            max_bin_len=MOST_BYTES,
            max_array_len=MOST_ITEMS,
            max_map_len=1000,
            max_ext_len=1024,
        )

    def feed(self, data: bytes) -> Iterator[Request]:
        """The requests that are complete. Raises BrokenMessage."""
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                yield read_request(message)
        except BrokenMessage:
            raise
        except Exception as error:  # msgpack raises ValueError, its own exceptions and more for broken input
            raise BrokenMessage(f"{type(error).__name__}: {error}") from None


def read_request(message: Any) -> Request:
    """One msgpack-rpc message. Raises BrokenMessage."""
    if isinstance(message, list) and len(message) == 3 and message[0] == 2:
        message = [0, 0, message[1], message[2]]
        is_notice = True
    else:
        is_notice = False
    if not (isinstance(message, list) and len(message) == 4 and message[0] == 0):
        raise BrokenMessage("not a msgpack-rpc request")
    _, number, name, arguments = message
    if not (isinstance(number, int) and isinstance(name, str) and isinstance(arguments, list)):
        raise BrokenMessage("not a msgpack-rpc request")
    if arguments and isinstance(arguments[0], list):
        is_async = arguments[0] == [True]
        return Request(number, name, not (is_async or is_notice), arguments[1:])
    return Request(number, name, not is_notice, arguments)


def shaped(shape: str, value: Any) -> Any:
    """A result as the caller expects it."""
    if shape == VALUE:
        return [[1, value]]
    return [[False]] if shape == VOID else value


def refused(shape: str, why: str) -> Any:
    """An error as the caller expects it."""
    return [[True, [why]]] if shape == VOID else [[0, [why]]]


class Dispatcher:
    """Answers requests with a table of methods."""

    def __init__(self, methods: dict[str, Method]) -> None:
        self._methods = methods
        self._packer = msgpack.Packer(unicode_errors="surrogateescape")
        self._told: set[str] = set()

    def answer(self, request: Request) -> bytes:
        """The bytes to send back; none for an asynchronous request."""
        error, result = self._run(request)
        if not request.wants_answer:
            return b""
        try:
            packed: bytes = self._packer.pack([1, request.number, error, result])
        except (ValueError, TypeError, OverflowError):
            LOG.exception("The answer to %s can't be sent", request.name)
            self._packer = msgpack.Packer(unicode_errors="surrogateescape")
            packed = self._packer.pack([1, request.number, "The world could not write its answer.", None])
        return packed

    def _run(self, request: Request) -> tuple[str | None, Any]:
        """(error outside the call's own shape, result)."""
        method = self._methods.get(request.name)
        if method is None:
            self._tell_once(request.name, "is not a call of CARLA 0.9.16 that this world knows")
            return f"This world has no call {request.name[:80]!r} with {len(request.arguments)} arguments.", None
        try:
            return None, shaped(method.shape, method.function(*request.arguments))
        except (Refused, BadArgument) as error:
            if not request.wants_answer:
                self._tell_once(request.name, str(error))
            return None, refused(method.shape, str(error))
        except TypeError as error:
            LOG.info("%s: %s", request.name, error)
            return None, refused(method.shape, f"{request.name}: wrong number or type of arguments.")
        except Exception as error:  # a fault of ours must not take the world down, nor other clients with it
            LOG.exception("%s failed", request.name)
            return None, refused(method.shape, f"{request.name} failed inside the world: {type(error).__name__}.")

    def _tell_once(self, name: str, what: str) -> None:
        """Say what nobody will be told by an answer, but not for every repetition."""
        if name not in self._told and len(self._told) < 1000:
            self._told.add(name)
            LOG.warning("%s: %s", name[:80], what)
