"""What all who look at a company's day see is made once per change, not once per person.

The fragment of the board is kept in the shared cache, compressed, under everything that it depends
on: the day, the company's latest event and plan, its fleet, its policy, the reader's language and
whether they may write. So is the advice that each board asks for once it is shown. What else there
is on them (a position, who is late by now, a client's corrected name) follows within
`BOARD_SHARED_S` seconds: so long one moment holds for all. One makes it, the others wait for that
one. While the cache fails, each process shares its own.

Nothing in it is of a person: it is rendered without a request. Boards that ask for first steps,
whose buttons carry a token, are not kept.
"""

import gzip
import hashlib
import threading
import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils.translation import get_language

from dispatch.board.day import read_fleet
from dispatch.board.queries import read_last
from drivers.models import Company
from drivers.rest.throttling import OUTAGE

KEPT_S = 60
STAMP_KEPT_S = 0.5  # for all who ask
MADE_WITHIN_S = 5.0  # by another: then it is made here
LOOKS_EVERY_S = 0.05
KEPT_HERE = 50  # of some 100 kB with 1,000 trips
_here: dict[str, bytes] = {}
_lines = [threading.Lock() for _ in range(16)]


class Stamp(NamedTuple):
    """What a board is made from, in short; where it is the same, the board is."""

    event: int
    run: tuple[int, datetime | None] | None
    fleet: str


def read_stamp(company: Company, day: date, *, known: int | None = None) -> Stamp:
    """Return the stamp of a day: 4 statements, 5 before the first plan, or none.

    With `known`, an event, one that another has read within half a second will do if it is as new:
    who has changed something asks without, and sees it. Polling asks with an event of 0.
    """
    if known is not None and settings.BOARD_SHARED_S:
        kept = kept_stamp(company.pk, day)
        if kept is not None and kept.event >= known:
            return kept
    event, run = read_last(company, day)
    stamp = Stamp(event, run and (run.id, run.finished_at), read_fleet(company, day).tag())
    if settings.BOARD_SHARED_S:
        OUTAGE.ask(lambda: cache.set(_key("stamp", company.pk, day), stamp, STAMP_KEPT_S))
    return stamp


def kept_stamp(company_id: int, day: date) -> Stamp | None:
    """Return the stamp that somebody has read within half a second, if any. No statement."""
    kept: Stamp | None = OUTAGE.ask(lambda: cache.get(_key("stamp", company_id, day)))
    return kept


def shared_fragment(
    what: str,
    company: Company,
    day: date,
    *,
    now: datetime,
    may_write: bool,
    known: int | None,
    make: Callable[[], tuple[str, bool]],
) -> bytes:
    """Return a fragment, compressed; `make` returns the text and whether it may be shared.

    `what` tells the fragments of a day apart; `known` is that of `read_stamp`.
    """
    if not settings.BOARD_SHARED_S:
        return _compressed(make()[0])
    bucket = int(now.timestamp() // settings.BOARD_SHARED_S)
    stamp = read_stamp(company, day, known=known)
    seen = (day, bucket, *stamp, get_language(), may_write, _policy(company))
    key = _key(what, company.pk, *seen)
    if (kept := _here.get(key)) is not None:
        return kept
    # One thread of this process makes it, or waits for another process; the others wait for that
    # one without looking. Many that look keep the one that makes it from its processor.
    line = _lines[int(key[-2:], 16) % len(_lines)]
    is_first = line.acquire(timeout=MADE_WITHIN_S)
    try:
        if (kept := _here.get(key)) is None:
            kept = _from_cache(key, make)
        return kept
    finally:
        if is_first:
            line.release()


def _from_cache(key: str, make: Callable[[], tuple[str, bool]]) -> bytes:
    kept: bytes | None = OUTAGE.ask(lambda: cache.get(key))
    mine = kept is None and OUTAGE.ask(lambda: cache.add(f"{key}.made", True, MADE_WITHIN_S))
    if kept is None and not mine:
        kept = _wait_for(key)
    if kept is not None:
        _keep_here(key, kept)
        return kept
    try:
        text, is_shared = make()
        made = _compressed(text)
        if is_shared:
            _keep_here(key, made)
            OUTAGE.ask(lambda: cache.set(key, made, KEPT_S))
    finally:
        if mine:
            OUTAGE.ask(lambda: cache.delete(f"{key}.made"))
    return made


def _keep_here(key: str, made: bytes) -> None:
    """Keep it in this process, where it is shared even while the cache fails."""
    _here[key] = made
    while len(_here) > KEPT_HERE:
        _here.pop(next(iter(_here)), None)


def _wait_for(key: str) -> bytes | None:
    """Return what another is making, or None if that one does not get ready, or shares nothing."""
    until_s = time.monotonic() + MADE_WITHIN_S
    while time.monotonic() < until_s and not OUTAGE.is_known:
        is_made = OUTAGE.ask(lambda: cache.get(f"{key}.made"))
        kept: bytes | None = OUTAGE.ask(lambda: cache.get(key))
        if kept is not None or not is_made:
            return kept
        time.sleep(LOOKS_EVERY_S)
    return None


def _policy(company: Company) -> list[Any]:
    return [getattr(company, field.attname) for field in company._meta.concrete_fields]


def _key(kind: str, company_id: int, *seen: Any) -> str:
    """Return the key; the database's name is in it, for caches outlive databases."""
    about = repr((connection.settings_dict["NAME"], company_id, *seen))
    return f"board.{kind}.{hashlib.sha256(about.encode()).hexdigest()}"


def _compressed(text: str) -> bytes:
    return gzip.compress(text.encode(), compresslevel=4, mtime=0)
