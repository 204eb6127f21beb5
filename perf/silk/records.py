"""What Silk recorded and does not show: the slowest endpoints, and loops of statements.

Silk stores requests and statements, one row each, the values put into the text without quotes;
in this project in a database of its own. Three queries there, whatever it holds; at most
NEWEST statements are read.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlencode

from django.apps import apps
from django.db import DatabaseError, router
from django.db.models import Avg, Count, Max
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from perf.our_code import HANDLERS, is_ours, shown_path
from perf.recording.fingerprint import fingerprint

SHOWN = 15
NEWEST = 5_000
LOOP_FROM = 5  # the same statement in one request
LONGEST = 100_000  # characters of a statement; longer ones are no loop's

WORDS = "AND|OR|ORDER|GROUP|LIMIT|THEN|WHEN|ELSE|END|RETURNING|WHERE|FOR|UNION|AS"
UNQUOTED = re.compile(
    r"(?P<before>(?:<>|<=|>=|=|<|>|\bI?LIKE|\bBETWEEN)\s+)(?![\"'(?]|[A-Z_]+\()"
    rf"(?P<value>.+?)(?=\s+(?:{WORDS})\b|[),]|$)",
    re.DOTALL,
)
UNQUOTED_LIST = re.compile(r"\bIN \((?!\s*SELECT\b)[^()]*\)")
UNQUOTED_ROWS = re.compile(r"\bVALUES \(.*\)(?= RETURNING| ON CONFLICT|$)", re.DOTALL)
FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')


@dataclass(frozen=True)
class Endpoint:
    """Requests of one method to one view; milliseconds. `slowest` is Silk's id of one."""

    view: str
    method: str
    requests: int
    mean_ms: float
    max_ms: float
    mean_statements: float
    max_statements: int
    link: str


@dataclass(frozen=True)
class Loop:
    """A statement that one request sent again and again. `most` is the worst request's count."""

    view: str
    statement: str
    requests: int
    most: int
    ms: float
    place: str
    link: str


@dataclass(frozen=True)
class Records:
    """What there is, or in `missing` one sentence why there is nothing."""

    endpoints: tuple[Endpoint, ...] = ()
    loops: tuple[Loop, ...] = ()
    missing: str = ""
    link: str = ""


def silk_records() -> Records:
    """Read Silk's records: 3 queries to its database, none where it is off."""
    if not apps.is_installed("silk"):
        return Records(
            missing=_(
                "Silk is off, so no requests are recorded. Start the server with PROFILING=1 and "
                "use it for a while."
            )
        )
    alias = router.db_for_read(apps.get_model("silk", "Request"))
    try:
        endpoints, loops = tuple(_endpoints(alias)), tuple(_loops(alias))
    except DatabaseError:
        return Records(
            missing=_("Silk has no tables yet: run manage.py migrate --database %(alias)s.")
            % {"alias": alias}
        )
    missing = "" if endpoints else _("Silk has recorded no requests yet.")
    return Records(endpoints, loops, missing, silk_url("summary"))


def silk_url(name, *arguments):
    """Return the address of one of Silk's pages, or "" where it has none."""
    try:
        return reverse(f"silk:{name}", args=arguments)
    except NoReverseMatch:
        return ""


def _endpoints(alias):
    request = apps.get_model("silk", "Request")
    rows = (
        request.objects.using(alias)
        .filter(time_taken__isnull=False)
        .values("view_name", "method")
        .annotate(
            requests=Count("id"),
            mean_ms=Avg("time_taken"),
            max_ms=Max("time_taken"),
            mean_statements=Avg("num_sql_queries"),
            max_statements=Max("num_sql_queries"),
        )
        .order_by("-mean_ms", "view_name", "method")[:SHOWN]
    )
    for row in rows:
        view = row.pop("view_name") or "?"
        query = f"?{urlencode({'view_name': view})}" if view != "?" else ""
        link = silk_url("requests")
        yield Endpoint(view=view, link=link and link + query, **row)


def _loops(alias):
    statement = apps.get_model("silk", "SQLQuery")
    rows = (
        statement.objects.using(alias)
        .filter(request__isnull=False)
        .order_by("-id")
        .values_list("id", "request_id", "request__view_name", "query", "time_taken")[:NEWEST]
    )
    groups = defaultdict(list)
    for pk, request_id, view, sql, ms in rows.iterator(chunk_size=500):
        if len(sql) <= LONGEST:
            groups[request_id, view or "?", normal(sql)].append((pk, ms or 0.0))
    by_view = defaultdict(list)
    for (request_id, view, text), found in groups.items():
        if len(found) >= LOOP_FROM:
            by_view[view, text].append(
                (len(found), sum(ms for _pk, ms in found), request_id, found)
            )
    worst = sorted(by_view.items(), key=lambda item: (-max(item[1])[0], item[0]))[:SHOWN]
    examples = [max(requests)[3][0][0] for _key, requests in worst]
    traces = dict(
        statement.objects.using(alias).filter(id__in=examples).values_list("id", "traceback")
    )
    for ((view, text), requests), example in zip(worst, examples, strict=True):
        most, _ms, request_id, _found = max(requests)
        yield Loop(
            view=view,
            statement=text,
            requests=len(requests),
            most=most,
            ms=sum(ms for _count, ms, _request, _found in requests),
            place=place_in(traces.get(example, "")),
            link=silk_url("request_sql", request_id),
        )


def normal(sql):
    """Return the fingerprint of a statement whose values stand in it without quotes."""
    text = " ".join(sql.split())
    text = UNQUOTED_LIST.sub("IN (?)", text)
    text = UNQUOTED_ROWS.sub("VALUES (?)", text)
    text = UNQUOTED.sub(r"\g<before>?", text)
    return fingerprint(text)


def place_in(trace):
    """Return 'file:line function' of our nearest line in a stored traceback, innermost first.

    Lines outside of the request's handler, those of middleware, are none.
    """
    for match in FRAME.finditer(trace):
        if HANDLERS in match["file"]:
            break
        if is_ours(match["file"]):
            return f"{shown_path(match['file'])}:{match['line']} {match['function']}"
    return ""
