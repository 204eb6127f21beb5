"""What is called by name is called by an address that is held to a budget."""

from datetime import date
from random import Random

from django.urls import URLResolver, get_resolver, resolve

from perf.doors.routes import route_name
from perf.project.doors import addresses
from perf.project.doors.discover import QUERIES, url_doors
from perf.project.load.doors import DOORS, LISTS, Known

LISTED = {view for name, view in vars(addresses).items() if name.isupper()}


def routes_by_view(resolver, spaces="", before=""):
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).lstrip("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            inner = f"{spaces}{pattern.namespace}:" if pattern.namespace else spaces
            yield from routes_by_view(pattern, inner, route)
        else:
            yield f"{spaces}{pattern.name}", route_name(route)


def test_every_address_is_that_of_a_door_with_a_budget():
    doors = {door.name.rpartition(" ")[2] for door in url_doors()}
    found = {view for view, route in routes_by_view(get_resolver()) if route in doors}
    assert len(LISTED) > 30
    assert found >= LISTED


def test_what_an_address_needs_is_told_of_listed_ones():
    assert QUERIES.keys() <= LISTED


def test_load_tests_ask_for_nothing_but_listed_addresses():
    day = date(2026, 12, 1)
    known = Known(day, "load", "geneva", {"booking": ["1"], "driver": ["1"]}, ["1"])
    paths = [door.request(known, Random(1), 1).path.partition("?")[0] for door in DOORS]
    asked = {resolve(path).view_name for path in paths}
    assert asked | {view for view, _query in LISTS.values()} <= LISTED
