"""A person who is forgotten stands in no table any more, and the trips stay."""

import json
from pathlib import Path

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from bookings.events import booking_created
from bookings.merge import CannotMerge, preview_merge
from bookings.models import (
    Actor,
    Booking,
    Client,
    Door,
    DriverPreference,
    Erasure,
    Event,
    ImportFile,
    Pause,
    SavedPlace,
    Series,
    Status,
)
from bookings.models.seals import ERASED
from bookings.privacy import forget as module
from bookings.privacy.export import export_person
from bookings.privacy.forget import CannotForget, ReasonForgotten, begin, forget
from drivers.db.bulk import insert_rows
from drivers.models import Company, Role, StoredAnswer
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.full_search import tables_with

pytestmark = pytest.mark.django_db
NAME, PHONE, ADDRESS, NOTE = "Zoé Quelqu’une", "+41 79 555 11 22", "Chemin Caché 77", "key 4711"
NEEDLES = (NAME, "zoe quelqu", PHONE, "41795551122", ADDRESS, "chemin cache", NOTE, "P-778899",
           "ZQ-1", "ZQ-2", "46.23456", "Zoé")  # fmt: skip
HOW = {"reason": "asked for it by letter", "now": make.NOW}


@pytest.fixture
def actor():
    return Actor(Door.ADMIN, name="owner", user_id=make.member().pk)


@pytest.fixture
def zoe(actor):
    """Return a client of whom everything that can be is stored, and a neighbour's trip beside."""
    company = Company.objects.get()  # the actor's
    zoe = Client.objects.create(
        company=company, name=NAME, phone=PHONE, address=ADDRESS, notes=NOTE,
        external_id="P-778899", lat=46.23456, lon=6.08,
    )  # fmt: skip
    driver = make.driver(company)
    SavedPlace.objects.create(client=zoe, label="Zoé", address=ADDRESS, lat=46.23456, lon=6.0)
    DriverPreference.objects.create(client=zoe, driver=driver, kind="preferred")
    order = make.series(
        company, client=zoe, pickup_address=ADDRESS, notes=NOTE, pickup_lat=46.23456
    )
    Pause.objects.create(company=company, series=order, first_day=make.DAY, note=NOTE)
    for number in (1, 2):
        booking = make.booking(
            company, client=zoe, reference=f"ZQ-{number}", pickup_address=ADDRESS, notes=NOTE,
            pickup_lat=46.23456, clock=f"1{number}:00",
        )  # fmt: skip
        Event.objects.bulk_create([booking_created(booking, actor=actor, now=make.NOW)])
        row = make.assignment(booking, driver, status="completed")
        row.explanation = {"says": f"because of {NAME}"}
        row.save(update_fields=["explanation"])
        entry = {"content_type": ContentType.objects.get_for_model(Booking), "action_flag": CHANGE}
        user = make.member(company)
        LogEntry.objects.create(user=user, object_id=booking.pk, object_repr="ZQ-1", **entry)
    old = {"company": company, "kind": "booking.changed", "at": make.NOW, "door": "api"}
    old |= {"booking": booking, "reason": f"{NAME} has called"}
    insert_rows(Event, [Event(**old, old={"notes": NOTE}, new={"notes": "", "passengers": 2})])
    make.delivery(company, event=Event.objects.last(), last_error=f"no {NAME} here")
    make.run(company, unassigned=[{"booking": booking.pk, "why": [f"{NAME} also has ZQ-1"]}])
    StoredAnswer.objects.create(
        company=company, caller="1", key="k", fingerprint="f", begun_at=make.NOW, status=201,
        body={"pickup_address": ADDRESS},
    )  # fmt: skip
    ImportFile.objects.create(
        company=company, user=user, name="a.csv", data=ADDRESS.encode(), uploaded_at=make.NOW
    )
    make.booking(company, client=make.client(company, "Ben"), notes="Bens own", status="completed")
    return zoe


def left():
    return tables_with(*NEEDLES)


def test_nobody_finds_the_person_in_any_table(zoe, actor):
    assert {"bookings_client", "bookings_booking", "bookings_event", "dispatch_dispatchrun"} <= {
        *left()
    }
    erasure = forget(zoe, actor=actor, **HOW)
    assert left() == {}
    assert erasure.done_at == make.NOW
    assert erasure.counts["bookings"] == 2
    assert forget(zoe, actor=actor, **HOW) is None
    assert Erasure.objects.count() == 1


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_sqlites_file_has_nothing_of_the_person_either(zoe, actor):
    def found():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file = Path(connection.settings_dict["NAME"])
        stored = file.read_bytes() + file.with_name(f"{file.name}-wal").read_bytes()
        return [needle for needle in NEEDLES if needle.encode() in stored]

    assert NAME in found()
    forget(zoe, actor=actor, **HOW)
    assert found() == []


def test_what_trips_there_were_stays(zoe, actor):
    before = Booking.objects.filter(client=zoe).order_by("id")
    kept = ["status", "scheduled_time", "passengers", "client_id", "assignments__driver_id"]
    told = list(before.values_list(*kept))
    forget(zoe, actor=actor, **HOW)
    assert list(before.all().values_list(*kept)) == told
    assert before[0].pickup_lat == 46.23
    assert Booking.objects.get(client__name="Ben").notes == "Bens own"
    created = Event.objects.filter(booking=before[0]).first()
    assert created.new["notes"] == ERASED
    assert created.new["status"] == Status.ACCEPTED
    last = Event.objects.last()
    assert (last.kind, last.new) == ("client.forgotten", {"client": zoe.pk})
    zoe.refresh_from_db()
    assert zoe.is_forgotten
    with pytest.raises(CannotMerge, match="was forgotten"):
        preview_merge(Client.objects.get(name="Ben"), zoe)


