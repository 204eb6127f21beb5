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
from dispatch.runs import background, queue
from dispatch.runs.background import start_dispatch
from dispatch.runs.claim import DayBusy
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.queue import NoWorker
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
    assert (run.status, run.progress, run.lease) == ("running", {"phase": "queued"}, "")
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
    assert call_command("work_run", str(run.id)) is None
    assert not Assignment.objects.exists()
    with pytest.raises(CommandError, match="There is no plan with the number 987654"):
        call_command("work_run", "987654")


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_takes_the_run(monkeypatch):
    monkeypatch.setattr(background, "send", lambda run: None)
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
    assert run.attempts == 1
    assert Booking.objects.get().status == "assigned"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_workers_on_the_test_database")
@pytest.mark.process
def test_the_run_of_a_killed_worker_is_begun_again(monkeypatch):
    """The worker dies within its search; whoever looks 30 s later sends the run to another."""
    started, popen = [], subprocess.Popen

    def starting(*args, **options):
        started.append(popen(*args, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", starting)
    small_day(FAR)
    for _number in range(30):
        make.booking(clock="09:00", day=FAR)
    company = Company.objects.get()
    run = start_dispatch(
        company, FAR, now=timezone.now(), actor=ACTOR, options=RunOptions(time_limit_s=4)
    )
    until(lambda: DispatchRun.objects.get(id=run.id).progress.get("phase") == "plan")
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    assert not queue.tend(now=timezone.now())  # its lease lasts
    DispatchRun.objects.update(claim_ends_at=timezone.now() - timedelta(seconds=1))
    assert queue.tend(now=timezone.now()) == {"running": 1}
    until(lambda: DispatchRun.objects.filter(status="completed").exists())
    run.refresh_from_db()
    assert (run.attempts, len(started)) == (2, 2)
    assert Assignment.objects.open().count() > 0


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
    tasks.work_run(run.id, "short")  # delivered twice
    assert Assignment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_ends_a_run_wakes_up_the_next_one(celery, settings, monkeypatch):
    """The second company's message came while nobody might begin it: it is not lost."""
    settings.RUNS_PER_COMPANY = 1
    small_day(FAR)
    company = Company.objects.get()
    monkeypatch.setattr(background, "send", lambda run: None)
    days = [FAR, FAR + timedelta(days=1), FAR + timedelta(days=2)]
    runs = [
        start_dispatch(company, day, now=timezone.now(), actor=ACTOR, options=FIRST_PLAN)
        for day in days
    ]
    sent, wake = [], queue._wake
    monkeypatch.setattr(queue, "_wake", lambda *about: sent.append(about) or wake(*about))
    importlib.import_module("dispatch.tasks").work_run(runs[2].id, "short")
    assert set(DispatchRun.objects.values_list("status", flat=True)) == {"completed"}
    assert sent == [(runs[1].id, "short"), (runs[2].id, "short")]


@pytest.mark.any_database
def test_a_broker_is_not_waited_for(settings):
    waits = env.broker_waits("redis://localhost", longest_s=7200)
    assert waits["socket_timeout"] == waits["socket_connect_timeout"] == 2
    # Redis delivers a message again only when no process can be at work on its run any more.
    assert waits["visibility_timeout"] == 7200 > settings.CELERY_TASK_TIME_LIMIT
    assert env.broker_waits("amqp://localhost", longest_s=7200) == {}
    assert settings.CELERY_WORKER_PREFETCH_MULTIPLIER == 1
    assert settings.CELERY_TASK_PUBLISH_RETRY is False


@pytest.mark.django_db(transaction=True)
def test_where_no_worker_can_be_started_the_day_stays_free(monkeypatch):
    small_day()

    def refuse(*args, **kwargs):
        raise OSError("no memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    # Other tests' planning processes may hold the slots of this machine, or look for a run.
    monkeypatch.setattr(queue, "_is_free", lambda: True)
    monkeypatch.setattr(queue, "next_queued", lambda: 1)
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
