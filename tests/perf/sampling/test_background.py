"""Work that is no request: blocks, functions, Celery's tasks, whole commands."""

import sys

import pytest
from celery import Celery, signals

from drivers.models import Company
from perf.models import Sampled
from perf.sampling import background
from perf.sampling.background import follow_celery, follow_command, sampled


def doors():
    return {row.door: row.count for row in Sampled.objects.all()}


@pytest.mark.django_db
def test_a_block_and_a_function_are_sampled_by_name(sampling):
    buffer = sampling(SAMPLE_WORK=1.0)

    @sampled("count")
    def count():
        return Company.objects.count()

    assert (count(), count()) == (0, 0)
    with sampled("block"):
        pass
    buffer.flush()
    assert doors() == {"count": 2, "block": 1}


@pytest.mark.django_db
def test_work_is_sampled_as_often_as_it_is_said(sampling, monkeypatch):
    buffer = sampling(SAMPLE=1.0, SAMPLE_WORK=0.5)
    for drawn in (0.4, 0.5):
        monkeypatch.setattr(background, "random", lambda drawn=drawn: drawn)
        with sampled(f"drawn {drawn}"):
            pass
    buffer.flush()
    assert doors() == {"drawn 0.4": 1}


@pytest.fixture
def celery():
    app = Celery("tests", set_as_current=False)
    app.conf.task_always_eager = True
    follow_celery()
    yield app
    for signal in (signals.task_prerun, signals.task_postrun, signals.worker_process_shutdown):
        signal.disconnect(dispatch_uid="perf.sampling")


@pytest.mark.django_db
def test_a_task_is_sampled_whether_it_succeeds_or_fails(sampling, celery):
    buffer = sampling(SAMPLE_WORK=1.0)

    @celery.task(name="good")
    def good():
        Company.objects.count()

    @celery.task(name="bad")
    def bad():
        raise ZeroDivisionError

    good.delay()
    bad.delay()
    signals.worker_process_shutdown.send(sender=None)
    buffer.flush()
    assert doors() == {"task good": 1, "task bad": 1}
    assert not background._tasks


@pytest.mark.django_db
def test_a_command_that_is_work_is_sampled_to_its_end(sampling, monkeypatch):
    buffer = sampling(SAMPLE_WORK=1.0, COMMANDS=["work_run"])
    at_exit = []
    monkeypatch.setattr(background.atexit, "register", at_exit.append)
    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])
    follow_command()
    assert not at_exit
    monkeypatch.setattr(sys, "argv", ["manage.py", "work_run", "7"])
    follow_command()
    Company.objects.count()
    [end] = at_exit
    end()
    buffer.flush()
    [row] = Sampled.objects.filter(door="command work_run")
    assert row.statements == 1
