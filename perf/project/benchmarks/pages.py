"""The time of the admin's pages on full tables: every list, and the board of a day.

A page is what the browser gets: the request goes through all middleware, and the answer is
rendered to its last byte. It is asked for as an owner, who sees one of the companies, and as a
superuser, who sees all. The lists are those of the models registered in the admin: their first
page and a later one, a search, and every choice of every filter.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client as Browser
from django.urls import reverse

from bookings.models import Booking
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Company
from perf.measuring.machine import load_average
from perf.measuring.scratch import scratch_database, settle
from perf.measuring.statistics import Summary, summarize
from perf.our_code import our_labels
from perf.profiling.visitor import unlogged
from perf.project.benchmarks.shapes import fill
from perf.project.benchmarks.variants import DAY, NOW
from perf.project.doors.addresses import BOARD
from perf.project.doors.visitor import ACTOR, Visit
from perf.project.scenarios.company import seed_scenario
from perf.recording.record import record_queries

LIST_MS, BOARD_MS = 150, 300
BOARD_STATEMENTS = 12
LATER_PAGE = 3
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Page:
    """A page's times in seconds, and what it asked of the database in another visit."""

    name: str
    path: str
    role: str
    seconds: list[float]
    statements: int
    database_ms: float

    @property
    def took(self) -> Summary:
        return summarize(self.seconds)

    def as_dict(self):
        return {name: getattr(self, name) for name in self.__slots__}


def benchmark_pages(*, bookings, boards, drivers, times, seed, progress) -> dict:
    """Return `lists` and `boards`, both of `Page`, measured on a scratch database."""
    with ExitStack() as stack:
        stack.enter_context(scratch_database())
        load = [load_average()]
        lists = []
        if bookings:
            progress.step("inventing companies with a past")
            visit = fill(bookings, seed)
            lists = measure_lists(visit, times=times, progress=progress)
        found = [
            board
            for size in boards
            for board in measure_board(
                size, drivers=drivers, seed=seed, times=times, progress=progress
            )
        ]
        load.append(load_average())
    return {"lists": lists, "boards": found, "load_average": load}


def measure_lists(visit, *, times, progress) -> list[Page]:
    found = []
    for role, browser in (("owner", visit.browser), ("superuser", _superuser())):
        pages = list_pages(visit, browser)
        progress.total += len(pages)
        for name, path, query in pages:
            progress.step(f"{name}, {role}")
            found.append(_measure(name, role, browser, path, query, times=times))
    return found


def list_pages(visit, browser):
    """Return (name, path, query) of every list, as far as this browser's user may open it."""
    found = []
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in our_labels():
            continue
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        with unlogged():
            response = browser.get(path, secure=True)
        if response.status_code == 403:
            continue
        name = str(model._meta.verbose_name_plural)
        listed = response.context_data.get("cl")
        if listed is None:  # a page of its own instead of a list
            found.append((name, path, {}))
            continue
        queries: dict[str, dict[str, object]] = {"": {}}
        if browser.get(path, {"p": LATER_PAGE}, secure=True).status_code == 200:
            queries[f"page {LATER_PAGE}"] = {"p": LATER_PAGE}
        if page.search_fields:
            queries |= {"a word nobody has": {"q": "zzzz"}, "a word some have": {"q": "mar"}}
        for spec in listed.filter_specs:
            for choice in list(spec.choices(listed))[1:]:
                queries[f"{spec.title}: {choice['display']}"] = choice["query_string"]
        if model is Booking:
            queries |= _of_days(visit.day)
        found += [(f"{name}, {what}".rstrip(", "), path, query) for what, query in queries.items()]
    return found


def _of_days(day):
    month = {"from": str(day - timedelta(days=30)), "to": str(day)}
    return {
        "a day": {"from": str(day), "to": str(day)},
        "a day, a word": {"from": str(day), "to": str(day), "q": "gare"},
        "a month": month,
        "a month, a word": month | {"q": "gare"},
        "a month, a word nobody has": month | {"q": "zzzz"},
    }


def measure_board(size, *, drivers, seed, times, progress) -> list[Page]:
    """Invent a company with a planned day of so many bookings, and open its board."""
    slug = f"board-{size}"
    progress.step(f"inventing a day of {size:,} bookings")
    with transaction.atomic():
        seed_scenario(
            slug,
            day=DAY,
            bookings=size,
            drivers=drivers,
            history=0,
            seed=seed,
            events=True,
            now=NOW - timedelta(days=2),
            actor=ACTOR,
        )
    company = Company.objects.get(slug=slug)
    run_dispatch(company, DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
    settle()
    visit = Visit(company, DAY, NOW)
    path = reverse(BOARD, args=[slug, DAY])
    return [
        _measure(f"board, {size:,} bookings", role, browser, path, {}, times=times)
        for role, browser in (("owner", visit.browser), ("superuser", _superuser()))
    ]


def _superuser():
    users = get_user_model().objects
    user = users.filter(is_superuser=True).first() or users.create_superuser("all companies")
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


def _measure(name, role, browser, path, query, *, times):
    """Open a page some times; what the query is may be a dict or "?…"."""
    path, query = (path + query, {}) if isinstance(query, str) else (path, query)

    def open_it():
        response = browser.get(path, query, secure=True)
        if response.status_code != 200:
            raise RuntimeError(f"{path} {query} answered {response.status_code} to the {role}.")

    for _warm in range(WARM_UP):
        open_it()
    seconds = []
    for _time in range(times):
        began = perf_counter()
        open_it()
        seconds.append(perf_counter() - began)
    with record_queries() as q:
        open_it()
    return Page(name, path, role, seconds, len(q), q.ms)
