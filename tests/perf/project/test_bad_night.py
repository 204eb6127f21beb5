"""A round of a bad night in which nothing happened is no proof, and says so."""

from collections import Counter
from types import SimpleNamespace

import pytest

from perf.project.bad_night import night
from perf.project.bad_night.night import Night, Outcome


def outcome(why):
    return Outcome(
        "round", asked=1, accepted=1, ended=Counter(completed=1), begun_again=0, late_s=0.0,
        lost_previews=0, busy_days=0, slowest_s=0.0, slowest="", answers=Counter(), broken={},
        not_rehearsed=why,
    )  # fmt: skip


@pytest.mark.any_database
def test_a_disk_that_could_not_be_mounted_does_not_pass():
    machines = SimpleNamespace(has_small_disk=False)
    why = Night(machines, None, {}, 0)._let(night.fill_disk)
    assert outcome(why).faults(0.0) == [
        "not rehearsed: no small disk could be mounted (that needs root)"
    ]
    assert outcome("").faults(0.0) == []


@pytest.mark.django_db
def test_a_phase_that_never_comes_does_not_pass(monkeypatch):
    monkeypatch.setattr(night, "PHASE_WITHIN_S", 0)
    killed = []
    machines = SimpleNamespace(kill=lambda *names: killed.append(names))
    why = Night(machines, None, {}, 0)._let(night.kill_planning)
    assert why == "no run in the phase “plan” within 0 s"
    assert killed == []
