"""Who asks the web servers meanwhile: planners, who try again, and everybody else, who do not.

Between them and the servers is what a proxy does (deploy/Caddyfile): a server that does not answer
is asked for nothing until it does again.
"""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.urls import reverse

from perf.project.doors.addresses import API_BOOKINGS, LOGIN

CHECKED_EVERY_S = 1.0
ANSWERS_WITHIN_S = 3.0  # or a server counts as away
PATIENCE_S = 20  # of a client, for one answer
TRIES_FOR_S = 60


@dataclass
class Seen:
    """How long answers took, in seconds, and what they were."""

    slowest_s: float = 0.0
    slowest: str = ""
    answers: Counter[int] = field(default_factory=Counter)

    def note(self, what: str, status: int, took_s: float) -> None:
        self.answers[status] += 1
        if took_s > self.slowest_s:
            self.slowest_s, self.slowest = took_s, f"{what}: {status}"


class Visitors:
    """Callers of the web servers, by turns; `up` are those that answer."""

    def __init__(self, ports: list[int], keys: dict[str, str]) -> None:
        self.ports, self.keys = ports, keys
        self.seen = Seen()
        self.up: list[int] = []
        self._turn = 0
        self._over = threading.Event()

    def ask(self, method: str, path: str, slug: str, body: Any = None, **headers: str) -> Any:
        """Return (status, body) of one request, (0, text) where there was no answer."""
        self._turn += 1
        up = self.up or self.ports
        port = up[self._turn % len(up)]
        headers |= {"Authorization": f"Bearer {self.keys[slug]}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        began = time.monotonic()
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as line:
                line.request(method, path, body and json.dumps(body), headers)
                answer = line.getresponse()
                status, text = answer.status, answer.read()
        except (OSError, HTTPException) as error:
            status, text = 0, repr(error).encode()
        self.seen.note(f"{method} {path.partition('?')[0]}", status, time.monotonic() - began)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text[:200].decode(errors="replace")

    def insist(
        self, path: str, slug: str, body: Any, is_over: Callable[[int], bool] = lambda status: False
    ) -> Any:
        """POST until an answer is no fault of the server, with one key, as API clients do."""
        key = secrets.token_hex(8)
        ends = time.monotonic() + TRIES_FOR_S
        while True:
            answer = self.ask("POST", path, slug, body, **{"Idempotency-Key": key})
            again = answer[0] == 0 or answer[0] >= 500 or answer[0] == 409 and not is_over(409)
            if not again or time.monotonic() > ends:
                return answer
            time.sleep(1)

    def look_on(self) -> None:
        """Ask for lists until `leave`, five times a second."""
        slugs = list(self.keys)
        while not self._over.wait(0.2):
            slug = slugs[self._turn % len(slugs)]
            self.ask("GET", reverse(API_BOOKINGS) + "?limit=5", slug)

    def check_servers(self) -> None:
        """Keep `up` up to date until `leave`."""
        while not self._over.wait(CHECKED_EVERY_S):
            self.up = [port for port in self.ports if _answers(port)]

    def leave(self) -> None:
        self._over.set()


def _answers(port: int) -> bool:
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=ANSWERS_WITHIN_S)) as line:
            line.request("GET", reverse(LOGIN))
            return line.getresponse().status < 500
    except (OSError, HTTPException):
        return False
