"""asyncio beside the executor: one loop in one thread, one queue each way."""

from __future__ import annotations

import asyncio
import collections
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from homeward_runtime.car_node import CarNode


class AsyncioSide:
    """Make it in configure(), close it in cleanup()."""

    def __init__(self, node: CarNode) -> None:
        self.loop = asyncio.new_event_loop()
        self._inbox: collections.deque[Callable[[], None]] = collections.deque()  # append and popleft are atomic
        self._ring = node.bell(self._drain)
        self._thread = threading.Thread(target=self.loop.run_forever, name="asyncio", daemon=True)
        self._thread.start()

    def to_asyncio(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """From the node's thread. Never waits."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call_in_asyncio(self, callback: Callable[..., None], *args: Any) -> None:
        """From the node's thread: a plain function on the loop's."""
        self.loop.call_soon_threadsafe(callback, *args)

    def to_node(self, callback: Callable[[], None]) -> None:
        """From any thread; the callback runs on the node's."""
        self._inbox.append(callback)
        self._ring()

    def _drain(self) -> None:
        while self._inbox:  # one ring of the bell may stand for many
            self._inbox.popleft()()

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(2.0)
        if not self._thread.is_alive():
            self.loop.close()
