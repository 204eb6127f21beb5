"""The doors of a project that wrote none in Python: names in its file of budgets, and its URLs.

    [urls]
    "/books/" = 3                       # GET, as nobody
    "/admin/shop/book/ as root" = 8     # as this user
    "POST /basket/ as ada" = 5          # with an empty body

    [commands]
    "send_reminders --days 3" = 12      # as at a shell

    [calls]
    "shop.reports.monthly" = 4          # called without arguments
    "shop.reports.mine as ada" = 2      # called with the user

Beside them stands a GET of every address without parameters whose path the file does not name.
"""

import io
import shlex
from functools import partial

from django.core.management import call_command
from django.urls import get_resolver
from django.utils.module_loading import import_string

from perf.doors.door import KINDS, Door, NotMeasured
from perf.doors.routes import TOOLS, routes
from perf.profiling.visitor import NoSuchUser, browser, find_user, send

# 403 and 405 are answers too: a door that is opened later sends more.
SEEN = {200, 201, 202, 204, 301, 302, 303, 304, 403, 405}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
AS = " as "


def listed_doors(budgets, *, user="") -> list[Door]:
    """Return the doors of the file, and those of the URLs, asked for as `user`."""
    makers = {"urls": url_door, "commands": command_door, "calls": call_door}
    names = {kind: {*budgets[kind]} for kind in KINDS}
    reasons = {*budgets["not_measured"]}
    names["urls"] |= {name for name in reasons if _parts(name)[1].startswith("/")}
    doors = [makers[kind](name) for kind in KINDS for name in sorted(names[kind])]
    known = {_parts(name)[1] for name in names["urls"]}
    found = [path for path in plain_paths(admin=bool(user)) if path not in known]
    return doors + [url_door(f"{path}{AS}{user}" if user else path) for path in found]


def plain_paths(*, admin) -> list[str]:
    """Return the paths without parameters, each once; those of the admin if they are wanted."""
    without = TOOLS if admin else (*TOOLS, "admin")
    found = {
        "/" + route.replace("\\", "")
        for route, pattern in routes(get_resolver(), without=without)
        if not set("<(?[*+|") & set(route) and not _is_of_the_workbench(pattern.callback)
    }
    return sorted(found)


def _is_of_the_workbench(callback):
    admin = getattr(callback, "model_admin", None)
    return admin is not None and admin.opts.app_label == "perf"


def url_door(name) -> Door:
    """Return the door of "METHOD /path/ as user"; method and user may be left out."""
    method, path, user = _parts(name)

    def ask(client):
        response = send(client, path, method)
        if response.status_code not in SEEN:
            raise NotMeasured(f"{method} answers {response.status_code}")
        return response

    return Door("urls", name, ask, lambda world: browser(_user(user)))


def command_door(name) -> Door:
    """Return the door of a command line, such as "clearsessions --verbosity 2"."""
    command, *arguments = shlex.split(name)

    def run(world):
        call_command(command, *arguments, stdout=io.StringIO(), stderr=io.StringIO())

    return Door("commands", name, run)


def call_door(name) -> Door:
    """Return the door of "dotted.path as user": called with the user, or without arguments."""
    path, _as, user = name.partition(AS)

    def prepare(world):
        try:
            function = import_string(path)
        except ImportError as error:
            raise NotMeasured(str(error)) from error
        return partial(function, _user(user)) if user else function

    return Door("calls", name, lambda function: function(), prepare)


def _parts(name):
    asked, _as, user = name.partition(AS)
    method, space, path = asked.partition(" ")
    return (method, path, user) if space and method in METHODS else ("GET", asked, user)


def _user(name):
    if not name:
        return None
    try:
        return find_user(name)
    except NoSuchUser as error:
        raise NotMeasured(str(error)) from error
