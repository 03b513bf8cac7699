"""A listening socket that can't be jammed: where the process may open no more files, a new caller is turned away."""

import errno
import logging
import os
import socket
from collections.abc import Iterator

LOG = logging.getLogger("homeward_sim")
AT_ONCE = 64


class Door:
    """Lets callers in. It keeps one file in reserve, to be able to accept and close when there are none left."""

    def __init__(self, server: socket.socket) -> None:
        self.server = server
        self._spare = os.open(os.devnull, os.O_RDONLY)

    def callers(self) -> Iterator[tuple[socket.socket, str]]:
        """Connections that wait, ready for use without delay, and a name for each."""
        for _ in range(AT_ONCE):
            try:
                sock, address = self.server.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._turn_away()
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield sock, f"the client at {address[0]}:{address[1]}"

    def _turn_away(self) -> None:
        os.close(self._spare)
        try:
            sock, address = self.server.accept()
            LOG.error("TURNED AWAY: %s:%d, too many connections are open. Close some.", *address[:2])
            sock.close()
        except OSError:
            pass
        self._spare = os.open(os.devnull, os.O_RDONLY)

    def close(self) -> None:
        """Close the door and its spare file."""
        os.close(self._spare)
        self.server.close()
