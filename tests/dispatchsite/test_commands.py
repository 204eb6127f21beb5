"""dispatch_day and revert_dispatch: what they print, and what they refuse."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from dispatch.models import Assignment, DispatchRun
from dispatch.planner.check.duty import Rule, Violation
from dispatch.runs.claim import DayBusy
from dispatch.runs.options import DayTooLarge
from dispatch.runs.revert import NotRevertible
from dispatch.runs.run import PlanRefused
from tests import PROJECT
from tests.support import builders as make
from tests.support.template import template

pytestmark = pytest.mark.django_db

FAR = date(2099, 6, 17)  # whatever the clock says, this day lies ahead

# As the issue lists them; more may be there.
KEYS = {
    "run", "company", "day", "status", "bookings", "assigned", "unassigned", "metrics",
    "statements", "timings",
}  # fmt: skip
UNASSIGNED_KEYS = {"booking", "reference", "reason", "detail", "suggestion"}
TIMING_KEYS = {"load_s", "plan_s", "check_s", "apply_s", "total_s"}


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def dispatch_day(*options, company="geneva", day=FAR):
    return run("dispatch_day", "--company", company, "--date", str(day), "--fast", *options)


@pytest.fixture
def day():
    make.shift(make.driver(name="Ada"), day=FAR)
    make.booking(clock="09:00", day=FAR)
    return make.booking(clock="10:00", day=FAR, passengers=9, reference="CROWD")


def test_dispatch_day_prints_a_summary(day):
    text = dispatch_day()
    dispatched = DispatchRun.objects.get()
    assert f"Dispatch #{dispatched.id} for Geneva Medical Transport on Wed 2099-06-17" in text
    assert re.search(r"Bookings +2 +assigned 1, unassigned 1", text)
    assert "placed 1, moved 0" in text
    assert "CROWD  No vehicle has 9 seats and 0 wheelchair places." in text
    assert re.search(r"Statements +\d+", text)
    assert (dispatched.trigger, dispatched.status) == ("command", "completed")


def test_dispatch_day_prints_json(day):
    report = json.loads(dispatch_day("--json"))
    assert report.keys() >= KEYS
    assert report["timings"].keys() == TIMING_KEYS
    assert report["unassigned"][0].keys() >= UNASSIGNED_KEYS
    assert (report["company"], report["day"], report["status"]) == (
        "geneva",
        "2099-06-17",
        "completed",
    )
    assert (report["bookings"], report["assigned"]) == (2, 1)
    assert report["run"] == DispatchRun.objects.get().id
    assert (report["unassigned"][0]["booking"], report["unassigned"][0]["reason"]) == (
        day.id,
        "no_vehicle",
    )


@pytest.mark.parametrize(
    ("options", "mode", "move_confirmed"),
    [
        ((), "serve", False),
        (("--place-open",), "place", False),
        (("--improve", "--move-confirmed"), "improve", True),
    ],
)
def test_dispatch_day_says_what_may_become_of_what_stands(day, options, mode, move_confirmed):
    dispatch_day(*options)
    settings = DispatchRun.objects.get().settings
    assert (settings["mode"], settings["move_confirmed"]) == (mode, move_confirmed)


def test_dispatch_day_plans_in_one_way_at_a_time(day):
    with pytest.raises(CommandError, match="not allowed with"):
        dispatch_day("--place-open", "--improve")


def test_a_preview_says_that_nothing_was_written(day):
    assert "(nothing was written)" in dispatch_day("--preview")
    report = json.loads(dispatch_day("--preview", "--json"))
    assert (report["run"], report["status"]) == (None, "preview")
    assert report["changes"]["placed"] == 1
    assert report["drivers"] == [{"driver": "Ada", "gained": 1, "lost": 0}]
    assert not DispatchRun.objects.exists()


def test_the_run_keeps_what_the_report_says(day):
    report = json.loads(dispatch_day("--json"))
    dispatched = DispatchRun.objects.get()
    assert dispatched.unassigned == report["unassigned"]
    assert dispatched.timings.keys() == TIMING_KEYS
    assert dispatched.settings == {
        "engine": "search",
        "time_limit_s": 0,
        "iterations": None,
        "seed": 0,
        "mode": "serve",
        "move_confirmed": False,
    }
    assert dispatched.metrics.items() >= report["metrics"].items()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--company", "nowhere", "--date", "2099-06-17"], "no company 'nowhere'. Known: geneva"),
        (["--company", "geneva", "--date", "17.6.2099"], "'17.6.2099' is not a date"),
        (["--company", "geneva", "--date", "2099-02-30"], "'2099-02-30' is not a date"),
        (["--company", "geneva", "--date", "9999-12-31"], "'9999-12-31' is not a date"),
        (["--company", "geneva"], "--date"),
        (["--date", "2099-06-17"], "--company"),
        (["--company", "geneva", "--date", "2099-06-17", "--time-limit", "-1"], "between 0 and"),
        (["--company", "geneva", "--date", "2099-06-17", "--time-limit", "nan"], "between 0 and"),
        (["--company", "geneva", "--date", "2099-06-17", "--time-limit", "x"], "invalid float"),
        (
            ["--company", "geneva", "--date", "2099-06-17", "--engine", "magic"],
            "'magic' is not an engine",
        ),
        (
            ["--company", "geneva", "--date", "2099-06-17", "--engine", "vroom:9"],
            "'vroom:9' is not an engine",
        ),
        (["--company", "geneva", "--date", "2099-06-17", "--seed", "-1"], "not a whole number"),
        (
            ["--company", "geneva", "--date", "2099-06-17", "--fast", "--time-limit", "1"],
            "not allowed with",
        ),
    ],
)
def test_nonsense_is_refused_with_what_would_be_right(arguments, message):
    make.company()
    with pytest.raises(CommandError, match=re.escape(message)):
        run("dispatch_day", *arguments)
    assert not DispatchRun.objects.exists()


def test_without_any_company_the_command_says_so():
    with pytest.raises(CommandError, match="Known: none yet"):
        dispatch_day()


def test_a_busy_day_is_refused_with_who_and_since_when(day):
    make.run(
        day=FAR,
        status="running",
        trigger="admin",
        claim_ends_at=timezone.now() + timedelta(days=1),
    )
    with pytest.raises(DayBusy, match="This day is being planned, by admin since"):
        dispatch_day()


def test_a_refused_plan_is_an_error(day, monkeypatch):
    faults = (Violation(Rule.SEATS, "Trip X: too many."),)
    monkeypatch.setattr("dispatch.runs.run.check", lambda problem, plan: faults)
    with pytest.raises(PlanRefused, match="breaks a rule: Trip X: too many."):
        dispatch_day()


def test_revert_dispatch_takes_a_run_back(day):
    dispatch_day()
    dispatched = DispatchRun.objects.get()
    text = run("revert_dispatch", str(dispatched.id))
    assert "released 1" in text
    assert not Assignment.objects.open().exists()


def test_revert_dispatch_prints_json(day):
    dispatch_day()
    report = json.loads(run("revert_dispatch", str(DispatchRun.objects.get().id), "--json"))
    assert report.keys() >= KEYS
    assert report["changes"]["released"] == 1


def test_revert_dispatch_refuses_unknown_and_failed_runs():
    failed = make.run(status="failed")
    with pytest.raises(CommandError, match="There is no plan with the number 987654"):
        run("revert_dispatch", "987654")
    with pytest.raises(NotRevertible, match="is failed; only a completed plan"):
        run("revert_dispatch", str(failed.id))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["dispatch_day", "--company", "nowhere", "--date", "yesterday"], 2),
        (["revert_dispatch", "one"], 2),
        (["dispatch_day", "--company", "nowhere", "--date", "2099-06-17"], 1),
    ],
)
@pytest.mark.process
@pytest.mark.sqlite_only
def test_the_shell_sees_that_a_command_failed(arguments, code, tmp_path):
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    if code == 1:
        shutil.copyfile(template().name, tmp_path / "empty.sqlite3")
    done = manage(*arguments, env=environment)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr


def manage(*arguments, env):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT, env=env, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_a_day_too_large_for_vroom_is_refused_in_one_sentence(day, monkeypatch):
    monkeypatch.setattr("dispatch.planner.solve.VROOM_MOST_TRIPS", 1)
    with pytest.raises(DayTooLarge, match="VROOM takes up to 1 trips, not 2; use the search"):
        run("dispatch_day", "--company", "geneva", "--date", str(FAR), "--engine", "vroom:0")
    assert DispatchRun.objects.get().status == "failed"
