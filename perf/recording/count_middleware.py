"""Tell in a header how many statements a response took: for `manage.py load_test` alone.

Off unless COUNT_STATEMENTS=1 is in the environment of the server, and even then silent to
everybody who does not ask from this very machine: how much a page asks of its database is
nothing for strangers.
"""

from contextlib import ExitStack
from ipaddress import ip_address

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import connections

from perf.recording.record import CONTROL, NOT_RECORDED

HEADER = "X-Statements"
# A proxy on this machine speaks from loopback for somebody elsewhere.
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED")


class Count:
    """An execute wrapper; BEGIN, SAVEPOINT and their like do not count (see `recording.record`)."""

    def __init__(self):
        self.statements = 0

    def __call__(self, execute, sql, params, many, context):
        if not sql.startswith(CONTROL):
            self.statements += 1
        return execute(sql, params, many, context)


class StatementCountMiddleware:
    def __init__(self, get_response):
        if not settings.COUNT_STATEMENTS:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request):
        if not is_local(request.META):
            return self.get_response(request)
        count = Count()
        with ExitStack() as stack:
            for alias in connections:
                if alias not in NOT_RECORDED:
                    stack.enter_context(connections[alias].execute_wrapper(count))
            response = self.get_response(request)
        response.headers[HEADER] = str(count.statements)
        return response


def is_local(meta):
    """Say whether the request comes from this machine, and from nobody behind it."""
    if any(name in meta for name in FORWARDED):
        return False
    try:
        return ip_address(meta.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
