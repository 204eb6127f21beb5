"""Ask an HTTP server within a time, whatever it does with the line meanwhile."""

import http.client
import os
import socket
import ssl
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import SplitResult

LARGEST_ANSWER = 256 * 1024 * 1024


class Late(OSError):
    """The time is over."""


class Line:
    """A connection to one server that ends at a moment of `time.monotonic()`.

    It is cut from outside then: a server that sends a byte now and then is late as well.
    """

    def __init__(self, parts: SplitResult, ends: float) -> None:
        self._ends = ends
        self._is_over = False
        self._made: socket.socket | None = None
        left = max(ends - time.monotonic(), 0.001)
        host = parts.hostname or ""
        connection: Any
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                host, parts.port, timeout=left, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=left)
        connection._create_connection = self._connect  # before TLS, which may hang as well
        self._connection = connection
        self._timer = threading.Timer(left, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "Line":
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._connection.close()
        if self._made is not None:
            self._made.close()

    def get(self, target: str, question: bytes | None = None) -> tuple[int, bytes]:
        """Return (status, body); a question, as JSON, is posted.

        Raises Late, OSError or http.client.HTTPException.
        """
        headers = {"Accept": "application/json"}
        if question is not None:
            headers["Content-Type"] = "application/json"
        try:
            method = "GET" if question is None else "POST"
            self._connection.request(method, target, question, headers)
            answer = self._connection.getresponse()
            body = answer.read(LARGEST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            if self._is_over or isinstance(error, TimeoutError):
                raise Late from error
            raise
        if self._is_over:
            raise Late
        if len(body) > LARGEST_ANSWER:
            raise http.client.HTTPException(f"an answer of more than {LARGEST_ANSWER} bytes")
        return answer.status, body

    def _connect(self, address: tuple[str, int], _timeout: object, source: Any) -> socket.socket:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Late
        made = socket.create_connection(address, left, source)
        if self._made is not None:  # a server that closes after each answer
            self._made.close()
        self._made = socket.socket(fileno=os.dup(made.fileno()))  # TLS takes over the first one
        if self._is_over:
            made.close()
            raise Late
        return made

    def _cut(self) -> None:
        self._is_over = True
        if self._made is not None:
            with suppress(OSError):  # closed already
                self._made.shutdown(socket.SHUT_RDWR)
