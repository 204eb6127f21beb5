"""Runs whose worker died, messages that were lost, and whose turn it is."""

import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from bookings.models import Actor, Door
from dispatch.models import Assignment, DispatchRun, StoredPlan
from dispatch.runs import background, claim, lease, queue, slots, worker
from dispatch.runs import run as running
from dispatch.runs.background import start_comparison, start_dispatch
from dispatch.runs.changes import Changes
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.previews import apply_preview, plan_preview
from dispatch.runs.run import run_dispatch
from dispatch.runs.worker import take_over, take_turn, work
from drivers.models import Company
from tests.support import builders as make
from tests.support.invariants import broken

ACTOR = Actor(Door.API, name="portal")


@pytest.fixture
def sent(monkeypatch):
    """Collect the runs that are sent to a worker, who never comes."""
    ids = []
    for module in (background, queue):
        monkeypatch.setattr(module, "send", lambda run: ids.append(run.pk))
    return ids


@pytest.fixture(autouse=True)
def _day(db):
    make.shift(make.driver())
    make.booking(clock="09:00")


def queued(company=None, **options):
    run = start_dispatch(
        company or Company.objects.get(slug="geneva"), options.pop("day", make.DAY),
        now=timezone.now(), **{"actor": ACTOR, "options": FIRST_PLAN} | options,
    )  # fmt: skip
    return DispatchRun.objects.select_related("company").get(pk=run.pk)


def silent(**fields):
    """Let every lease have ended."""
    fields["claim_ends_at"] = timezone.now() - timedelta(seconds=1)
    DispatchRun.objects.filter(status__in=DispatchRun.UNDER_WAY).update(**fields)