class Killed(Exception):
    """Stands for a process that ended in the middle."""


def test_killed_at_any_statement_it_goes_on(zoe, actor, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1)
    allowed, kills, before = 0, 0, None
    while True:
        seen = 0

        def count(execute, sql, params, many, context, most=allowed):
            nonlocal seen
            seen += 1
            if seen == most + 1:  # and not again: the rollback needs its statement
                raise Killed
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(count):
                forget(zoe, actor=actor, **HOW)
            break
        except Killed:
            kills += 1
            done = list(Erasure.objects.values_list("last_booking_id", "done_at"))
            allowed, before = allowed + 1 if done == before else 0, done
    assert kills > 50  # once at each statement of each step
    assert left() == {}
    assert Erasure.objects.get().counts["bookings"] == 2


def test_steps_are_bounded_and_the_next_call_goes_on(zoe, actor, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1)
    assert forget(zoe, actor=actor, most=1, **HOW).done_at is None
    assert Booking.objects.filter(client=zoe).exclude(notes="").count() == 1
    assert forget(zoe, actor=actor, **HOW).done_at == make.NOW


@pytest.mark.parametrize("trips", [1, 2])
def test_a_step_takes_the_same_statements_for_any_number_of_trips(
    zoe, actor, monkeypatch, django_assert_max_num_queries, trips
):
    monkeypatch.setattr(module, "CHUNK", trips)
    erasure = begin(zoe, actor=actor, **HOW)
    with django_assert_max_num_queries(16):
        module.carry_on(erasure, now=make.NOW, most=1)
    assert Booking.objects.filter(client=zoe, notes="").count() == trips


def test_who_still_travels_is_not_forgotten(zoe, actor):
    make.booking(zoe.company, client=zoe, clock="20:00")
    with pytest.raises(CannotForget, match="1 open trips"):
        forget(zoe, actor=actor, **HOW)
    assert not Erasure.objects.exists()
    with pytest.raises(ReasonForgotten):
        forget(zoe, actor=actor, reason=" ", now=make.NOW)


def test_no_standing_order_books_for_them_any_more(zoe, actor):
    forget(zoe, actor=actor, **HOW)
    assert Pause.objects.get(client=zoe).last_day is None
    assert Series.objects.get(client=zoe).notes == ""


def test_an_export_has_everything(zoe):
    told = "".join(export_person(zoe))
    document = json.loads(told)
    for needle in (NAME, PHONE, ADDRESS, NOTE, "P-778899", "ZQ-1", "ZQ-2", "46.23456"):
        assert needle in told
    assert [len(trip["events"]) for trip in document["trips"]] == [1, 2]
    assert parse_datetime(document["trips"][0]["assignments"][0]["planned_pickup_at"])
    assert "Bens own" not in told


def test_the_commands_export_forget_and_say_when_nothing_is_left(zoe, capsys):
    asked = {"company": "geneva", "client": zoe.pk}
    call_command("export_person", **asked)
    assert NAME in capsys.readouterr().out
    call_command("forget_person", **asked, dry_run=True)
    assert "2 trips, 3 events, 1 saved places are known." in capsys.readouterr().out
    call_command("forget_person", **asked, reason="asked for it")
    assert "Forgotten: 2 trips" in capsys.readouterr().out
    assert left() == {}
    call_command("forget_person", **asked, reason="asked for it")
    assert "Nothing is known" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no client"):
        call_command("forget_person", company="elsewhere", client=zoe.pk, reason="x")


def test_only_owners_export_and_forget_on_the_page_with_reason_and_tick(zoe, client):
    address = reverse("admin:bookings_client_forget", args=[zoe.pk])
    file = reverse("admin:bookings_client_export_person", args=[zoe.pk])
    client.force_login(make.member(zoe.company, Role.DISPATCHER))
    assert {client.get(address).status_code, client.get(file).status_code} == {404}
    client.force_login(make.member(zoe.company, Role.OWNER))
    assert NAME in b"".join(client.get(file).streaming_content).decode()
    page = client.get(address).content.decode()
    assert "2 trips stay" in page
    assert client.post(address, {"reason": "asked"}).status_code == 409
    assert client.post(address, {"sure": "on"}).status_code == 409
    assert (
        NAME in client.get(reverse("admin:bookings_client_change", args=[zoe.pk])).content.decode()
    )
    answer = client.post(address, {"reason": "asked", "sure": "on"}, follow=True)
    assert "This person is forgotten." in answer.content.decode()
    assert left() == {}


def test_only_owners_export_and_forget_in_the_api(zoe):
    dispatcher, owner = caller(Role.DISPATCHER), caller(Role.OWNER)
    address = f"{API}clients/{zoe.pk}/"
    assert dispatcher.get(f"{address}export/").status_code == 403
    assert dispatcher.post(f"{address}forget/", {"reason": "asked"}).status_code == 403
    assert NAME in owner.get(f"{address}export/").content.decode()
    first = owner.post(f"{address}forget/", {"reason": "asked"})
    again = owner.post(f"{address}forget/", {"reason": "asked"})
    assert (first.status_code, first.json()) == (200, again.json())
    assert first.json()["counts"]["bookings"] == 2
    assert left() == {}
