"""Travel times have one maker."""

import ast

import pytest

from dispatch.day.travel_times import travel_times
from dispatch.planner.travel import GreatCircle
from tests import PROJECT
from tests.support import builders as make

pytestmark = pytest.mark.any_database

ROOMS = ("dispatchsite", "bookings", "drivers", "dispatch", "perf")
MAKER = "dispatch/day/travel_times.py"
# Who may make some for themselves: what invents days, without a company; the planner's smallest
# problem, with which its kernels are loaded.
INVENTED = {
    "dispatch/planner/search/loading.py",
    "perf/project/scenarios/history.py",
    "perf/project/scenarios/problem.py",
}
# Who may compute a distance on the globe: the straight line itself; the checker, which shares no
# code with the planner; the question whether a place is far from all others, which is no drive.
ON_THE_GLOBE = {
    "dispatch/planner/travel.py",
    "dispatch/planner/check/plan.py",
    "drivers/models/far_places.py",
}


def sources():
    for room in ROOMS:
        for path in sorted((PROJECT / room).rglob("*.py")):
            yield path.relative_to(PROJECT).as_posix(), ast.parse(path.read_text())


def called(tree):
    """Return the names of what a module calls."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in calls}


def test_nothing_else_makes_travel_times():
    classes = {"GreatCircle", "RoadTimes", "Osrm", "Valhalla"}
    makers = {path for path, tree in sources() if called(tree) & classes}
    assert makers == {MAKER} | INVENTED


def test_nothing_else_computes_a_distance_on_the_globe():
    found = {
        path
        for path, tree in sources()
        if {"arcsin", "asin", "arccos", "acos", "atan2", "arctan2"} & called(tree)
    }
    assert found == ON_THE_GLOBE


@pytest.mark.django_db
def test_without_a_road_server_it_is_the_straight_line_of_the_company():
    company = make.company(speed_kmh=40, circuity=1.5)
    assert travel_times(company) == travel_times(company, for_run=True) == GreatCircle(40, 1.5)
