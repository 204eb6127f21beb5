"""Profiles of a dispatch and of a URL: complete, the same as data and as files, and harmless."""

import json
import re
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command, get_commands
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from bookings.models import Booking, Client, Event
from dispatch.models import Assignment, DispatchRun
from drivers.models import Company
from perf.indexes.explain import explain_top
from perf.measuring.taken_back import taken_back
from perf.profiling.profile import profile_block
from perf.profiling.report import as_markdown, as_text
from perf.profiling.targets import profile_command, profile_url
from perf.project.profile_dispatch import profile_dispatch
from perf.recording.finding import LOCKED
from perf.recording.masking import masked
from perf.recording.notes import FORMATS
from tests.support import builders as make

pytestmark = pytest.mark.slow


def a_day(bookings=3):
    make.shift(make.driver(), break_min=30)
    for number in range(bookings):
        make.booking(client=make.client(name=f"Ada Lovelace {number}"), clock=f"{8 + number}:30")
    return Company.objects.get()


def written():
    return [
        model.objects.order_by("id").values_list().count()
        for model in (Assignment, DispatchRun, Event)
    ] + list(Booking.objects.order_by("id").values_list("status", "version"))


@pytest.mark.django_db(transaction=True)
def test_a_dispatch_is_profiled_whole_and_taken_back():
    company = a_day()
    before = written()
    profile = profile_dispatch(
        company, make.DAY, now=make.NOW, time_limit_s=0, explain=True, may_build=True
    )
    assert written() == before
    assert profile.result.assigned == 3
    assert profile.outcome["Assignments created"] == 3
    assert set(profile.phases) == {"load", "plan", "check", "apply"}
    assert profile.statements == len(profile.recording)
    assert 0 < profile.database_ms < profile.total_ms
    assert profile.findings == ()
    assert profile.advice in (None, ())
    assert profile.first["statements"] == profile.statements
    assert {s.sql for s in profile.recording.control} & {"ROLLBACK", "COMMIT"} == set()
    assert profile.transactions == 2  # the claim, and the plan with all that is written of it
    assert len(profile.top) == 10
    longest = [max(t.ms, t.first_ms) for t in profile.top]
    assert longest == sorted(longest, reverse=True)
    assert {bool(t.plan.nodes) for t in profile.top} == {True}
    sites = {site for top in profile.top for site in top.sites}
    assert any(site.startswith("dispatch/") for site in sites)
    assert profile.sizes["bookings"] == 3
    assert json.loads(profile.speedscope)["$schema"].startswith("https://www.speedscope.app")


@pytest.mark.django_db(transaction=True)
def test_an_applied_profile_keeps_the_plan():
    company = a_day()
    profile_dispatch(company, make.DAY, now=make.NOW, time_limit_s=0, apply=True)
    assert Assignment.objects.open().count() == 3
    assert DispatchRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_command_writes_its_files_and_no_names(tmp_path, capsys):
    a_day()
    options = {"company": "geneva", "day": make.DAY, "time_limit": 0, "output": tmp_path}
    call_command("profile_dispatch", **options, explain=True, slow_ms=0)
    shown = capsys.readouterr().out
    assert {p.name for p in tmp_path.iterdir()} == {
        "PROFILING_RESULTS.md",
        "profile.json",
        "speedscope.json",
        "history.jsonl",
    }
    data = json.loads((tmp_path / "profile.json").read_text())
    assert data["slow"] == data["statements"] > 10
    assert data["outcome"]["Bookings"] == 3
    results = (tmp_path / "PROFILING_RESULTS.md").read_text()
    for text in (shown, results, json.dumps(data)):
        assert "Lovelace" not in text
    assert f"{data['total_ms']:.1f} ms" in results
    assert "| dispatch/" in results
    call_command("profile_dispatch", **options)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2


@pytest.mark.django_db
def test_a_wrong_name_is_refused_with_the_right_ones(tmp_path):
    make.company()
    with pytest.raises(CommandError, match="Known: geneva"):
        call_command("profile_dispatch", company="no", day=make.DAY, output=tmp_path)


