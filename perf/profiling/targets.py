"""Profile what comes in through a door: a URL."""

from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils.translation import gettext as _

from perf.profiling.profile import Profile, profile_block


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
    client = Client(SERVER_NAME=_host(), raise_request_exception=True)

    @contextmanager
    def logged_in(rehearsal):
        with kept(apply and not rehearsal):
            client.cookies.clear()
            if user is not None:
                client.force_login(user)
            yield

    def request():
        response = client.generic(
            method,
            path,
            data,
            content_type=content_type,
            secure=settings.SECURE_SSL_REDIRECT,
            headers=headers,
        )
        response.length = _length(response)  # reading a stream is part of answering
        return response

    return profile_block(
        f"{method} {path}",
        request,
        now=now,
        rehearse=True,
        around=logged_in,
        describe=_described,
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
