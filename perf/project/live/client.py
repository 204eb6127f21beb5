"""Boards, phones and drivers' apps that ask a server as the real ones do; one process for all.

What each asks for is taken from `board.js`, the board's templates, `drive.js` and `queue.js`. The
connections are shared, as behind a proxy. Times are seconds from the start, but `Look.at`.
"""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import aiohttp
from django.conf import settings
from django.urls import reverse
from django.utils.crypto import get_random_string

from dispatch.drive.access import COOKIE
from perf.project.doors import addresses
from perf.project.live.company import Key, Live
from perf.project.live.people import (
    ACT,
    APP_S,
    DRIVER,
    LINGER_S,
    PHONE,
    PHONE_POSITIONS,
    POLL_S,
    STALE_S,
    Due,
)
from perf.project.load.client import TIMEOUT_S, sampled

FIGURES = re.compile(r'data-event="(\d+)" data-fleet="([0-9a-f]+)"')
WARM_UP = 20  # requests of each kind but boards and phones, thrown away
ADVISED = 'id="advice-vehicles"'
NEWS, FRAGMENT, TOOLS, ADVICE = "a board's news", "a board", "a board's tools", "a board's advice"


class Look(NamedTuple):
    """What a board showed from a moment on: everything up to this event."""

    event: int
    at: datetime


class Position(NamedTuple):
    at: datetime
    lat: float
    lon: float


class Line:
    """The way to the server; keeps a sample of each request."""

    def __init__(self, session, url):
        self.session, self.url = session, url
        self.loop = asyncio.get_running_loop()
        self.start = self.loop.time() + 0.1
        self.samples = []

    def now(self):
        return self.loop.time() - self.start

    async def until(self, at_s):
        await asyncio.sleep(self.start + at_s - self.loop.time())

    async def send(self, door, at_s, path, *, method="GET", expects=(200,), cookies=(), **request):
        """Return (status, body); of an error no body, unless it is an answer."""
        cookie = "; ".join(f"{name}={value}" for name, value in cookies)
        headers = {"Cookie": cookie, **request.pop("headers", {})}

        async def answered():
            async with self.session.request(
                method, self.url + path, headers=headers, allow_redirects=False, **request
            ) as answer:
                return answer.status, answer.headers, await answer.text()

        return await sampled(self.samples, door, at_s, self.now, answered(), expects=expects)


class Board:
    """An open board: `looks` are what it has shown, one after the other."""

    def __init__(self, line, live: Live, session):
        self.line, self.day = line, live.day
        self.cookies = [(settings.SESSION_COOKIE_NAME, session)]
        slug = live.company.slug
        self.news = reverse(addresses.NEWS, args=[slug])
        self.fragment, self.tools, self.advice = (
            reverse(view, args=[slug, live.day])
            for view in (addresses.FRAGMENT, addresses.RUNS, addresses.ADVICE)
        )
        self.latest, self.fleet, self.read_s = 0, "", 0.0
        self.looks: list[Look] = []

    async def poll(self, first_s, until_s):
        """Ask for news until then, each time a while after the last answer."""
        at_s, fetch = first_s, None
        while at_s < until_s:
            await self.line.until(at_s)
            query = f"?after={self.latest}&day={self.day}&fleet={self.fleet}"
            status, body = await self._get(NEWS, at_s, self.news + query, expects=(200, 204))
            after = await self._told(status, body)
            if after is not None:
                if fetch and not fetch.done():
                    fetch.cancel()  # htmx: hx-sync="this:replace"
                fetch = asyncio.create_task(self.read(after))
            at_s = self.line.now() + POLL_S
        if fetch:
            await fetch

    async def _told(self, status, body):
        """Return the query of the board that is to be read, or None if there is nothing new."""
        if status == 200:
            self.latest = json.loads(body)["event"]
            return f"?after={self.latest}"
        if self.line.now() - self.read_s > STALE_S:
            self.read_s = self.line.now()
            return ""
        return None

    async def read(self, query=""):
        """Read the board, then what it reads once it is shown."""
        status, body = await self._get(FRAGMENT, self.line.now(), self.fragment + query)
        found = FIGURES.search(body)
        if status != 200 or found is None:
            return
        self.looks.append(Look(int(found[1]), datetime.now(UTC)))
        self.latest, self.fleet = max(self.latest, int(found[1])), found[2]
        self.read_s = self.line.now()
        await self._get(TOOLS, self.read_s, self.tools)
        if ADVISED in body:
            await self._get(ADVICE, self.read_s, f"{self.advice}?after={self.latest}")

    async def _get(self, door, at_s, path, **about):
        return await self.line.send(door, at_s, path, cookies=self.cookies, **about)