@pytest.mark.django_db
def test_a_loop_is_in_the_report_with_its_fix():
    for _i in range(3):
        make.booking(client=make.client())

    def loop():
        return [b.client.name for b in Booking.objects.order_by("id")]

    profile = profile_block("loop", loop, now=make.NOW)
    assert [c.count for c in profile.findings] == [3]
    for text in (as_text(profile), as_markdown(profile)):
        assert "select_related(“client”)" in text
    assert "select_related(“client”)" in profile.top[0].action or (
        "select_related(“client”)" in profile.top[1].action
    )
    assert profile.advice is None


@pytest.mark.django_db(transaction=True)
def test_a_missing_index_is_in_the_index_plan(caplog):
    company = make.company()
    Client.objects.bulk_create(
        [
            Client(company=company, name=f"Client {i}", address=f"Street {i % 500}")
            for i in range(5_000)
        ]
    )
    profile = profile_block(
        "street",
        lambda: [list(Client.objects.filter(address=f"Street {n}")) for n in range(5)],
        now=make.NOW,
        explain=True,
        may_build=True,
    )
    [advice] = profile.advice
    assert advice.candidate.columns == ("address",)
    assert 'Index(fields=["address"]' in as_text(profile)
    assert not [r for r in caplog.records if "replay" in r.getMessage()]  # no slow statement's
    assert "| 1 | bookings_client | address |" in as_markdown(profile)
    assert profile.as_dict()["index_plan"][0]["trials"][0]["before"]["full_scans"] == [
        "bookings_client"
    ]


def an_action(call, **options):
    profile = profile_block("it", call, now=make.NOW, **options)
    return profile.top[0].action, profile


@pytest.mark.django_db
def test_without_options_every_top_statement_has_an_action(monkeypatch):
    make.booking()
    monkeypatch.setattr("perf.indexes.missing.SMALLEST_TABLE", 1)
    action, profile = an_action(lambda: list(Booking.objects.filter(notes="x")))
    assert "Read whole: bookings_booking." in action
    assert 'Not tried yet: Index(fields=["notes"]' in action
    assert profile.advice is None
    assert "Nothing was tried. Considered: Index" in as_text(profile)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", [{}, {"explain": True, "may_build": True}])
def test_a_small_table_is_said_to_be_small_and_not_to_lack_nothing(options):
    make.booking()
    action, profile = an_action(lambda: list(Booking.objects.filter(notes="x")), **options)
    assert "Nothing was tried: bookings_booking has only 1 rows" in action
    assert "No index is missing" not in as_text(profile)


@pytest.mark.django_db(transaction=True)
def test_what_no_index_serves_is_rewritten_and_not_called_tried():
    make.booking()
    negated = Booking.objects.exclude(scheduled_time__date=make.DAY)
    action, _profile = an_action(lambda: list(negated), explain=True, may_build=True)
    assert "Read whole" in action
    assert "name the values that are wanted" in action
    assert "none was shown to pay" not in action


