"""Send what a schedule says, when it says it, and note what came back.

Why not a load tool: locust, the well-kept one in Python, has no arrivals. Its wait times
(`constant_throughput`, `constant_pacing`, `poisson`) belong to users who wait for their
answer first, and can only hold them back: a slow server is asked less, a closed model. k6,
vegeta and wrk2, which have an open one, are no Python packages. What is left to write with a
well-kept HTTP client (aiohttp) is one loop.

Times are seconds from the start of the schedule. The response time is counted from the
scheduled moment, not from the sending: if this process is late, that is time a person waits.
"""

import asyncio
from dataclasses import astuple, dataclass, fields
from random import Random

import aiohttp
from django.urls import reverse
from yarl import URL

from perf.project.doors import addresses
from perf.project.load.doors import (
    DOORS,
    LISTS,
    Known,
    Request,
    companies_in,
    company_in,
    ids_in,
)
from perf.recording.count_middleware import HEADER

TIMEOUT_S = 60
MOST_AT_ONCE = 500
BROKEN_OFF = "broken off"
BY_NAME = {door.name: door for door in DOORS}


class LoginRefused(Exception):
    """The server does not let these credentials into the admin."""


class NothingKnown(Exception):
    """The server's pages show no rows to ask for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. `done_s` is when the whole answer was there; `error` is "" if it was right."""

    door: str
    scheduled_s: float
    sent_s: float
    done_s: float
    status: int
    statements: int | None
    error: str

    @property
    def ms(self):
        return (self.done_s - self.scheduled_s) * 1000

    def as_row(self):
        return astuple(self)


COLUMNS = tuple(field.name for field in fields(Sample))


class Browser:
    """Somebody who is logged in. Redirects are not followed: they are answers."""

    def __init__(self, session, url):
        self.session = session
        self.url = url

    async def send(self, request):
        """Return (status, headers, text)."""
        headers, form = {"X-Company": request.company}, request.form
        if request.method != "GET":
            token = self._token()
            headers |= {"X-CSRFToken": token, "Referer": self.url + request.path}
            form = None if form is None else {**form, "csrfmiddlewaretoken": token}
        async with self.session.request(
            request.method,
            self.url + request.path,
            data=form,
            json=request.json,
            headers=headers,
            allow_redirects=False,
        ) as answer:
            return answer.status, answer.headers, await answer.text()

    async def get(self, name, query=""):
        status, _headers, text = await self.send(Request(reverse(name) + query))
        if status != 200:
            raise NothingKnown(f"{reverse(name)} answered {status}.")
        return text

    async def log_in(self, user, password):
        await self.get(addresses.LOGIN)
        path = reverse(addresses.LOGIN)
        form = {"username": user, "password": password, "next": reverse(addresses.INDEX)}
        status, _headers, _text = await self.send(Request(path, "POST", form))
        if status != 302:
            raise LoginRefused(f"The admin does not let “{user}” in (answer {status}).")

    def _token(self):
        cookies = self.session.cookie_jar.filter_cookies(URL(self.url))
        return cookies["csrftoken"].value if "csrftoken" in cookies else ""


async def look_around(browser, *, day, mark):
    """Read the ids and choices that requests are made of. Raises NothingKnown."""
    known = Known(day, mark)
    for model, (name, query) in LISTS.items():
        known.ids[model] = ids_in(await browser.get(name, query), name)
        if not known.ids[model]:
            raise NothingKnown(f"{reverse(name)} shows no rows: load some first.")
    known.companies = companies_in(await browser.get(addresses.NEW_BOOKING))
    start = reverse(addresses.BOARD_OPEN)
    status, headers, _text = await browser.send(Request(start))
    if status != 302:
        raise NothingKnown(f"{start} answered {status}: it leads to no board.")
    known.company = company_in(headers["Location"])
    return known


async def open_browsers(stack, url, user, password, *, people):
    """Return logged-in browsers, closed with the stack. Raises LoginRefused."""
    browsers = []
    for _number in range(people):
        session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies of an IP address too
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )
        browsers.append(Browser(await stack.enter_async_context(session), url))
        await browsers[-1].log_in(user, password)
    return browsers


async def send_all(arrivals, browsers, known, *, seed):
    """Send every arrival at its time; return a Sample for each, in the order of arrival.

    At most MOST_AT_ONCE wait for their answers; what arrives beyond is not sent, and an error.
    """
    random = Random(seed)
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.1
    tasks, waiting = [], set()
    for arrival in arrivals:
        await asyncio.sleep(start + arrival.at_s - loop.time())
        door = BY_NAME[arrival.door]
        if len(waiting) >= MOST_AT_ONCE:
            late = loop.time() - start
            error = f"not sent: {MOST_AT_ONCE} were waiting"
            tasks.append(Sample(door.name, arrival.at_s, late, late, 0, None, error))
            continue
        request = door.request(known, random, arrival.number)
        browser = browsers[arrival.number % len(browsers)]
        task = asyncio.create_task(_sample(door, arrival, request, browser, loop, start))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        tasks.append(task)
    return [task if isinstance(task, Sample) else await task for task in tasks]


async def _sample(door, arrival, request, browser, loop, start):
    samples: list[Sample] = []
    await sampled(
        samples,
        door.name,
        arrival.at_s,
        lambda: loop.time() - start,
        browser.send(request),
        expects=(door.expects,),
    )
    return samples[0]


async def sampled(samples, door, at_s, now, request, *, expects):
    """Wait for the answer to a request, and keep a Sample of it. Returns (status, body or "").

    `request` gives (status, headers, body); `now()` are the seconds from the start. What is broken
    off, because nobody wants the answer any more, is kept as an error, with the time until then.
    """
    sent_s, status, statements, error, body = now(), 0, None, BROKEN_OFF, ""
    try:
        status, headers, body = await request
        counted = headers.get(HEADER, "")
        statements = int(counted) if counted.isdecimal() else None
        error = "" if status in expects else f"answer {status}"
    except TimeoutError:
        error = f"no answer within {TIMEOUT_S} s"
    except aiohttp.ClientError as problem:
        error = type(problem).__name__
    finally:
        samples.append(Sample(door, at_s, sent_s, now(), status, statements, error))
    return status, body