class Others:
    """Phones and apps of drivers, and the dispatcher who acts.

    `answered` has the newest position of each driver that the server said it has.
    """

    def __init__(self, line, live: Live, seed):
        self.line, self.live = line, live
        self.random = Random(seed)
        self.token = get_random_string(32)
        self.tags: dict[int, str] = {}
        self.answered: dict[int, Position] = {}
        self.acts = 0

    async def report(self, due: Due):
        """Report by the app: one position."""
        one = self.live.apps[due.who]
        positions = self._positions(1)
        status, _body = await self.line.send(
            DRIVER,
            due.at_s,
            reverse(addresses.MY_POSITIONS),
            method="POST",
            expects=(204,),
            headers={"Authorization": f"Bearer {one.key}"},
            json={"positions": [_plain(position) for position in positions]},
        )
        if status == 204:
            self._note(one, positions)

    async def sync(self, due: Due):
        """Send what the phone has noted, and learn the day if it has changed."""
        one = self.live.phones[due.who]
        positions = self._positions(PHONE_POSITIONS)
        status, body = await self.line.send(
            PHONE,
            due.at_s,
            reverse(addresses.DRIVE_SYNC),
            method="POST",
            headers={"X-CSRFToken": self.token},
            cookies=[(COOKIE, one.key), ("csrftoken", self.token)],
            json={
                "sent_at": datetime.now(UTC).isoformat(),
                "seen": self.tags.get(due.who, ""),
                "taps": [],
                "positions": [_plain(position) for position in positions],
            },
        )
        if status == 200:
            self._note(one, positions)
        if found := re.search(r'"tag": "(\w+)"', body):
            self.tags[due.who] = found[1]

    async def act(self, due: Due):
        """Lock a trip, and the next time unlock it: what one dispatcher does at the board."""
        trip, is_locked = divmod(self.acts, 2)
        booking, assignment = self.live.trips[trip % len(self.live.trips)]
        action = "unlock" if is_locked else "lock"
        self.acts += 1
        await self.line.send(
            ACT,
            due.at_s,
            reverse(addresses.CHANGE, args=[self.live.company.slug, booking]),
            method="POST",
            headers={"X-CSRFToken": self.token},
            cookies=[
                (settings.SESSION_COOKIE_NAME, self.live.sessions[0]),
                ("csrftoken", self.token),
            ],
            data={"action": action, "version": 1, "assignment": assignment},
        )

    def _positions(self, many):
        """Return so many positions, the oldest first, the last of now."""
        now, uniform = datetime.now(UTC), self.random.uniform
        return [
            Position(
                now - ago * timedelta(seconds=APP_S),
                round(uniform(46.17, 46.24), 6),
                round(uniform(6.08, 6.18), 6),
            )
            for ago in reversed(range(many))
        ]

    def _note(self, one: Key, positions):
        before = self.answered.get(one.driver_id, positions[0])
        self.answered[one.driver_id] = max(before, *positions)


def _plain(position):
    return {"at": position.at.isoformat(), "lat": position.lat, "lon": position.lon}


async def live(url, live_day: Live, schedule: list[Due], *, seconds, seed, began, ended):
    """Let everybody do what is due; return the boards, the others and the samples of that time.

    Every board and phone has read its day before. `began()` and `ended()` are called when the
    schedule begins and ends; the boards stay a little longer, to see what was done last.
    """
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
    ) as session:
        line = Line(session, url)
        boards = [Board(line, live_day, one) for one in live_day.sessions]
        others = Others(line, live_day, seed)
        for board in boards:
            await board.read()
        for who in range(len(live_day.phones)):
            await others.sync(Due(line.now(), PHONE, who))
        for due in [each for each in schedule if each.kind != PHONE][:WARM_UP]:
            await {DRIVER: others.report, ACT: others.act}[due.kind](due)
        line.samples.clear()
        line.start = line.loop.time() + 0.1
        for board in boards:
            board.read_s = 0.0
        began()
        random = Random(seed)
        polling = [
            asyncio.create_task(board.poll(random.uniform(0, POLL_S), seconds + LINGER_S))
            for board in boards
        ]
        tasks = await _send(line, others, schedule)
        await line.until(seconds)
        ended()
        await asyncio.gather(*polling, *tasks)
        samples = [sample for sample in line.samples if sample.scheduled_s < seconds]
    return boards, others, sorted(samples, key=lambda sample: sample.scheduled_s)


async def _send(line, others, schedule):
    """Begin each request when it is due."""
    does = {PHONE: others.sync, DRIVER: others.report, ACT: others.act}
    tasks = []
    for due in schedule:
        await line.until(due.at_s)
        tasks.append(asyncio.create_task(does[due.kind](due)))
    return tasks
