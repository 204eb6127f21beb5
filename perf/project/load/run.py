"""Load a server: one of our own for each size of day, or one that is running already."""

import asyncio
import json
import secrets
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from random import Random
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from bookings.models import Actor, Door
from perf.measuring.scratch import scratch_database
from perf.project.load.arrivals import schedule
from perf.project.load.client import look_around, open_browsers, send_all
from perf.project.load.doors import DOORS
from perf.project.load.result import Dispatch, LoadRun
from perf.project.load.server import environment, running_server
from perf.project.scenarios.company import seed_scenario

SLUG = "load"
DISPATCH_WITHIN_S = 300
PEOPLE = 4
WARM_UP = 2  # requests at each door for every worker, thrown away


@dataclass(frozen=True, slots=True)
class Load:
    """How much: `rate` a second for `seconds`; `dispatch_every_s` 0 dispatches nothing."""

    rate: float
    seconds: float
    workers: int = 2
    dispatch_every_s: float = 5
    seed: int = 1

    def dispatch_times(self):
        """Return when dispatches are due; at most one a second."""
        if not self.dispatch_every_s:
            return []
        every = max(1.0, self.dispatch_every_s)
        return [number * every for number in range(int(self.seconds / every) + 1)][:3_600]


def is_loopback(url):
    """Say whether the URL can only mean this machine: names other than localhost may not."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_own_server(bookings: int, load: Load, *, history: int, now) -> LoadRun:
    """Seed a scratch database, serve it, load it; nothing is left. Raises ServerDied."""
    password = secrets.token_urlsafe()
    with scratch_database() as scratch:
        with transaction.atomic():
            seeded = seed_scenario(
                SLUG,
                day=None,
                bookings=bookings,
                drivers=max(1, round(bookings / 9)),
                history=history,
                seed=load.seed,
                events=True,
                now=now,
                actor=Actor(Door.COMMAND, name="load_test"),
            )
        get_user_model().objects.create_superuser(username=SLUG, password=password)
        with running_server(scratch.settings, workers=load.workers) as server:
            samples, dispatches = asyncio.run(
                _load(
                    server.url, SLUG, password, load,
                    day=seeded.day, writes=True, config=scratch.settings,
                )
            )  # fmt: skip
            return LoadRun(bookings, load.seconds, samples, dispatches, server.said())


def load_running_server(url, user, password, load: Load, *, day: date, writes: bool) -> LoadRun:
    """Load a server that somebody else runs; bookings are created there with `writes` alone."""
    samples, dispatches = asyncio.run(
        _load(url.rstrip("/"), user, password, load, day=day, writes=writes, config=None)
    )
    return LoadRun(None, load.seconds, samples, dispatches)


async def _load(url, user, password, load, *, day, writes, config):
    doors = [door for door in DOORS if writes or not door.writes]
    weights = [(door.name, door.weight) for door in doors]
    arrivals = schedule(weights, rate=load.rate, seconds=load.seconds, seed=load.seed)
    mark = f"LOAD-{secrets.token_hex(3)}"
    async with AsyncExitStack() as stack:
        browsers = await open_browsers(stack, url, user, password, people=PEOPLE)
        known = await look_around(browsers[0], day=day, mark=mark)
        await _warm_up(doors, browsers, known, load)
        if config is None:
            return tuple(await send_all(arrivals, browsers, known, seed=load.seed)), ()
        beside = await stack.enter_async_context(_Dispatcher(config, day))
        samples, dispatches = await asyncio.gather(
            send_all(arrivals, browsers, known, seed=load.seed),
            beside.dispatch_at(load.dispatch_times()),
        )
    return tuple(samples), tuple(dispatches)


async def _warm_up(doors, browsers, known, load):
    """Ask at every door of reading a few times, one after the other."""
    random = Random(0)
    for number in range(WARM_UP * load.workers):
        for door in doors:
            if not door.writes:
                await browsers[number % PEOPLE].send(door.request(known, random, number))


class _Dispatcher:
    """The process beside the server that dispatches when told to (`load.dispatcher`)."""

    def __init__(self, config, day):
        self.config = config
        self.arguments = ["--company", SLUG, "--date", day.isoformat(), "--fast"]

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "perf.project.load.dispatcher", *self.arguments),
            cwd=settings.BASE_DIR,
            env=environment(self.config),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=2**24,
        )
        await self._answer()
        return self

    async def __aexit__(self, *exception):
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    async def dispatch_at(self, times):
        """Dispatch at these seconds from now, one after the other; return what came of it."""
        loop = asyncio.get_running_loop()
        start = loop.time() + 0.1
        done = []
        for at_s in times:
            await asyncio.sleep(start + at_s - loop.time())
            self.process.stdin.write(b"dispatch\n")
            answer = await self._answer()
            done.append(
                Dispatch(
                    scheduled_s=at_s,
                    done_s=loop.time() - start,
                    seconds=answer.get("seconds", 0.0),
                    assigned=answer.get("assigned"),
                    statements=answer.get("statements"),
                    error=answer["error"],
                )
            )
            if "over" in answer:
                break
        return done

    async def _answer(self):
        """Return the next answer; a silent or dead process is an error, not an exception."""
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), DISPATCH_WITHIN_S)
        except TimeoutError:
            return {"error": f"no answer within {DISPATCH_WITHIN_S} s", "over": True}
        if not line:
            return {"error": "the process beside died", "over": True}
        return json.loads(line)
