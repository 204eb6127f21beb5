"""Profile what comes in through the doors: a dispatch, a URL."""

from contextlib import contextmanager
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils.translation import gettext as _

from bookings.models import Actor, Door
from dispatch.runs.options import RunOptions
from dispatch.runs.run import run_dispatch
from drivers.models import Company
from perf.profile import Profile, profile_block


def profile_dispatch(
    company: Company,
    day: date,
    *,
    now: datetime,
    apply: bool = False,
    time_limit_s: float | None = None,
    **options,
) -> Profile:
    """Profile one whole dispatch; without `apply` all its work is taken back.

    A rehearsal comes before it in both cases. `options` are those of `profile_block`. Raises
    what `run_dispatch` raises.
    """
    actor = Actor(Door.COMMAND, name="profile_dispatch")

    def dispatch(keep):
        with kept(keep):
            options = RunOptions(time_limit_s=time_limit_s)
            return run_dispatch(company, day, now=now, actor=actor, options=options)

    return profile_block(
        _("Dispatch of %(company)s on %(day)s") % {"company": company.slug, "day": day},
        lambda: dispatch(apply),
        now=now,
        warm_up=lambda: dispatch(False),
        describe=_described,
        **options,
    )


def _described(report):
    phases = {name[:-2]: seconds * 1000 for name, seconds in report.timings.items()}
    phases.pop("total", None)
    outcome = {
        _("Statements of the dispatch itself"): report.statements,
        _("Bookings"): report.bookings,
        _("Assignments created"): sum(
            report.changes[name] for name in ("placed", "moved", "retimed")
        ),
        _("Assigned"): report.assigned,
        _("Unassigned"): len(report.unassigned),
    }
    return phases, outcome


def profile_url(
    path: str,
    *,
    now: datetime,
    user=None,
    method: str = "GET",
    data: str = "",
    apply: bool = False,
    **options,
) -> Profile:
    """Profile a request through all middleware; without `apply` its writes are taken back.

    `data` is a JSON body. The response is the profile's `result`.
    """

    def request(keep):
        with kept(keep):
            client = Client(SERVER_NAME=_host(), raise_request_exception=True)
            if user is not None:
                client.force_login(user)
            return client.generic(
                method,
                path,
                data,
                content_type="application/json",
                secure=settings.SECURE_SSL_REDIRECT,
            )

    return profile_block(
        f"{method} {path}",
        lambda: request(apply),
        now=now,
        warm_up=lambda: request(False),
        describe=lambda response: (
            {},
            {_("Status"): response.status_code, _("Bytes"): _length(response)},
        ),
        **options,
    )


def _length(response):
    if getattr(response, "streaming", False):
        return sum(map(len, response.streaming_content))
    return len(response.content)


def _host():
    for host in settings.ALLOWED_HOSTS:
        if host not in ("*", "[::1]"):
            return host.lstrip(".")
    return "localhost"


@contextmanager
def kept(keep):
    """Take back what is written inside, unless it is to be kept."""
    if keep:
        yield
        return
    block = transaction.atomic()
    block._from_testcase = True  # as around a test: a durable block may lie inside it
    with block:
        yield
        transaction.set_rollback(True)
