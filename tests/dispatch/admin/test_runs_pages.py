"""The pages of runs: what one did and why, and how to revert it."""

import io

import openpyxl
import pytest
from django.urls import reverse

from bookings.models import Actor, Booking, Door
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Role
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="anna")


def dispatched(company, bookings=2, drivers=1):
    for number in range(drivers):
        make.shift(make.driver(company, f"Driver {number:02}"))
    for number in range(bookings):
        make.booking(company, f"{8 + number}:00", reference=f"T-{number}")
    make.booking(company, "23:00", reference="LATE")
    report = run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    return DispatchRun.objects.get(pk=report.run)


def page(run, name="change"):
    return reverse(f"admin:dispatch_dispatchrun_{name}", args=[run.pk])


@pytest.mark.django_db(transaction=True)
def test_the_page_shows_plan_reasons_settings_and_differences(client):
    company = make.company()
    run = dispatched(company)
    client.force_login(make.member(company))
    text = client.get(page(run)).content.decode()
    page_of_people, _, page_of_developers = text.partition("For developers")
    for shown in (
        "T-0",
        "T-1",
        "LATE",
        "Driver 00",
        "placed",
        "kilometres without",
        "with a driver",
    ):
        assert shown in page_of_people
    assert "pickups at the wanted time or earlier" in page_of_people
    for shown in ("engine", "SQL statements", "seed"):
        assert shown in page_of_developers
        assert shown not in page_of_people
    assert "Plan of 18:00 (16 June) for Wednesday 17 June 2026" in text
    assert f"#{run.pk}" not in text
    listed = client.get(reverse("admin:dispatch_dispatchrun_changelist")).content.decode()
    assert "2 of 3" in listed
    assert "plan of 18:00 (16 June)" in listed
    assert reverse("admin:board:day", args=["geneva", make.DAY]) in text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bookings", [2, 12])
def test_the_page_sends_a_constant_number_of_statements(
    client, bookings, django_assert_max_num_queries
):
    company = make.company()
    run = dispatched(company, bookings, drivers=bookings)
    client.force_login(make.member(company))
    with django_assert_max_num_queries(9):
        client.get(page(run))


@pytest.mark.django_db(transaction=True)
def test_a_run_is_reverted_after_confirmation(client):
    company = make.company()
    run = dispatched(company)
    client.force_login(make.member(company))
    assert client.get(page(run, "revert")).status_code == 200
    assert Assignment.objects.open().count() == 2
    response = client.post(page(run, "revert"))
    assert response.status_code == 302
    assert Assignment.objects.open().count() == 0
    assert set(Booking.objects.values_list("status", flat=True)) == {"accepted"}
    newest = DispatchRun.objects.latest("id")
    assert newest.reverts == run
    text = client.get(page(newest)).content.decode()
    assert "T-0" in text
    page_after = client.post(page(make.run(company, status="failed"), "revert"), follow=True)
    assert "only a completed plan can be undone" in page_after.content.decode()


@pytest.mark.django_db
def test_only_planners_of_the_company_revert_a_run(client):
    company, other = make.company(), make.company("other")
    run, theirs = make.run(company), make.run(other)
    client.force_login(make.member(company, Role.VIEWER))
    assert client.get(page(run, "revert")).status_code == 404
    assert "revert" not in client.get(page(run)).content.decode()
    client.force_login(make.member(company))
    assert client.get(page(theirs, "revert")).status_code == 404
    assert client.post(page(theirs, "revert")).status_code == 404


@pytest.mark.django_db
def test_the_manifest_is_a_file_of_the_own_company(client):
    company = make.company()
    make.company("other")
    driver = make.driver(company, "=Anna")
    make.assignment(make.booking(company), driver)
    client.force_login(make.member(company, Role.VIEWER))

    def manifest(kind, slug="geneva", day="2026-06-17"):
        name = f"admin:dispatch_assignment_manifest_{kind}"
        return client.get(reverse(name, args=[slug, day]))

    text = b"".join(manifest("csv").streaming_content).decode()
    assert text.count("'=Anna") == 2
    book = openpyxl.load_workbook(io.BytesIO(b"".join(manifest("xlsx").streaming_content)))
    assert [row[0].value for row in book.active.rows] == ["driver", "=Anna", "=Anna"]
    assert book.active["A2"].data_type == "s"
    assert manifest("csv", "other").status_code == 404
    assert manifest("csv", day="2026-13-01").status_code == 404
