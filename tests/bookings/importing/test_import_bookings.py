import csv
import io
import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase
from django.utils import translation

from bookings.importing import import_bookings as importing
from bookings.importing.import_bookings import ImportConflictError, import_bookings
from bookings.models import Actor, Booking, Client, Door, Event, Status
from tests.support import builders
from tests.support.builders import NOW

ACTOR = Actor(Door.COMMAND, name="import_bookings")
SAVEPOINT = 2  # what a test sees of a transaction: it is inside one already
ROW = {
    "reference": "R-1",
    "scheduled_time": "2026-06-17T09:00",
    "pickup_lat": "46.234",
    "pickup_lon": "6.08",
    "dropoff_lat": "46.1936",
    "dropoff_lon": "6.1487",
    "passengers": "1",
    "wheelchairs": "0",
}

AFTERNOON = "2026-06-17T14:00"


def csv_of(*rows, **columns):
    """Return a file of rows that differ from ROW as said; `columns` are the same in every row.

    Return trips are wanted in the afternoon.
    """
    later = {"scheduled_time": AFTERNOON}
    rows = [ROW | columns | (later if row.get("return_of") else {}) | row for row in rows or ({},)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def numbered(count, **columns):
    return csv_of(*({"reference": f"N-{i}"} for i in range(count)), **columns)


class ImportTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.company = builders.company()

    def load(self, data, **options):
        return import_bookings(
            self.company, data, actor=ACTOR, now=NOW, filename="bookings.csv", **options
        )

    def stored(self, reference="R-1"):
        return Booking.objects.get(company=self.company, reference=reference)

    def test_row_becomes_an_accepted_booking(self):
        result = self.load(
            csv_of(
                {
                    "passengers": "2",
                    "wheelchairs": "1",
                    "pickup_address": "Avenue de Feuillasse 1",
                    "appointment_at": "2026-06-17 09:30",
                    "priority": "urgent",
                    "needs": "Oxygen|stretcher",
                    "notes": "third floor",
                }
            )
        )

        booking = self.stored()
        self.assertEqual(result.created, 1)
        self.assertEqual(booking.status, Status.ACCEPTED)
        self.assertEqual(booking.scheduled_time, datetime(2026, 6, 17, 7, tzinfo=UTC))
        self.assertEqual(booking.appointment_at, datetime(2026, 6, 17, 7, 30, tzinfo=UTC))
        self.assertEqual((booking.passengers, booking.wheelchairs), (2, 1))
        self.assertEqual((booking.priority, booking.needs), (2, ["oxygen", "stretcher"]))
        self.assertEqual((booking.pickup_lat, booking.pickup_lon), (46.234, 6.08))
        self.assertIsNone(booking.client)

    def test_creation_is_logged_with_the_line_it_came_from(self):
        self.load(csv_of())

        event = Event.objects.get()
        self.assertEqual(event.kind, Event.Kind.BOOKING_CREATED)
        self.assertEqual((event.door, event.actor, event.at), (Door.COMMAND, ACTOR.name, NOW))
        self.assertEqual(event.reason, "bookings.csv, line 2")
        self.assertEqual(event.booking, self.stored())

    def test_importing_twice_changes_nothing(self):
        data = csv_of(
            {"reference": "A"},
            {
                "reference": "B",
                "return_of": "A",
                "pickup_lat": "46.1",
                "pickup_lon": "0.1",
                "appointment_at": "17.06.2026 15:00",
            },
            client_name="Nadia Favre",
            client_phone="+41 70 000 00 01",
            needs="oxygen",
            notes="two\nlines",
            appointment_at="17.06.2026 09:45",
        )
        self.load(data)
        before = list(Booking.objects.order_by("id").values())

        result = self.load(data)

        self.assertEqual((result.created, result.updated, result.unchanged), (0, 0, 2))
        self.assertEqual(list(Booking.objects.order_by("id").values()), before)
        self.assertEqual(Event.objects.count(), 3)  # one of the client
        self.assertEqual(Client.objects.count(), 1)

    def test_changed_row_updates_its_booking(self):
        self.load(csv_of({"reference": "A"}, {"reference": "B"}))

        result = self.load(csv_of({"reference": "A", "passengers": "3"}, {"reference": "B"}))

        booking = self.stored("A")
        self.assertEqual((result.updated, result.unchanged), (1, 1))
        self.assertEqual((booking.passengers, booking.version), (3, 2))
        self.assertEqual(booking.updated_at, NOW)
        self.assertEqual(self.stored("B").version, 1)
        event = Event.objects.get(kind=Event.Kind.BOOKING_CHANGED)
        self.assertEqual((event.old, event.new), ({"passengers": 1}, {"passengers": 3}))

    def test_columns_that_the_file_has_not_stay_as_they_are(self):
        self.load(csv_of(notes="third floor", client_name="Nadia Favre", priority="high"))

        self.load(csv_of(passengers="2"))

        booking = self.stored()
        self.assertEqual((booking.notes, booking.priority), ("third floor", 1))
        self.assertEqual(booking.client.name, "Nadia Favre")

    def full_row(self):
        self.load(csv_of({"reference": "A"}, {"reference": "B"}))
        row = {
            "passengers": "3",
            "wheelchairs": "1",
            "pickup_address": "Rue 1",
            "dropoff_address": "Rue 2",
            "scheduled_time": "2026-06-17T09:30",
            "appointment_at": "2026-06-17T10:00",
            "client_name": "Nadia Favre",
            "client_phone": "+41 70 000 00 01",
            "priority": "urgent",
            "needs": "oxygen",
            "notes": "third floor",
            "return_of": "A",
        }
        self.load(csv_of(row))
        return row

    def test_blank_cells_leave_what_is_stored_and_are_told(self):
        row = self.full_row()
        before = Booking.objects.filter(reference="R-1").values().get()

        at = {"scheduled_time": row.pop("scheduled_time")}
        result = self.load(csv_of(dict.fromkeys(row, "") | at))

        self.assertEqual((result.unchanged, result.kept, result.errors), (1, (2,), ()))
        self.assertIn("1 row leaves a cell blank", result.summary())
        self.assertIn("write “-”", result.summary())
        self.assertEqual(result.as_dict()["kept"], [2])
        self.assertEqual(Booking.objects.filter(reference="R-1").values().get(), before)
        with translation.override("fr"):
            self.assertIn("écrivez « - »", result.summary())

        at = {"scheduled_time": "2026-06-17T09:45"}
        result = self.load(csv_of(dict.fromkeys(row, "") | at))
        self.assertEqual((result.updated, result.kept), (1, (2,)))
        after = Booking.objects.filter(reference="R-1").values().get()
        moved = {"scheduled_time", "version", "updated_at"}
        self.assertEqual(
            {name: after[name] for name in after if name not in moved},
            {name: before[name] for name in before if name not in moved},
        )

    def test_each_blank_cell_leaves_what_is_stored(self):
        row = self.full_row()
        for column in row.keys() - {"scheduled_time"}:
            with self.subTest(column=column):
                cells = row | {column: ""}
                if column == "client_name":
                    cells["client_phone"] = ""
                result = self.load(csv_of(cells))
                self.assertEqual((result.unchanged, result.kept, result.errors), (1, (2,), ()))

    def test_a_dash_clears_an_optional_value(self):
        row = self.full_row()
        numbers = {name: row[name] for name in ("passengers", "wheelchairs", "scheduled_time")}

        result = self.load(csv_of(dict.fromkeys(row, "-") | numbers))

        self.assertEqual((result.updated, result.kept, result.errors), (1, (), ()))
        booking = self.stored()
        self.assertEqual((booking.client, booking.return_of, booking.needs), (None, None, []))
        self.assertEqual((booking.notes, booking.pickup_address, booking.priority), ("", "", 0))
        self.assertIsNone(booking.appointment_at)

    def test_blank_cells_without_a_stored_value_are_not_told(self):
        data = csv_of(notes="", client_name="", client_phone="", return_of="", needs="")
        for count in ("created", "unchanged"):
            result = self.load(data)
            self.assertEqual((getattr(result, count), result.kept), (1, ()))

    def test_a_new_booking_needs_its_numbers(self):
        result = self.load(csv_of({"passengers": "", "wheelchairs": ""}))

        self.assertTrue(result.refused)
        self.assertEqual(
            [(error.line, error.column) for error in result.errors],
            [(2, "passengers"), (2, "wheelchairs")],
        )

    def test_a_number_must_suit_the_stored_one_beside_a_blank_cell(self):
        self.load(csv_of(passengers="3", wheelchairs="2"))
        for cells, column in (
            ({"passengers": "1", "wheelchairs": ""}, "passengers"),
            ({"passengers": "", "wheelchairs": "4"}, "wheelchairs"),
        ):
            (error,) = self.load(csv_of(cells)).errors
            self.assertEqual((error.line, error.column), (2, column))
            self.assertIn("the booking has", error.message)

    def test_pickup_after_an_appointment_left_blank_is_reported(self):
        self.load(csv_of(appointment_at="2026-06-17T10:00"))

        result = self.load(csv_of(appointment_at="", scheduled_time="2026-06-17T10:30"))

        self.assertIn("appointment", result.errors[0].message)

    def test_will_call_left_blank_still_waits(self):
        self.load(csv_of(will_call="yes"))
        result = self.load(csv_of(will_call="", notes="x"))
        self.assertEqual((result.updated, result.kept), (1, (2,)))
        self.assertEqual((self.stored().will_call, self.stored().status), (True, Status.PENDING))

    def test_a_way_there_left_blank_still_makes_a_way_back(self):
        self.full_row()  # R-1 is the way back of A
        result = self.load(
            csv_of(
                {"return_of": "", "scheduled_time": "2026-06-17T09:30"},
                {"reference": "X", "return_of": "R-1"},
            )
        )
        (error,) = result.errors
        self.assertEqual((error.line, error.column), (3, "return_of"))

    def test_booking_under_way_or_over_stays_as_it_is(self):
        for status in (Status.EN_ROUTE, Status.IN_PROGRESS, Status.COMPLETED, Status.NO_SHOW):
            with self.subTest(status=status):
                booking = builders.booking(self.company, status=status)

                result = self.load(csv_of({"reference": booking.reference, "passengers": "3"}))

                self.assertEqual(len(result.skipped), 1)
                self.assertIn(str(status.label), str(result.skipped[0]))
                booking.refresh_from_db()
                self.assertEqual((booking.passengers, booking.status), (1, status))
                self.assertFalse(Event.objects.exists())

    def test_canceled_booking_is_booked_again_by_a_row_that_differs(self):
        self.load(csv_of({}))
        Booking.objects.update(status=Status.CANCELED, cancel_reason="called_off")

        same = self.load(csv_of({}))
        self.assertEqual((same.unchanged, self.stored().status), (1, "canceled"))
        result = self.load(csv_of({"passengers": "3"}))

        self.assertEqual(result.updated, 1)
        booking = self.stored()
        self.assertEqual((booking.passengers, booking.status), (3, Status.ACCEPTED))
        self.assertEqual((booking.cancel_reason, booking.version), ("", 2))
        event = Event.objects.latest("id")
        self.assertEqual(event.kind, "booking.reopened")
        self.assertEqual(event.old["cancel_reason"], "called_off")

    def test_canceled_way_back_that_is_equal_hinders_no_later_way_there(self):
        there = {"reference": "A", "scheduled_time": "2026-06-17T09:00"}
        back = {"reference": "B", "scheduled_time": "2026-06-17T11:00", "return_of": "A"}
        self.load(csv_of(there, back))
        Booking.objects.filter(reference="B").update(status=Status.CANCELED)

        result = self.load(csv_of(there | {"scheduled_time": "2026-06-17T12:00"}, back))

        self.assertEqual((result.errors, result.updated), ((), 1))

    def test_canceled_booking_becomes_no_return_trip_before_its_outbound_trip(self):
        there, early = {"reference": "A"}, {"reference": "B", "scheduled_time": "2026-06-17T08:00"}
        self.load(csv_of(there, early))
        Booking.objects.filter(reference="B").update(status=Status.CANCELED)

        result = self.load(csv_of(there, early | {"return_of": "A"}))

        self.assertEqual([error.column for error in result.errors], ["scheduled_time"])
        self.assertEqual(self.stored("B").status, Status.CANCELED)

    def test_canceled_way_there_that_is_equal_hinders_no_earlier_way_back(self):
        there = {"reference": "A", "scheduled_time": "2026-06-17T07:00"}
        back = {"reference": "B", "scheduled_time": "2026-06-17T08:30", "return_of": "A"}
        self.load(csv_of(there, back))
        late = datetime(2026, 6, 17, 7, tzinfo=UTC)  # 09:00 in Geneva
        Booking.objects.filter(reference="A").update(status=Status.CANCELED, scheduled_time=late)

        again = csv_of(there | {"scheduled_time": "2026-06-17T09:00"}, back)
        self.assertEqual((self.load(again).errors, self.load(again).unchanged), ((), 2))

    def test_same_reference_of_another_company_is_another_booking(self):
        other = builders.booking(builders.company("lausanne"), reference="R-1")

        self.load(csv_of(passengers="4"))

        other.refresh_from_db()
        self.assertEqual((other.passengers, self.stored().passengers), (1, 4))

    def test_clients_are_found_or_made_by_name_and_phone(self):
        known = builders.client(self.company, "Nadia Favre", phone="022 1")
        builders.client(builders.company("lausanne"), "Marc Rochat", phone="022 2")

        self.load(
            csv_of(
                {"reference": "A", "client_name": "Nadia Favre", "client_phone": "022 1"},
                {"reference": "B", "client_name": "Nadia  Favre", "client_phone": "022 3"},
                {"reference": "C", "client_name": "Marc Rochat", "client_phone": "022 2"},
                {"reference": "D", "client_name": "Marc Rochat", "client_phone": "022 2"},
                {"reference": "E", "client_name": "", "client_phone": ""},
            )
        )

        self.assertEqual(self.stored("A").client, known)
        self.assertNotEqual(self.stored("B").client, known)
        self.assertEqual(self.stored("B").client.name, "Nadia Favre")
        self.assertEqual(self.stored("C").client, self.stored("D").client)
        self.assertEqual(self.stored("C").client.company, self.company)
        self.assertIsNone(self.stored("E").client)

    def test_another_client_is_a_change(self):
        self.load(csv_of(client_name="Nadia Favre"))
        first = self.stored().client

        self.load(csv_of(client_name="Marc Rochat"))

        booking = self.stored()
        event = Event.objects.get(kind=Event.Kind.BOOKING_CHANGED)
        self.assertEqual(booking.client.name, "Marc Rochat")
        self.assertEqual(event.old, {"client": first.pk})
        self.assertEqual(event.new, {"client": booking.client_id})

    def test_way_back_finds_its_way_there_in_the_file_or_in_the_database(self):
        there = builders.booking(self.company, reference="OLD")

        self.load(
            csv_of(
                {"reference": "A-back", "return_of": "A"},
                {"reference": "A", "return_of": ""},
                {"reference": "OLD-back", "return_of": "OLD"},
            )
        )

        self.assertEqual(self.stored("A-back").return_of, self.stored("A"))
        self.assertEqual(self.stored("OLD-back").return_of, there)

    def test_booking_becomes_a_way_back_later(self):
        self.load(csv_of({"reference": "A", "scheduled_time": AFTERNOON}))

        self.load(csv_of({"reference": "A", "return_of": "B"}, {"reference": "B", "return_of": ""}))

        self.assertEqual(self.stored("A").return_of, self.stored("B"))
        self.assertEqual(
            Event.objects.get(kind=Event.Kind.BOOKING_CHANGED).new,
            {"return_of": self.stored("B").pk},
        )

    def test_wrong_ways_there_are_reported(self):
        there = builders.booking(self.company, reference="TAKEN")
        builders.booking(self.company, reference="FIRST-back", return_of=there)

        result = self.load(
            csv_of(
                {"reference": "A", "return_of": "NOBODY"},
                {"reference": "B", "return_of": "TAKEN"},
                {"reference": "C", "return_of": "FIRST-back"},
                {"reference": "D", "return_of": "D"},
            )
        )

        self.assertEqual([error.line for error in result.errors], [2, 3, 4, 5])
        self.assertEqual({error.column for error in result.errors}, {"return_of"})

    def test_way_back_of_a_bad_row_is_bad_too(self):
        result = self.load(
            csv_of(
                {"reference": "A", "passengers": "many", "return_of": ""},
                {"reference": "A-back", "return_of": "A"},
                {"reference": "B", "return_of": ""},
            ),
            skip_invalid=True,
        )

        self.assertEqual((result.created, result.bad_rows), (1, 2))
        self.assertEqual(Booking.objects.get().reference, "B")

    def test_pickup_after_an_appointment_that_the_file_does_not_name_is_reported(self):
        self.load(csv_of(appointment_at="2026-06-17T10:00"))

        result = self.load(csv_of(scheduled_time="2026-06-17T10:30"))

        self.assertTrue(result.refused)
        self.assertIn("appointment", result.errors[0].message)

    def assert_out_of_order(self, data, line, say):
        result = self.load(data, skip_invalid=True)
        self.assertEqual(
            [(error.line, error.column) for error in result.errors], [(line, "scheduled_time")]
        )
        self.assertIn(say, result.errors[0].message)

    def test_a_way_back_before_the_way_there_is_reported(self):
        there = {"reference": "A", "return_of": "", "appointment_at": "2026-06-17T09:30"}
        back = {"reference": "B", "return_of": "A", "appointment_at": ""}
        for at in ("08:00", "09:00", "09:30"):
            early = back | {"scheduled_time": f"2026-06-17T{at}"}
            self.assert_out_of_order(csv_of(there, early), 3, "after the outbound trip A")
            self.assert_out_of_order(csv_of(early, there), 2, "wanted at 2026-06-17 09:30.")
            self.assert_out_of_order(csv_of(early), 2, "after the outbound trip A")
        self.assertFalse(Booking.objects.filter(reference="B").exists())

    def test_moments_are_compared_and_not_clock_texts(self):
        self.load(
            csv_of(
                {"reference": "A", "return_of": "", "scheduled_time": "2026-10-25T02:50+02:00"},
                {"reference": "B", "return_of": "A", "scheduled_time": "2026-10-25T02:10+01:00"},
            )
        )
        self.assertEqual(self.stored("B").return_of, self.stored("A"))

    def test_a_stored_pair_stays_in_order(self):
        pair = (
            {"reference": "A", "return_of": ""},
            {"reference": "B", "return_of": "A", "scheduled_time": "2026-06-17T11:00"},
        )
        self.load(csv_of(*pair))
        late, early = {"scheduled_time": "2026-06-17T12:00"}, {"scheduled_time": "2026-06-17T08:00"}
        for column in ({}, {"return_of": ""}):
            moved = {"reference": "A"} | column | late
            self.assert_out_of_order(csv_of(moved), 2, "before the return trip B")
            moved = {"reference": "B"} | column | early
            self.assert_out_of_order(csv_of(moved), 2, "after the outbound trip A")
        # Without the row of B, the stored B would be before A.
        result = self.load(csv_of(pair[0] | late, pair[1]), skip_invalid=True)
        self.assertEqual([error.line for error in result.errors], [2, 3])
        result = self.load(csv_of(pair[0] | late, pair[1] | {"scheduled_time": AFTERNOON}))
        self.assertEqual((result.updated, result.errors), (2, ()))

    def test_a_pair_out_of_order_that_the_file_does_not_move_is_left(self):
        there = builders.booking(self.company, "10:00", reference="A")
        builders.booking(self.company, "09:00", reference="B", return_of=there)
        at = {"A": "2026-06-17T10:00", "B": "2026-06-17T09:00"}
        for reference in at:
            row = {"reference": reference, "scheduled_time": at[reference], "notes": "x"}
            self.assertEqual(self.load(csv_of(row)).errors, ())

    def test_will_call_waits_until_the_file_knows_its_time(self):
        self.load(csv_of({"will_call": "yes"}, {"reference": "R-2", "will_call": ""}))
        self.assertEqual((self.stored().status, self.stored().will_call), (Status.PENDING, True))
        self.assertEqual(self.stored("R-2").status, Status.ACCEPTED)

        self.load(csv_of({"will_call": "yes", "notes": "fourth floor"}))
        waiting = self.stored()
        self.assertEqual((waiting.status, waiting.notes), (Status.PENDING, "fourth floor"))

        self.load(csv_of({"will_call": "no", "scheduled_time": "2026-06-17T10:40"}))
        known = self.stored()
        self.assertEqual((known.status, known.will_call), (Status.ACCEPTED, False))
        self.assertEqual(known.scheduled_time, datetime(2026, 6, 17, 8, 40, tzinfo=UTC))
        told = Event.objects.filter(booking=known).order_by("id").last()
        self.assertEqual((told.old["status"], told.new["status"]), ("pending", "accepted"))

    def test_client_who_has_called_does_not_wait_again(self):
        for reference, status in (("R-1", Status.ACCEPTED), ("R-2", Status.ASSIGNED)):
            builders.booking(self.company, reference=reference, status=status)
        before = list(Booking.objects.order_by("id").values())
        result = self.load(csv_of({}, {"reference": "R-2"}, will_call="yes", notes="x"))
        self.assertEqual([skipped.line for skipped in result.skipped], [2, 3])
        self.assertIn("its time is known", result.skipped[0].reason)
        self.assertEqual(list(Booking.objects.order_by("id").values()), before)

    def test_pending_will_call_that_the_file_does_not_speak_of_keeps_waiting(self):
        builders.booking(self.company, reference="R-1", status=Status.PENDING, will_call=True)
        self.load(csv_of({"notes": "blue door"}))
        self.assertEqual((self.stored().status, self.stored().will_call), (Status.PENDING, True))

    def test_nothing_is_written_when_a_row_is_bad(self):
        result = self.load(csv_of({"reference": "A"}, {"reference": "B", "pickup_lat": "95"}))

        self.assertTrue(result.refused)
        self.assertFalse(Booking.objects.exists())
        error = result.errors[0]
        self.assertEqual((error.line, error.column, error.value), (3, "pickup_lat", "95"))
        self.assertIn("-90 to 90", error.message)

    def test_good_rows_are_written_when_the_bad_ones_are_to_be_skipped(self):
        result = self.load(
            csv_of({"reference": "A"}, {"reference": "B", "pickup_lat": "95"}), skip_invalid=True
        )

        self.assertEqual((result.created, result.bad_rows, result.refused), (1, 1, False))
        self.assertEqual(Booking.objects.get().reference, "A")

    def test_dry_run_writes_nothing_and_says_what_would_happen(self):
        self.load(csv_of({"reference": "A"}, {"reference": "B"}))
        before = list(Booking.objects.order_by("id").values())
        data = csv_of(
            {"reference": "A", "passengers": "2"},
            {"reference": "B"},
            {"reference": "C", "client_name": "Nadia Favre"},
        )

        dry = self.load(data, dry_run=True).as_dict()
        self.assertEqual(list(Booking.objects.order_by("id").values()), before)
        self.assertFalse(Client.objects.exists())
        wet = self.load(data).as_dict()

        self.assertEqual((dry["created"], dry["updated"]), (1, 1))
        self.assertEqual(dry | {"dry_run": False}, wet)

    def test_places_far_from_the_depot_are_remarked(self):
        result = self.load(csv_of(pickup_lat="6.08", pickup_lon="46.234"), dry_run=True)

        (asked,) = result.far_away
        self.assertEqual(asked.line, 2)
        self.assertIn("enter 46.234 and 6.08.", asked.question)
        self.assertIn("swapped", result.summary())

    @pytest.mark.postgres_only  # on SQLite the inserts come in chunks
    def test_statements_do_not_grow_with_the_rows(self):
        assert self.company.default_customer  # read once
        for count in (10, 500):
            data = numbered(count, client_name=f"Nadia {count}").replace(b"N-", b"%d-" % count)
            # company, what is there, other trips of these people, clients, their insert, bookings,
            # their keys, those of who is new, events
            with self.subTest(count=count), self.assertNumQueries(9 + SAVEPOINT):
                self.load(data)

    def test_statements_of_an_update_do_not_grow_with_the_rows(self):
        self.load(numbered(300))
        for count, passengers in ((10, "2"), (60, "3")):
            # company, what is there, lock, update, events
            with self.subTest(count=count), self.assertNumQueries(5 + SAVEPOINT):
                self.load(numbered(count, passengers=passengers))

    def test_statements_of_an_import_that_changes_nothing_are_two(self):
        self.load(numbered(300))
        for count in (10, 300):
            with self.subTest(count=count), self.assertNumQueries(2 + SAVEPOINT):
                self.load(numbered(count))

    def test_booking_that_changes_during_the_import_stops_it(self):
        self.load(csv_of({"reference": "A"}, {"reference": "B"}))
        read_stored = importing.read_stored

        def read_and_be_overtaken(*args):
            stored = read_stored(*args)
            Booking.objects.filter(reference="A").update(version=2, notes="by phone")
            return stored

        data = csv_of({"reference": "A"}, {"reference": "B"}, passengers="3")
        with (
            mock.patch.object(importing, "read_stored", read_and_be_overtaken),
            self.assertRaises(ImportConflictError),
        ):
            self.load(data)

    def test_summary_counts_everything(self):
        result = self.load(csv_of())

        self.assertEqual(
            result.summary(),
            "bookings.csv: 1 row (utf-8, separated by “,”).\n"
            "Created: 1, updated: 0, unchanged: 0, skipped: 0, invalid: 0.",
        )


class ImportCommandTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.company = builders.company()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_command(self, data, *options, company="geneva"):
        file = self.folder / "bookings.csv"
        file.write_bytes(data)
        self.printed = io.StringIO()
        call_command("import_bookings", str(file), *options, company=company, stdout=self.printed)
        return self.printed.getvalue()

    def test_prints_what_it_did(self):
        self.assertIn("Created: 1", self.run_command(csv_of()))
        self.assertIn("unchanged: 1", self.run_command(csv_of()))

    def test_refused_file_fails_after_the_first_twenty_errors(self):
        with self.assertRaisesMessage(CommandError, "--skip-invalid"):
            self.run_command(numbered(25, passengers="many"))

        printed = self.printed.getvalue()
        self.assertIn("line 2, passengers “many”: write a whole number from 1 to 100", printed)
        self.assertEqual(printed.count("“many”"), 20)
        self.assertIn("and 5 more", printed)

    def test_writes_all_errors_to_a_file_that_runs_no_formula(self):
        errors = self.folder / "errors.csv"
        data = csv_of({"passengers": "=1+1"}, {"passengers": "x"})
        with self.assertRaises(CommandError):
            self.run_command(data, "--errors", str(errors))

        rows = list(csv.DictReader(errors.read_text("utf-8-sig").splitlines()))
        self.assertEqual([row["line"] for row in rows], ["2", "3"])
        self.assertEqual(rows[0]["value"], "'=1+1")

    def test_errors_file_that_cannot_be_written_stops_the_import(self):
        with self.assertRaisesMessage(CommandError, "No such file"):
            self.run_command(csv_of(), "--errors", "/nowhere/errors.csv")
        with self.assertRaisesMessage(CommandError, "must not name the imported file"):
            self.run_command(csv_of(), "--errors", str(self.folder / "bookings.csv"))
        self.assertFalse(Booking.objects.exists())

    def test_prints_json(self):
        self.assertEqual(json.loads(self.run_command(csv_of(), "--json"))["created"], 1)

    def test_anticipated_failures_are_told_in_a_sentence(self):
        with self.assertRaisesMessage(CommandError, "no company 'nowhere'"):
            self.run_command(csv_of(), company="nowhere")
        with self.assertRaisesMessage(CommandError, "No such file"):
            call_command("import_bookings", "/nowhere.csv", company="geneva")
        with self.assertRaisesMessage(CommandError, "Is a directory"):
            call_command("import_bookings", str(self.folder), company="geneva")
        with self.assertRaisesMessage(CommandError, "The file is empty"):
            self.run_command(b"")


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_are_one():
    company = builders.company()
    data = numbered(200, client_name="Nadia Favre")
    start = threading.Barrier(2)

    def load(_number):
        try:
            start.wait()
            return import_bookings(company, data, actor=ACTOR, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(load, range(2)))

    assert sorted((result.created, result.unchanged) for result in results) == [(0, 200), (200, 0)]
    assert Booking.objects.count() == 200
    assert Event.objects.count() == 201  # one of the client
    assert Client.objects.count() == 1
