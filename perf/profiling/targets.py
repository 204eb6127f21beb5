"""Profile what comes in through a door: a URL."""

from contextlib import contextmanager
from datetime import datetime

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
