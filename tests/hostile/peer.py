"""A server that says over a socket exactly what a script says, however wrong that is."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

Script = Callable[[], Iterator[bytes]]
"""What is said after a request was read; the connection is closed at the end."""


def dripping(*beginning: bytes, byte: bytes = b"x", every_s: float = 0.02) -> Script:
    """*beginning*, and then a byte now and then, for ever."""

    def script() -> Iterator[bytes]:
        yield from beginning
        while True:
            time.sleep(every_s)
            yield byte

    return script


def endless(*beginning: bytes, again: bytes) -> Script:
    """*beginning*, and then *again* as fast as it is taken, for ever."""

    def script() -> Iterator[bytes]:
        yield from beginning
        while True:
            yield again

    return script


def once(*parts: bytes, silent_s: float = 0.0) -> Script:
    """*parts*, and the end, after a silence."""

    def script() -> Iterator[bytes]:
        yield from parts
        time.sleep(silent_s)

    return script


@contextlib.contextmanager
def speaking(script: Script, host: str = "127.0.0.1") -> Iterator[tuple[int, list[bytes]]]:
    """Serve *script* to everybody who connects: the port, and the first bytes each has sent."""
    heard: list[bytes] = []
    over = threading.Event()
    with socket.create_server((host, 0)) as server:

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = server.accept()
                    threading.Thread(target=speak, args=(connection,), daemon=True).start()

        def speak(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                if first := connection.recv(65536):
                    heard.append(first)
                for part in script() if first else ():
                    connection.sendall(part)
                    if over.is_set():
                        return
                # Closed with something unread, a connection is reset, and what was said is lost.
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(1)
                while connection.recv(65536):
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", server.getsockname()[1])).close()
        thread.join()
