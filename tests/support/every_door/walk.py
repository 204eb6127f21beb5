"""Enter doors of a company, one after the other, each from the same state of the database."""

from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from unittest import mock

from django.db import connection
from django.test import TestCase
from django.urls import reverse

from drivers.models import Company
from perf.measuring.taken_back import taken_back
from tests.support import builders as make
from tests.support.browsing import at_once
from tests.support.every_door.company import NOW, Busy, clock
from tests.support.invariants import broken, violations_of_plan

API = "/api/v1/"
AGREEMENTS = ("release", "move")
# Runs in the background would search for as long as the size of the day asks for.
FIRST_PLAN = mock.patch("dispatch.planner.solve.default_budget_s", return_value=0)


class Writes:
    """Counts nothing: it says whether anything was written, the session of the browser aside."""

    any = False

    def __call__(self, execute, sql, params, many, context):
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and "django_session" not in sql:
            self.any = True
        return execute(sql, params, many, context)


@dataclass(frozen=True)
class Entered:
    """What came of entering a door; `faults` are the rules of plan or rows that it broke."""

    about: str
    label: str
    status: int
    faults: frozenset[str]

    @property
    def done(self) -> bool:
        return self.status < 400


class Walk:
    """Enters doors; `entered` says what came of each."""

    def __init__(self, busy: Busy) -> None:
        self.busy = busy
        self.entered: list[Entered] = []

    def enter(self, about: str, label: str, send: Callable[..., Any], *sent: Any) -> None:
        """Send it; where the answer lists trips that would break, send it again and agree.

        `about` is what must be done at least once, such as a field; `send` takes `release` and
        `move`, the ids of assignments that are agreed to.
        """
        trips = self._enter(about, label, send, *sent)
        for way in AGREEMENTS if trips else ():
            self._enter(about, f"{label}, {way} agreed", send, *sent, **{way: trips})

    def _enter(self, about, label, send, *sent, **agreed):
        """Enter a door once, and take back what it wrote; return the trips that it refused for."""
        writes = Writes()
        with taken_back(), clock(), at_once(), FIRST_PLAN, connection.execute_wrapper(writes):
            try:
                with TestCase.captureOnCommitCallbacks(execute=True):
                    response = send(*sent, **agreed)
            except Exception as error:  # only to name the door; it is raised on unchanged
                error.add_note(f"door: {label}")
                raise
            finally:  # the door may have been that to log out
                self.busy.browser.cookies = SimpleCookie(self.busy.cookies)
            faults = self.faults() if writes.any else ()
        found = frozenset(fault if isinstance(fault, str) else fault[0] for fault in faults)
        self.entered.append(Entered(about, label, status_of(response), found))
        return broken_trips(response)

    def faults(self):
        return self._rows() | self._violations()

    def _violations(self):
        company = Company.objects.get(pk=self.busy.company.pk)  # its policy may have changed
        found = violations_of_plan(company, make.DAY, NOW)
        return {(str(row.code), row.trip_id, row.driver_id) for row in found}

    def _rows(self):
        return frozenset(broken())

    # What is sent ------------------------------------------------------------------------

    def api(self, method, path, body=None, caller=None, *, release=(), move=()):
        """Send a request to the API, as the owner unless told otherwise."""
        query = "&".join(
            f"{way}={','.join(map(str, ids))}"
            for way, ids in (("release", release), ("move", move))
            if ids
        )
        address = f"{API}{path}{'?' if query else ''}{query}"
        return getattr(caller or self.busy.owner, method.lower())(address, body, format="json")

    def post(self, path, form, *, release=(), move=()):
        """Post a form of the admin."""
        agreed = {"release": list(release), "move": list(move)}
        sent = {name: value for name, value in form.items() if value is not None}
        sent |= {name: ids for name, ids in agreed.items() if ids}
        response = self.busy.browser.post(path, sent)
        if (response.context or {}).get("review"):  # its list was seen
            seal = response.context["adminform"].form.seal
            return self.busy.browser.post(path, sent | {"reviewed": seal})
        return response


def status_of(response):
    """Return the status of an answer; 422 for a form shown again with errors, 401 for the login."""
    if isinstance(response, int):
        return response
    if "/login/" in response.get("Location", ""):
        return 401
    context = response.context or {}
    if context.get("errors") or getattr(context.get("form"), "errors", None):
        return 422
    return response.status_code


def broken_trips(response):
    """Return the ids of the assignments that an answer lists as broken by the change."""
    if isinstance(response, int) or response.status_code != 409:
        return []
    if response["Content-Type"].startswith("application/problem+json"):
        return [row["assignment"] for row in response.json().get("trips", ())]
    context = response.context or {}
    return [trip.assignment_id for trip in context.get("trips", ()) if hasattr(trip, "why")]


def admin_url(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)
