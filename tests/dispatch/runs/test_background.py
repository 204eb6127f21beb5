"""A dispatch in the background: the door returns, a process of its own does the work."""

import importlib
import os
import signal
import subprocess
import time
from datetime import date, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from bookings.models import Actor, Booking, Door, Event
from dispatch.models import Assignment, DispatchRun, StoredPlan
from dispatch.runs import background
from dispatch.runs.background import NoWorker, start_dispatch
from dispatch.runs.claim import DayBusy, end_if_dead
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.worker import take_over, work
from dispatchsite import env
from drivers.models import Company
from tests.dispatch.runs.test_concurrency import together
from tests.support import builders as make

ACTOR = Actor(Door.API, name="portal …x7Qa")
FAR = date(2099, 6, 17)
PATIENCE_S = 60


def queued(*, day=make.DAY, now=make.NOW, **options):
    """Return a run whose worker never starts."""
    run = start_dispatch(
        Company.objects.get(), day, now=now, actor=ACTOR, options=FIRST_PLAN, **options
    )
    return DispatchRun.objects.select_related("company").get(id=run.id)


def small_day(day=make.DAY):
    make.shift(make.driver(), day=day)
    make.booking(clock="09:00", day=day)


@pytest.mark.django_db
def test_a_queued_run_holds_the_day_and_says_so():
    small_day()
    run = queued()
    assert (run.status, run.progress, run.process) == ("running", {"phase": "queued"}, "")
    with pytest.raises(DayBusy):
        queued()
    assert queued(preview=True).status == "planning"


@pytest.mark.django_db
def test_a_worker_does_what_the_door_would_have_done():
    small_day()
    later = make.NOW + timedelta(minutes=1)
    report = work(take_over(queued().id, now=later))
    assert (report.status, report.assigned) == ("completed", 1)
    run = DispatchRun.objects.get()
    assert (run.status, run.started_at, run.trigger) == ("completed", later, "api")
    assert (Event.objects.get().actor, Event.objects.get().door) == ("portal …x7Qa", "api")
    assert run.progress == {"phase": "apply", "bookings": 1}


@pytest.mark.django_db
def test_a_worker_keeps_a_preview():
    small_day()
    report = work(take_over(queued(preview=True).id, now=make.NOW))
    run = DispatchRun.objects.get()
    assert (report.status, run.status) == ("preview", "preview")
    assert StoredPlan.objects.get().run == run
    assert not Assignment.objects.exists()


@pytest.mark.django_db
def test_a_run_is_taken_over_once():
    small_day()
    run = queued()
    assert take_over(run.id, now=make.NOW)
    assert take_over(run.id, now=make.NOW) is None
    said = f"The plan of {run.started_clock} is not queued."
    assert call_command("work_run", str(run.id)) == said
    with pytest.raises(CommandError, match="There is no plan with the number 987654"):
        call_command("work_run", "987654")


@pytest.mark.django_db
def test_what_waits_for_no_worker_ends_with_its_claim():
    small_day()
    run = queued(preview=True)
    assert not end_if_dead(run, now=run.claim_ends_at - timedelta(seconds=1))
    assert end_if_dead(run, now=run.claim_ends_at)
    run.refresh_from_db()
    assert run.status == "failed"
    assert take_over(run.id, now=make.NOW) is None


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_takes_the_run(monkeypatch):
    monkeypatch.setattr(background, "_launch", lambda run: None)
    small_day()
    run = queued()
    taken = together(*[lambda: take_over(run.id, now=make.NOW)] * 4)
    assert len([one for one in taken if one]) == 1


@pytest.fixture
def _workers_on_the_test_database(monkeypatch):
    """Let child processes work on the database of the test."""
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        before, _slash, after = os.environ["DATABASE_URL"].rpartition("/")
        url = f"{before}/{name}?{after.partition('?')[2]}"
        if "@/" in os.environ["DATABASE_URL"]:  # the rest of the URL is a path in its query
            head, _at, tail = os.environ["DATABASE_URL"].partition("@/")
            url = f"{head}@/{name}?{tail.partition('?')[2]}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not happen.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_workers_on_the_test_database")
@pytest.mark.process
def test_a_process_of_its_own_does_the_work():
    small_day(FAR)
    company = Company.objects.get()
    run = start_dispatch(company, FAR, now=timezone.now(), actor=ACTOR, options=FIRST_PLAN)
    until(lambda: DispatchRun.objects.filter(id=run.id).exclude(status="running").exists())
    run.refresh_from_db()
    assert (run.status, run.error) == ("completed", "")
    assert run.process.split(":")[1] != str(os.getpid())
    assert Booking.objects.get().status == "assigned"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_workers_on_the_test_database")
@pytest.mark.process
def test_a_killed_worker_blocks_nobody():
    small_day(FAR)
    for _number in range(30):
        make.booking(clock="09:00", day=FAR)
    company = Company.objects.get()
    run = start_dispatch(
        company, FAR, now=timezone.now(), actor=ACTOR, options=RunOptions(time_limit_s=50)
    )
    until(lambda: DispatchRun.objects.get(id=run.id).progress.get("phase") == "plan")
    run.refresh_from_db()
    os.kill(int(run.process.split(":")[1]), signal.SIGKILL)
    until(lambda: end_if_dead(run, now=timezone.now()))
    run.refresh_from_db()
    assert (run.status, Assignment.objects.count()) == ("failed", 0)
    start_dispatch(company, FAR, now=timezone.now(), actor=ACTOR, preview=True, options=FIRST_PLAN)
    until(lambda: DispatchRun.objects.filter(status="preview").exists())


@pytest.fixture
def celery(settings):
    """Let Celery do the work at once, in this process."""
    settings.CELERY_BROKER_URL = "memory://"
    app = importlib.import_module("dispatchsite.celery").app
    importlib.import_module("dispatch.tasks")  # as a worker does
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield app
    app.conf.update(task_always_eager=False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("celery")
def test_with_a_broker_celery_does_the_work():
    small_day(FAR)
    company = Company.objects.get()
    run = start_dispatch(company, FAR, now=timezone.now(), actor=ACTOR, options=FIRST_PLAN)
    run.refresh_from_db()
    assert (run.status, Assignment.objects.get().run) == ("completed", run)
    tasks = importlib.import_module("dispatch.tasks")
    tasks.work_run(run.id, "en")  # delivered twice
    assert Assignment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_where_no_worker_can_be_started_the_day_stays_free(monkeypatch):
    small_day()

    def refuse(*args, **kwargs):
        raise OSError("no memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(NoWorker, match="no memory"):
        queued()
    assert DispatchRun.objects.get().status == "failed"


@pytest.mark.parametrize("url", ["localhost", "http://x"])
def test_a_broker_that_is_none_stops_the_start(monkeypatch, url):
    monkeypatch.setenv("CELERY_BROKER_URL", url)
    with pytest.raises(ImproperlyConfigured, match="CELERY_BROKER_URL"):
        env.broker("CELERY_BROKER_URL")


def test_a_broker_without_celery_stops_the_start(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://localhost")
    monkeypatch.setattr(env, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match="requirements-scale"):
        env.broker("CELERY_BROKER_URL")
