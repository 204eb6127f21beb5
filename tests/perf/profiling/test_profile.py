"""Profiles of a dispatch and of a URL: complete, the same as data and as files, and harmless."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from bookings.models import Booking, Client, Event
from dispatch.models import Assignment, DispatchRun
from drivers.models import Company
from perf.profiling.profile import profile_block
from perf.profiling.report import as_markdown, as_text
from perf.profiling.targets import profile_url
from perf.project.profile_dispatch import profile_dispatch
from perf.recording.masking import masked
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
    assert profile.advice == ()
    assert len(profile.top) == 10
    assert [t.ms for t in profile.top] == sorted((t.ms for t in profile.top), reverse=True)
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
def test_a_missing_index_is_in_the_index_plan():
    company = make.company()
    Client.objects.bulk_create(
        [
            Client(company=company, name=f"Client {i}", address=f"Street {i % 500}")
            for i in range(4000)
        ]
    )
    profile = profile_block(
        "street",
        lambda: list(Client.objects.filter(address="Street 3")),
        now=make.NOW,
        explain=True,
        may_build=True,
    )
    [advice] = profile.advice
    assert advice.candidate.columns == ("address",)
    assert 'Index(fields=["address"]' in as_text(profile)
    assert "| 1 | bookings_client | address |" in as_markdown(profile)
    assert profile.as_dict()["index_plan"][0]["trials"][0]["before"]["full_scans"] == [
        "bookings_client"
    ]


def writing_view(request):
    Company.objects.update(name="written")
    return HttpResponse("ok")


urlpatterns = [path("write/", writing_view)]


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
def test_a_page_of_the_admin_is_profiled_as_its_user(tmp_path, capsys, admin_user):
    call_command("profile_url", "/admin/", user="admin", output=tmp_path)
    assert "GET /admin/" in capsys.readouterr().out
    assert json.loads((tmp_path / "profile.json").read_text())["outcome"]["Status"] == 200
    with pytest.raises(CommandError, match="no user “nobody”"):
        call_command("profile_url", "/admin/", user="nobody", output=tmp_path)


def test_parameters_are_masked():
    assert masked(["Ada Lovelace", 7, None, 46.2, [1, 2], "2026-06-17 08:00:00"]) == (
        "text(12), 7, None, float, [2 × int], 2026-06-17 08:00:00"
    )
    assert masked(None) == ""
    assert masked(list(range(20))).endswith("10, 11, … 20")
