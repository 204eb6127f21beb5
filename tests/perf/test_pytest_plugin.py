"""A budget in a test fails for a statement too many and for a loop, with its line and its cure."""

import pytest

from bookings.models import Booking
from perf.pytest_plugin import _asked
from tests.support import builders as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def day():
    for number in range(3):
        make.booking(client=make.client(name=f"Client {number}"))


def clients():
    return [booking.client.name for booking in Booking.objects.order_by("id")]  # the loop


def line_of(text):
    with open(__file__, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if text in line)


def test_a_loop_fails_whatever_the_number_with_line_and_cure(day, budget):
    with pytest.raises(pytest.fail.Exception) as failed, budget(100):
        clients()
    place = f"tests/perf/test_pytest_plugin.py:{line_of('  # the loop')} "
    told = str(failed.value)
    assert told.startswith(f"n+1 reads at {place}")
    assert "select_related(“client”)" in told


def test_a_statement_too_many_lists_them(day, budget):
    with budget(1):
        Booking.objects.count()
    with pytest.raises(pytest.fail.Exception) as failed, budget(0):
        Booking.objects.count()  # too many
    told = str(failed.value)
    assert told.startswith("1 statements, at most 0 are allowed\n")
    assert f"tests/perf/test_pytest_plugin.py:{line_of('  # too many')} " in told


def test_loops_can_be_allowed_and_their_number_is_still_held(day, budget):
    with budget(4, loops=True):
        clients()
    with pytest.raises(pytest.fail.Exception, match="at most 3"), budget(3, loops=True):
        clients()


def test_what_the_block_raises_comes_first(day, budget):
    with pytest.raises(ZeroDivisionError), budget(0):
        assert len(clients()) / 0


@pytest.mark.queries(max=4)
def test_a_marked_test_may_loop_in_its_own_file_to_make_rows(day):
    assert len(clients()) == 3


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        (pytest.mark.queries, "queries takes max"),
        (pytest.mark.queries("five"), "queries takes max"),
        (pytest.mark.queries(5, limit=3), "queries takes max"),
    ],
)
def test_a_marker_that_says_no_number_fails(marker, told):
    with pytest.raises(pytest.fail.Exception, match=told):
        _asked(marker.mark)
