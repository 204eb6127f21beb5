"""Somebody who comes to an invented company, and the doors that he goes through, recorded."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bookings.models import Actor, Door
from drivers.companies.tokens import issue_token
from drivers.models import Company, Driver, Membership, Role
from perf.indexes.explain import rolled_back
from perf.profiling.visitor import unlogged
from perf.project.doors.addresses import LOGIN
from perf.recording.record import record_queries

ACTOR = Actor(Door.COMMAND, name="benchmark_indexes")
PORTAL = "Portal"  # a customer with clients of its own, and a system that asks for it


@dataclass
class Visit:
    """An owner of the company on a day, one of its drivers, and the system of its portal.

    `browser` is where the owner is logged in. The API is asked with a token.
    """

    company: Company
    day: date
    now: datetime
    browser: Browser = None
    run: int | None = None

    def __post_init__(self):
        owner = self._member("visitor", Role.OWNER)
        driver = self._member("driver", Role.DRIVER)
        first = Driver.objects.filter(company=self.company).order_by("id").first()
        Driver.objects.filter(id=first.id).update(user=driver.user)
        self.keys = {
            member.role: issue_token(member, name="visit", now=timezone.now())[1]
            for member in (owner, driver)
        }
        _token, self.keys[Role.CLIENT_API] = issue_token(
            owner,
            name="portal",
            now=timezone.now(),
            role=Role.CLIENT_API,
            customer=self.company.customers.filter(name=PORTAL).first()
            or self.company.default_customer,
        )
        self.browser = Browser(SERVER_NAME="localhost", raise_request_exception=True)
        self.browser.force_login(owner.user)

    def _member(self, name, role):
        username = f"{name} of {self.company.slug}"
        user = get_user_model().objects.create_user(username, is_staff=role == Role.OWNER)
        return Membership.objects.create(user=user, company=self.company, role=role)

    def get(self, path, *, may_refuse=False, **query):
        """Open a page; what is not served is no door, but a role may be refused one."""
        with unlogged():
            response = self.browser.get(path, query, secure=True, follow=True)
        status, came_to = response.status_code, response.request["PATH_INFO"]
        if came_to == reverse(LOGIN):
            raise RuntimeError(f"{path} asks for a login.")
        if status != 200 and not (may_refuse and status == 403):
            raise RuntimeError(f"{path} answered {status}.")

    def ask(self, path, role=Role.OWNER, /, **query):
        """Return what the API answers to the member with this role."""
        headers = {"Authorization": f"Bearer {self.keys[role]}"}
        with unlogged():
            response = Browser(SERVER_NAME="localhost").get(
                path, query or None, secure=True, headers=headers
            )
        if response.status_code != 200:
            raise RuntimeError(f"{path} {query} answered {response.status_code}.")
        return response.json()


@dataclass(frozen=True, slots=True)
class Way:
    """A door: its name, how to go through it, and whether that is taken back.

    What `find` returns is found before the recording begins, and given to `enter`.
    """

    name: str
    enter: Callable[..., object]
    taken_back: bool = False
    find: Callable[[Visit], object] | None = None


def go_through(way: Way, visit: Visit):
    """Enter one door, and return what was recorded."""
    given = () if way.find is None else (way.find(visit),)
    with rolled_back(connection) if way.taken_back else nullcontext(), record_queries() as q:
        way.enter(visit, *given)
    return q