def tend():
    return queue.tend(now=timezone.now())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch, django_capture_on_commit_callbacks):
    """Do what waits for the commit at once: tests do not commit."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda call, **about: call())


@pytest.mark.parametrize("preview", [False, True])
def test_what_nobody_took_is_sent_again(sent, preview):
    run = queued(preview=preview)
    assert tend() == {}  # its time has not come
    silent()
    assert tend() == {run.status: 1}
    assert sent == [run.pk, run.pk]
    assert tend() == {}
    assert work(take_over(run.pk, now=timezone.now())).assigned == 1


def test_what_waits_too_long_for_a_worker_fails(sent):
    run = queued()
    silent(started_at=timezone.now() - queue.WAITS - timedelta(seconds=1))
    assert tend() == {"failed": 1}
    assert sent == [run.pk]
    assert DispatchRun.objects.get().error == "No worker took this run within an hour."


def test_a_run_whose_worker_died_is_begun_again_and_not_for_ever(sent):
    run = queued()
    for attempt in range(1, lease.ATTEMPTS + 1):
        taken = take_over(run.pk, now=timezone.now())
        assert taken.attempts == attempt
        silent()
        assert tend() == {"running" if attempt < lease.ATTEMPTS else "failed": 1}
    assert take_over(run.pk, now=timezone.now()) is None
    assert len(sent) == lease.ATTEMPTS


def test_a_plan_that_the_database_could_not_keep_is_made_again_and_not_for_ever(sent):
    def full(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise OperationalError("No space left on device")
        return execute(sql, params, many, context)

    run = queued()
    for attempt in range(1, lease.ATTEMPTS + 1):
        taken = take_over(run.pk, now=timezone.now())
        with connection.execute_wrapper(full), pytest.raises(OperationalError):
            work(taken)
        run.refresh_from_db()
        assert run.status == ("running" if attempt < lease.ATTEMPTS else "failed")
        silent()
        tend()
    assert "No space left" in run.error
    assert len(sent) == lease.ATTEMPTS  # at first, and twice again
    assert not Assignment.objects.exists()


def test_who_was_given_up_writes_nothing_when_it_comes_back(sent):
    """The second worker has the run by then."""
    run = queued()
    first = take_over(run.pk, now=timezone.now())
    silent()
    tend()
    second = take_over(run.pk, now=timezone.now())
    with pytest.raises(running.StalePlan, match="given up"):
        work(first)
    assert not Assignment.objects.exists()
    assert DispatchRun.objects.get().status == "running"
    assert work(second).assigned == 1
    assert not broken()


def test_a_run_within_a_request_fails_and_frees_the_day():
    make.run(
        status="running", claim_ends_at=timezone.now() - timedelta(seconds=1), finished_at=None
    )
    assert tend() == {"failed": 1}
    assert (
        run_dispatch(
            Company.objects.get(), make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN
        ).assigned
        == 1
    )


def test_two_who_look_after_the_same_run_send_it_once(sent):
    run = queued()
    silent()
    twice = [DispatchRun.objects.select_related("company").get(pk=run.pk) for _ in range(2)]
    for row in twice:
        queue.settle(row, now=timezone.now())
    assert sent == [run.pk] * 2  # once when it was queued, once again


def test_the_turn_is_of_the_company_with_fewest_under_way(sent, settings):
    settings.RUNS_PER_COMPANY = 9
    geneva, bern = Company.objects.get(slug="geneva"), make.company("bern")
    first = queued(geneva)
    days = [make.DAY + timedelta(days=number) for number in range(1, 4)]
    second, third, _fourth = (queued(geneva, day=day) for day in days)
    other = queued(bern)
    order = []
    for _number in range(3):
        order.append(queue.next_queued())
        take_over(order[-1], now=timezone.now())
    assert order == [first.pk, other.pk, second.pk]
    assert queue.next_queued() == third.pk


def test_a_company_that_floods_the_queue_leaves_room_for_others(sent, settings):
    """Fails where a company may take all there is: then the other one waits for its searches."""
    settings.RUNS_PER_COMPANY = 1
    geneva, bern = Company.objects.get(slug="geneva"), make.company("bern")
    days = [make.DAY + timedelta(days=number) for number in range(4)]
    flood = [queued(geneva, day=day) for day in days]
    assert take_turn().pk == flood[0].pk
    assert take_turn() is None  # another worker rests, or plans for others
    other = queued(bern)
    assert take_turn().pk == other.pk
    DispatchRun.objects.filter(pk=flood[0].pk).update(status="completed")
    assert take_turn().pk == flood[1].pk


def test_what_is_planned_briefly_does_not_wait_in_the_line_of_long_searches(sent, settings):
    settings.RUNS_PER_COMPANY = 1
    long = queued(options=RunOptions())
    brief = queued(day=make.DAY + timedelta(days=1), options=RunOptions(time_limit_s=5))
    assert queue.next_queued() == long.pk
    assert (queue.next_queued("long"), queue.next_queued("short")) == (long.pk, brief.pk)
    assert take_turn("long").pk == long.pk
    assert queue.next_queued() is None  # a process of this machine serves both lines
    assert take_turn("short").pk == brief.pk


def test_what_if_waits_for_all_plans_of_its_company_and_in_the_long_line(sent, settings):
    """Fourteen days are 28 searches: who needs the plan of today would wait for all of them."""
    settings.RUNS_PER_COMPANY = 1
    company = Company.objects.get(slug="geneva")
    asked = start_comparison(
        company, make.DAY, now=timezone.now(), actor=ACTOR, time_limit_s=5,
        changes=Changes({"pickup_late_min": 30}), until=make.DAY + timedelta(days=13),
    )  # fmt: skip
    assert queue.next_queued("short") is None
    assert queue.next_queued("long") == asked.pk
    plan = queued(options=RunOptions())
    assert queue.next_queued("long") == queue.next_queued() == plan.pk
    assert take_turn().pk == plan.pk
    plan.delete()
    assert take_turn().pk == asked.pk


def test_of_workers_that_look_at_once_one_takes_a_run_of_the_company(sent, settings, monkeypatch):
    """Both saw nothing under way; under the lock the second one sees what the first one took."""
    settings.RUNS_PER_COMPANY = 1
    runs = [queued(day=make.DAY + timedelta(days=number)) for number in range(2)]
    real, looks = queue.next_queued, []

    def looks_before_the_other_has_it(line=None):
        looks.append(line)
        return runs[1].pk if len(looks) == 1 else real(line)

    assert take_turn().pk == runs[0].pk
    monkeypatch.setattr(worker, "next_queued", looks_before_the_other_has_it)
    assert take_turn() is None


def test_a_newer_preview_replaces_the_same_persons_waiting_one(sent):
    mine, other_day = queued(preview=True), queued(preview=True, day=make.DAY + timedelta(days=1))
    colleague = queued(preview=True, actor=Actor(Door.API, name="another"))
    newer = queued(preview=True)
    mine.refresh_from_db()
    assert (mine.status, mine.error) == ("failed", "A newer preview of this day was asked for.")
    waiting = DispatchRun.objects.filter(status="planning").order_by("id")
    assert list(waiting) == [other_day, colleague, newer]
    take_over(newer.pk, now=timezone.now())
    queued(preview=True)  # does not stop what is worked on
    newer.refresh_from_db()
    assert newer.status == "planning"


def test_a_company_has_no_more_than_so_many_previews_waiting(sent, monkeypatch):
    monkeypatch.setattr(background, "PREVIEWS_WAITING", 2)
    for number in range(2):
        queued(preview=True, day=make.DAY + timedelta(days=number))
    with pytest.raises(background.TooManyPreviews, match="2 previews are waiting"):
        queued(preview=True, day=make.DAY + timedelta(days=5))
    queued(preview=True)  # takes the place of the one before
    queued(make.company("bern"), preview=True)


def test_one_process_plans_what_waits_one_after_the_other(sent):
    run, other = queued(), queued(day=make.DAY + timedelta(days=1))
    call_command("work_run", str(run.pk))
    states = DispatchRun.objects.filter(pk__in=[run.pk, other.pk]).values_list("status", flat=True)
    assert list(states) == ["completed", "completed"]


def test_where_every_processor_plans_the_run_waits_for_them(sent, monkeypatch, tmp_path, settings):
    settings.PLANNING_SLOTS = tmp_path
    monkeypatch.setattr(slots, "slots", lambda: 1)
    run = queued()
    with slots.slot() as is_free:
        assert is_free
        assert "whoever is ready first" in call_command("work_run", str(run.pk))
    assert DispatchRun.objects.get().progress == {"phase": "queued"}
    call_command("work_run", str(run.pk))
    assert DispatchRun.objects.get().status == "completed"


def test_no_process_is_started_where_every_processor_plans(monkeypatch, tmp_path, settings):
    settings.PLANNING_SLOTS = tmp_path
    started = []
    monkeypatch.setattr(slots, "slots", lambda: 1)
    monkeypatch.setattr(queue, "_start_process", started.append)
    with slots.slot():
        waiting = queued()
    assert started == []
    silent()
    assert tend() == {"running": 1}
    assert started == [waiting.pk]


# A preview that was looked at


def preview():
    report = plan_preview(
        Company.objects.get(), make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN
    )
    return DispatchRun.objects.select_related("company").get(pk=report.run)


@pytest.mark.parametrize("number", range(1, 14))
def test_a_preview_survives_any_database_error_of_its_apply(number):
    run, seen = preview(), []

    def fails(execute, sql, params, many, context):
        if sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN")):
            return execute(sql, params, many, context)
        seen.append(sql)
        if len(seen) == number:
            raise OperationalError("the server went away")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fails), pytest.raises(OperationalError):
        apply_preview(run, now=make.NOW, actor=ACTOR)
    assert DispatchRun.objects.get().status == "preview"
    assert StoredPlan.objects.count() == 1
    assert not Assignment.objects.exists()
    assert apply_preview(preview_again(run), now=make.NOW, actor=ACTOR).assigned == 1
    assert not StoredPlan.objects.exists()
    assert DispatchRun.objects.get().error == ""
    assert not broken()


def preview_again(run):
    return DispatchRun.objects.select_related("company").get(pk=run.pk)


def test_a_preview_whose_apply_died_is_a_preview_again():
    run = preview()
    DispatchRun.objects.filter(pk=run.pk).update(status="running", lease="x")
    silent()
    assert tend() == {"preview": 1}
    assert apply_preview(preview_again(run), now=make.NOW, actor=ACTOR).assigned == 1


# The lease


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_its_run_works(monkeypatch):
    monkeypatch.setattr(lease, "RENEWED_S", 0.05)
    run = make.run(status="running", finished_at=None, lease="mine", claim_ends_at=timezone.now())
    with lease.renewed(run):
        for _number in range(100):
            threading.Event().wait(0.05)
            run.refresh_from_db()
            if not claim.seems_dead(run):
                break
        assert tend() == {}
    left = run.claim_ends_at - timezone.now()
    assert timedelta(seconds=25) < left <= timedelta(seconds=31)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lease")]


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_another_has_is_not_renewed(monkeypatch):
    monkeypatch.setattr(lease, "RENEWED_S", 0.05)
    ended = timezone.now() - timedelta(hours=1)
    run = make.run(status="running", finished_at=None, lease="mine", claim_ends_at=ended)
    DispatchRun.objects.update(lease="another's")
    with lease.renewed(run):
        threading.Event().wait(0.4)
    run.refresh_from_db()
    assert run.claim_ends_at == ended
