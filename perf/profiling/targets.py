"""Profile what comes in through a door: a URL, a management command."""

import io
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus

from django.core.management import CommandError, call_command
from django.utils.translation import gettext as _

from perf.measuring.taken_back import kept
from perf.profiling.profile import Profile, profile_block
from perf.profiling.visitor import browser, send


def profile_url(
    path: str,
    *,
    now: datetime,
    user=None,
    method: str = "GET",
    data: str = "",
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
    apply: bool = False,
    **options,
) -> Profile:
    """Profile a request through all middleware; without `apply` its writes are taken back.

    `data` is the body. Logging `user` in is not recorded. The response is the profile's
    `result`; an answer that is no success is among the notices.
    """
    client = browser()

    @contextmanager
    def logged_in(rehearsal):
        with kept(apply and not rehearsal):
            client.cookies.clear()
            if user is not None:
                client.force_login(user)
            yield

    return profile_block(
        f"{method} {path}",
        lambda: send(client, path, method, data, content_type, headers),
        now=now,
        rehearse=True,
        around=logged_in,
        describe=_described,
        **options,
    )


def profile_command(
    name: str,
    arguments: Sequence[str] = (),
    *,
    now: datetime,
    apply: bool = False,
    **options,
) -> Profile:
    """Profile a management command; without `apply` its writes are taken back.

    Only those to the databases are: files, mails and calls over the network are not. What it
    prints to its own `stdout` and `stderr` is the profile's `result`. Raises what the command
    raises; CommandError for a name that is none, wrong arguments, and sys.exit().
    """

    def command():
        out = io.StringIO()
        try:
            call_command(name, *arguments, stdout=out, stderr=out, no_color=True)
        except SystemExit as left:
            raise CommandError(f"{name} left with {left.code}; what it did is lost.") from left
        return out.getvalue()

    return profile_block(
        " ".join(["manage.py", name, *arguments]),
        command,
        now=now,
        rehearse=True,
        around=lambda rehearsal: kept(apply and not rehearsal),
        describe=lambda printed: ({}, {_("Lines printed"): len(printed.splitlines())}),
        **options,
    )


def _described(response):
    outcome = {_("Status"): response.status_code, _("Bytes"): response.length}
    if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return {}, outcome
    answer = f"{response.status_code} {response.reason_phrase}"
    if "Location" in response.headers:
        answer = f"{answer} → {response.headers['Location']}"
    notice = _("The answer was %(answer)s: this is the profile of that, and not of the page.")
    return {}, outcome, [notice % {"answer": answer}]