@pytest.mark.django_db
@pytest.mark.parametrize("order", ["id", "-id"])
def test_a_list_by_the_key_that_stops_early_reads_no_table_whole(order):
    company = make.company()
    Client.objects.bulk_create(Client(company=company, name=f"C{i}") for i in range(2000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    action, profile = an_action(lambda: list(Client.objects.order_by(order)[:50]))
    assert action.startswith("None: it is served by")
    assert profile.attempts == ()


class Asked:
    """What the views below were asked."""

    seen = None


def writing_view(request):
    Company.objects.update(name="written")
    return HttpResponse("ok")


def answering_view(request):
    Asked.seen = (
        request.method, request.content_type, request.body, request.headers.get("X-Company"),
        request.headers.get("Authorization"),
    )  # fmt: skip
    return HttpResponse("no", status=int(request.GET.get("status", 200)))


class Once:
    """A view that reads only the first time: what a cache does."""

    full = False

    def __call__(self, request):
        if not Once.full:
            list(Booking.objects.all())
        Once.full = True
        return HttpResponse("ok")


urlpatterns = [path("write/", writing_view), path("ask/", answering_view), path("once/", Once())]


@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF="tests.perf.profiling.test_profile")
def test_a_request_goes_through_the_middleware_and_is_taken_back():
    make.company()
    profile = profile_url("/write/", now=make.NOW, method="POST")
    assert profile.result.content == b"ok"
    assert "X-Frame-Options" in profile.result.headers
    assert profile.outcome == {"Status": 200, "Bytes": 2}
    assert profile.statements == 1
    assert profile.top[0].sites[0].startswith("tests/perf/profiling/test_profile.py:")
    assert Company.objects.get().name != "written"
    profile_url("/write/", now=make.NOW, method="POST", apply=True)
    assert Company.objects.get().name == "written"


@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF="tests.perf.profiling.test_profile")
def test_logging_in_is_no_part_of_the_profile(admin_user):
    profile = profile_url("/write/", now=make.NOW, user=admin_user)
    of_login = [s for s in profile.recording if "session" in s.sql or "last_login" in s.sql]
    # The page itself reads since when the session lasts.
    assert [s.sql.partition(" ")[0] for s in of_login] == ["SELECT"]


@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF="tests.perf.profiling.test_profile")
def test_headers_keys_bodies_and_types_are_sent_and_a_refusal_is_told(tmp_path, capsys):
    key = tmp_path / "key"
    key.write_text("secret\n")
    call_command(
        "profile_url", "/ask/?status=400", method="POST", data="a=b", token=f"@{key}",
        content_type="application/x-www-form-urlencoded", header=["X-Company: geneva"],
        output=tmp_path,
    )  # fmt: skip
    assert Asked.seen == (
        "POST", "application/x-www-form-urlencoded", b"a=b", "geneva", "Bearer secret",
    )  # fmt: skip
    shown = capsys.readouterr().out
    assert "The answer was 400 Bad Request" in shown
    results = (tmp_path / "PROFILING_RESULTS.md").read_text()
    assert "The answer was 400 Bad Request" in results
    assert "secret" not in shown + results
    call_command("profile_url", "/ask/?status=503", output=tmp_path, format="github")
    assert capsys.readouterr().out == (
        "::warning title=answer%3A GET /ask/?status=503::The answer was 503 Service Unavailable: "
        "this is the profile of that, and not of the page.\n"
    )
    with pytest.raises(CommandError, match="Name: value"):
        call_command("profile_url", "/ask/", header=["nonsense"], output=tmp_path)


@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF="tests.perf.profiling.test_profile")
def test_what_only_the_first_run_sent_is_listed_with_its_time():
    make.booking()
    Once.full = False
    profile = profile_url("/once/", now=make.NOW)
    assert (profile.statements, profile.first["statements"]) == (0, 1)
    [top] = profile.top
    assert (top.count, top.ms) == (0, 0)
    assert top.first_ms > 0
    assert f"{profile.first['database_ms']:.1f} ms" in as_text(profile)


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_lock_that_only_the_first_run_waits_for_is_found():
    make.company()
    holds = threading.Event()

    def hold():
        with transaction.atomic():
            Company.objects.update(name="mine")
            holds.set()
            threading.Event().wait(0.5)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait(5)
    profile = profile_block(
        "it",
        lambda: Company.objects.update(name="x"),
        now=make.NOW,
        rehearse=True,
        around=lambda rehearsal: taken_back(),
    )
    holder.join()
    [found] = profile.findings
    assert found.kind == LOCKED
    assert 'UPDATE "drivers_company"' in found.what  # what the holder has run
    assert found.cure == profile.top[0].action


