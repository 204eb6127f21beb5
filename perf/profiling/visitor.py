"""Somebody who asks for pages: Django's test client, logged in, through all middleware."""

import logging
from contextlib import contextmanager

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils.translation import gettext as _

NEEDED = ("django.contrib.auth", "django.contrib.sessions")  # to be logged in


class NoSuchUser(Exception):
    """Nobody has this name, or the project has no users that could be logged in."""


def find_user(name):
    """Return the user of a name, in whatever field the project's users log in with: 1 query.

    Raises NoSuchUser.
    """
    for app in NEEDED:
        if not apps.is_installed(app):
            raise NoSuchUser(f"To log in a user, the project needs {app} in INSTALLED_APPS.")
    model = get_user_model()
    field = model.USERNAME_FIELD
    user = model._base_manager.filter(**{field: name}).first()
    if user is None:
        told = _("There is no user whose %(field)s is “%(name)s”.")
        raise NoSuchUser(told % {"field": field, "name": name})
    return user


def browser(user=None) -> Client:
    """Return a client of a host that the project answers to; `user` is logged in."""
    client = Client(SERVER_NAME=host(), raise_request_exception=True)
    if user is not None:
        client.force_login(user)
    return client


def send(client, path, method="GET", data="", content_type="application/json", headers=None):
    """Return the response, read to its end: a stream is part of answering. `length` in bytes."""
    response = client.generic(
        method,
        path,
        data,
        content_type=content_type,
        secure=settings.SECURE_SSL_REDIRECT,
        headers=headers,
    )
    if getattr(response, "streaming", False):
        response.length = sum(map(len, response.streaming_content))
    else:
        response.length = len(response.content)
    return response


def host():
    """Return a host that the project answers to."""
    for name in settings.ALLOWED_HOSTS:
        if name not in ("*", "[::1]"):
            return name.lstrip(".")
    return "localhost"


@contextmanager
def unlogged():
    """Keep refusals out of the log: here they are answers."""
    log = logging.getLogger("django.request")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
