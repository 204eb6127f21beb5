import json
from contextlib import contextmanager
from importlib import import_module

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    load_backend,
)
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.handlers.base import BaseHandler
from django.core.management.base import BaseCommand, CommandError
from django.test import RequestFactory
from django.utils.translation import gettext as _

from perf.management.profiling import user_named
from perf.measuring.overhead import Arm, measure_overhead
from perf.profiling.visitor import host
from perf.recording.record import record_queries
from perf.sampling.arms import rows_taken_back, sampled_arm

GOAL, SAMPLED_GOAL = 1.05, 1.01


class Command(BaseCommand):
    help = "Measures what recording statements costs, of a page with --url sampling as well."

    def add_arguments(self, parser):
        parser.add_argument("--url", metavar="PATH", help="A page; default: statements alone.")
        parser.add_argument("--user", metavar="NAME", help="User name of who is logged in.")
        parser.add_argument(
            "--header", default="", metavar="“NAME: VALUE”", help="A header to send with --url."
        )
        parser.add_argument(
            "--statements", type=int, default=100, help="Without --url: in a block; default 100."
        )
        parser.add_argument("--pairs", type=int, default=30, help="Pairs of sums; default 30.")
        parser.add_argument(
            "--requests", type=int, default=20, help="Requests that are summed up; default 20."
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, *, url, user, header, statements, pairs, requests, **options):
        if url is None:
            block, arms = _statements(statements)
            found = measure_overhead(block, arms, pairs=pairs)
            head = f"{statements} statements that read four rows each, and nothing else"
        else:
            with rows_taken_back(), _session_of(user) as session:
                ask, respond = _request(url, session, header)
                arms = _page(ask, respond)
                found = measure_overhead(lambda: ask(respond), arms, pairs=pairs, units=requests)
            head = f"GET {url}, sums of {requests} requests"
        if options["json"]:
            return json.dumps([one.as_dict() for one in found], indent=2)
        head = f"{head}: {found[-1].ms:.1f} ms each of the processor, {pairs} pairs"
        return "\n".join([head, *(f"  {one.summary()}" for one in found)])


def _statements(count):
    """Return the block of statements, and the arms that record it."""
    kinds = list(ContentType.objects.order_by("id").values_list("id", flat=True))

    def block():
        for number in range(count):
            list(Permission.objects.filter(content_type_id=kinds[number % len(kinds)]))

    return block, _recorders(block)


def _recorders(work):
    def recorded():
        with record_queries():
            work()

    def watched():
        with record_queries(watch_rows=True):
            work()

    return [Arm("recorder", recorded, goal=GOAL), Arm("recorder that watches rows", watched)]


def _page(ask, respond):
    return [
        *_recorders(lambda: ask(respond)),
        sampled_arm("sampling 1 % of requests", respond, ask, 0.01, SAMPLED_GOAL),
        sampled_arm("sampling every request", respond, ask, 1.0, GOAL),
    ]


def _request(path, session, header):
    """Return (what sends a request to a callable, what answers it: all middleware and the view)."""
    handler = BaseHandler()
    handler.load_middleware()
    factory = RequestFactory(SERVER_NAME=host())
    if session:
        factory.cookies[settings.SESSION_COOKIE_NAME] = session

    field, _colon, value = header.partition(":")
    headers = {field.strip(): value.strip()} if header else None

    def ask(respond):
        request = factory.get(path, secure=settings.SECURE_SSL_REDIRECT, headers=headers)
        response = respond(request)
        if response.status_code != 200:
            raise CommandError(
                _("%(path)s answered %(status)d.") % {"path": path, "status": response.status_code}
            )
        if response.streaming:
            for _part in response.streaming_content:
                pass

    return ask, handler.get_response


@contextmanager
def _session_of(name):
    """Yield the key of a session of that user, gone at the end; None without a name.

    Made by hand: logging in would write when the user was last there.
    """
    if not name:
        yield None
        return
    user = user_named(name)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = user._meta.pk.value_to_string(user)
    # Some backends only refuse, and know no user.
    session[BACKEND_SESSION_KEY] = next(
        path for path in settings.AUTHENTICATION_BACKENDS if hasattr(load_backend(path), "get_user")
    )
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    try:
        yield session.session_key
    finally:
        session.delete()
