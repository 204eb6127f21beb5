"""What watching costs: arms that take turns, and sums in which what is put off counts."""

import gc
import io
import json

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from perf.measuring import overhead
from perf.measuring.overhead import WARM_UP, Arm, measure_overhead
from perf.models import Sampled
from tests.support import builders as make


class Clock:
    """A processor whose time passes when somebody works."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def working(self, seconds):
        def work():
            self.now += seconds

        return work


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(overhead, "process_time", clock)
    return clock


@pytest.mark.any_database
def test_an_arm_is_compared_with_the_same_work_and_the_work_with_itself(clock):
    arm = Arm("watched", clock.working(0.011), goal=1.05)
    watched, control = measure_overhead(clock.working(0.010), [arm], pairs=6, units=3)
    assert watched.ratio.ratio == pytest.approx(1.1)
    assert watched.ms == pytest.approx(11.0)
    assert control.ratio.ratio == pytest.approx(1.0)
    assert watched.control == control.ratio
    assert watched.summary().endswith("goal at most × 1.05")


@pytest.mark.any_database
def test_what_is_put_off_counts_once_for_each_sum(clock):
    arm = Arm("written later", clock.working(0.010), clock.working(0.010))
    [written, _control] = measure_overhead(clock.working(0.010), [arm], pairs=6, units=10)
    assert written.ratio.ratio == pytest.approx(1.1)  # 10 × 10 ms and once 10 ms


@pytest.mark.any_database
def test_every_arm_does_as_much_and_nothing_stays_frozen(clock):
    done = {"a": 0, "b": 0}

    def count(name):
        done[name] += 1
        clock.now += 1

    arms = [Arm("a", lambda: count("a")), Arm("b", lambda: count("b"))]
    frozen = gc.get_freeze_count()
    measure_overhead(clock.working(1), arms, pairs=4, units=5)
    assert done == {"a": WARM_UP + 20, "b": WARM_UP + 20}
    assert gc.get_freeze_count() <= frozen


def measured(*options):
    out = io.StringIO()
    call_command("measure_recorder", *options, "--pairs", "1", "--json", stdout=out)
    return {one["name"]: one for one in json.loads(out.getvalue())}


@pytest.mark.django_db
def test_statements_alone_are_measured_without_a_page():
    found = measured("--statements", "3")
    assert set(found) == {"recorder", "recorder that watches rows", "the same without it twice"}
    assert found["recorder"]["goal"] == 1.05


@pytest.mark.django_db
def test_of_a_page_sampling_is_measured_and_nothing_of_it_stays():
    user = make.member(make.company())
    page = ["--url", "/admin/bookings/booking/", "--user", user.username, "--requests", "2"]
    found = measured(*page)
    assert {name: one["goal"] for name, one in found.items() if name.startswith("sampling")} == {
        "sampling 1 % of requests": 1.01,
        "sampling every request": 1.05,
    }
    assert not Sampled.objects.exists()
    assert not Session.objects.exists()
    user.refresh_from_db()
    assert user.last_login is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--url", "/nowhere/"], "answered 404"),
        (["--url", "/admin/", "--user", "nobody"], "no user"),
    ],
)
def test_a_page_that_is_not_answered_is_refused(options, told):
    with pytest.raises(CommandError, match=told):
        measured(*options)