@pytest.mark.django_db(transaction=True)
def test_plans_are_asked_for_before_the_rows_of_an_applied_dispatch_are_there(monkeypatch):
    company = a_day()
    there = []

    def explain(*args, **options):
        there.append(Assignment.objects.count())
        return explain_top(*args, **options)

    monkeypatch.setattr("perf.profiling.profile.explain_top", explain)
    profile_dispatch(company, make.DAY, now=make.NOW, time_limit_s=0, apply=True)
    assert there[0] == 0
    assert Assignment.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_fast_profile_plans_without_search(tmp_path, capsys):
    a_day()
    options = {"company": "geneva", "day": make.DAY, "output": tmp_path}
    call_command("profile_dispatch", **options, fast=True)
    assert "Time in the database of the first run" in capsys.readouterr().out
    with pytest.raises(CommandError, match="leave --time-limit out"):
        call_command("profile_dispatch", **options, fast=True, time_limit=3)


@pytest.mark.django_db(transaction=True)
def test_a_page_of_the_admin_is_profiled_as_its_user(tmp_path, capsys, admin_user):
    call_command("profile_url", "/admin/", user="admin", output=tmp_path)
    assert "GET /admin/" in capsys.readouterr().out
    assert json.loads((tmp_path / "profile.json").read_text())["outcome"]["Status"] == 200
    with pytest.raises(CommandError, match="no user whose username is “nobody”"):
        call_command("profile_url", "/admin/", user="nobody", output=tmp_path)


class Looping(BaseCommand):
    """Asks for a client per booking, and writes one."""

    def add_arguments(self, parser):
        parser.add_argument("--name", required=True)

    def handle(self, *, name, **options):
        for booking in Booking.objects.order_by("id"):
            self.stdout.write(booking.client.name)
        make.client(name=name)
        if name == "leave":
            sys.exit(3)


@pytest.fixture
def looping(monkeypatch):
    known = {**get_commands(), "looping": Looping()}
    monkeypatch.setattr("django.core.management.get_commands", lambda: known)
    a_day()


@pytest.mark.django_db(transaction=True)
def test_a_command_is_profiled_and_what_it_writes_is_taken_back(looping, tmp_path, capsys):
    before = Client.objects.count()
    call_command("profile_command", "looping", "--name", "new", output=tmp_path, format="github")
    assert Client.objects.count() == before
    [line] = capsys.readouterr().out.splitlines()
    here = Path(__file__).relative_to(settings.BASE_DIR)
    assert re.match(
        rf"::warning file={here},line=\d+,title=n\+1 reads%3A manage.py looping --name new::", line
    )
    assert "select_related(“client”)" in line
    profile = json.loads((tmp_path / "profile.json").read_text())
    assert (profile["what"], profile["outcome"]) == (
        "manage.py looping --name new", {"Lines printed": 3},
    )  # fmt: skip
    profile_command("looping", ["--name", "kept"], now=make.NOW, apply=True)
    assert list(Client.objects.order_by("-id").values_list("name", flat=True)[:1]) == ["kept"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["looping"], "required: --name"),
        (["looping", "--name", "leave"], "looping left with 3"),
        (["nowhere"], "Unknown command: 'nowhere'"),
    ],
)
def test_a_command_that_cannot_be_profiled_is_refused(looping, tmp_path, arguments, told):
    before = Client.objects.count()
    with pytest.raises(CommandError, match=told):
        call_command("profile_command", *arguments, output=tmp_path)
    assert Client.objects.count() == before


@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF="tests.perf.profiling.test_profile")
def test_a_profile_is_printed_in_every_format_and_its_files_are_told_beside(tmp_path, capsys):
    shown = {}
    for form in FORMATS:
        call_command("profile_url", "/write/", output=tmp_path, format=form)
        shown[form], beside = capsys.readouterr()
        assert "profile.json" in beside
    assert shown["text"].startswith("GET /write/ · ")
    assert shown["markdown"].startswith("# Profile: GET /write/\n")
    assert json.loads(shown["json"])["what"] == "GET /write/"
    assert shown["github"].strip() == ""  # nothing was found


def test_parameters_are_masked():
    assert masked(["Ada Lovelace", 7, None, 46.2, [1, 2], "2026-06-17 08:00:00"]) == (
        "text(12), 7, None, float, [2 × int], 2026-06-17 08:00:00"
    )
    assert masked(None) == ""
    assert masked(list(range(20))).endswith("10, 11, … 20")
