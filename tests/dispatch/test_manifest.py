import csv
import io
import json
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

from django.core.management import CommandError, call_command
from django.test import TestCase
from django.urls import reverse

from bookings.models import Booking, Status
from dispatch.manifest import read_manifest
from dispatch.models import Assignment
from tests.support import builders
from tests.support.builders import DAY, at


class ManifestTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.company = builders.company()
        cls.alice = builders.driver(cls.company, "Alice", phone="+41 70 1")
        cls.shift = builders.shift(cls.alice, "06:00", "15:00", break_min=30)

    def rows(self):
        file = io.StringIO()
        read_manifest(self.company, DAY).write_csv(file)
        return list(csv.DictReader(io.StringIO(file.getvalue())))

    def test_stops_are_in_order_with_local_times_and_places(self):
        late = builders.booking(self.company, "10:00", reference="LATE")
        early = builders.booking(
            self.company,
            "08:00",
            reference="EARLY",
            client=builders.client(self.company, "Nadia Favre", phone="022 1"),
            passengers=2,
            wheelchairs=1,
            needs=["oxygen"],
            notes="third floor",
            appointment_at=at("08:45"),
        )
        builders.assignment(late, self.alice)
        builders.assignment(early, self.alice, minutes=25)
        self.shift.break_at = at("09:00")
        self.shift.save()

        [driver] = read_manifest(self.company, DAY).drivers

        self.assertEqual(
            [(stop.kind, stop.reference, stop.at.isoformat()) for stop in driver.stops],
            [
                ("pickup", "EARLY", "2026-06-17T08:00:00+02:00"),
                ("dropoff", "EARLY", "2026-06-17T08:25:00+02:00"),
                ("break", "", "2026-06-17T09:00:00+02:00"),
                ("pickup", "LATE", "2026-06-17T10:00:00+02:00"),
                ("dropoff", "LATE", "2026-06-17T10:20:00+02:00"),
            ],
        )
        pickup, dropoff, pause = driver.stops[:3]
        self.assertEqual((pickup.client, pickup.phone), ("Nadia Favre", "022 1"))
        self.assertEqual((pickup.passengers, pickup.wheelchairs), (2, 1))
        self.assertEqual((pickup.needs, pickup.notes), (("oxygen",), "third floor"))
        self.assertEqual((pickup.lat, pickup.lon), builders.HOME)
        self.assertEqual((dropoff.lat, dropoff.lon), builders.HOSPITAL)
        self.assertEqual(pause.until, at("09:30"))
        self.assertEqual((pickup.earliest_at, pickup.latest_at), (at("07:50"), at("08:15")))
        self.assertEqual((pickup.appointment_at, dropoff.appointment_at), (None, at("08:45")))
        self.assertEqual(driver.vehicle, self.alice.vehicle.plate)
        car = (self.alice.vehicle.plate, 4, 1)
        self.assertEqual(driver.shifts, [(at("06:00"), at("15:00"), *car, "", False, False, None)])

    def test_the_printed_list_has_appointment_window_and_room_to_write(self):
        trip = builders.booking(
            self.company, client=builders.client(self.company), appointment_at=at("09:45")
        )
        builders.assignment(
            trip, self.alice, status=Assignment.Status.COMPLETED, actual_pickup_at=at("09:03")
        )
        self.client.force_login(builders.member(self.company))
        url = reverse("admin:board:manifests", args=[self.company.slug, DAY])

        printed = self.client.get(url)

        for shown in (
            "<small>08:50–09:15</small>",
            "<small>by 09:45</small>",
            '<td class="write">09:03</td>',
            '<td class="write"></td>',
            '<tr class="pickup finished">',
            "<em>done</em>",
            "Signature",
        ):
            self.assertContains(printed, shown)

    def shared_day(self, status="planned"):
        """Ana and Bea get on at home, Cem on the way; Cem gets off first, then Ana and Bea."""
        on_the_way = {"pickup_lat": 46.21, "pickup_lon": 6.10, "pickup_address": "Rue du Lac 1",
                      "dropoff_lat": 46.20, "dropoff_lon": 6.12}  # fmt: skip
        rides = [("Ana", "09:00", "09:40", {}), ("Bea", "09:00", "09:40", {}),
                 ("Cem", "09:10", "09:30", on_the_way)]  # fmt: skip
        first = None
        for name, pickup, dropoff, ends in rides:
            client = builders.client(self.company, name=name)
            booking = builders.booking(self.company, pickup, client=client, **ends)
            first = first or booking.id
            builders.assignment(
                booking,
                self.alice,
                planned_dropoff_at=at(dropoff),
                stretch=first,
                status=status if name == "Bea" else "planned",
            )
        alone = builders.booking(self.company, client=builders.client(self.company, name="Dan"))
        builders.assignment(alone, self.alice, planned_pickup_at=at("11:00"))

    def test_of_shared_rides_each_stop_says_who_gets_on_and_off_and_is_on_board(self):
        self.shared_day()

        [driver] = read_manifest(self.company, DAY).drivers

        self.assertEqual(
            [
                (halt.stops[0].kind, "+".join(stop.client for stop in halt.stops), halt.aboard)
                for halt in driver.halts()
            ],
            [
                ("pickup", "Ana+Bea", ("Ana", "Bea")),
                ("pickup", "Cem", ("Ana", "Bea", "Cem")),
                ("dropoff", "Cem", ("Ana", "Bea")),
                ("dropoff", "Ana+Bea", ()),
                ("pickup", "Dan", ("Dan",)),
                ("dropoff", "Dan", ()),
            ],
        )
        self.client.force_login(builders.member(self.company))
        url = reverse("admin:board:manifests", args=[self.company.slug, DAY])
        printed = self.client.get(url)
        self.assertContains(printed, '<td rowspan="2">Pickup</td>', 1)
        self.assertContains(printed, '<td rowspan="2" colspan="2">', 1)
        self.assertContains(printed, "<small>On board: Ana, Bea, Cem</small>", 1)
        self.assertContains(printed, "<small>Nobody on board</small>", 2)
        self.assertContains(printed, '<tr class="pickup">', 4)

    def test_who_was_not_there_is_not_on_board(self):
        self.shared_day(status="no_show")

        [driver] = read_manifest(self.company, DAY).drivers

        self.assertEqual(driver.halts()[0].aboard, ("Ana",))

    def test_where_nobody_rides_together_nobody_is_said_to_be_on_board(self):
        for clock, number in (("09:00", 1), ("10:00", 1), ("11:00", None)):
            trip = builders.booking(self.company, clock)
            builders.assignment(trip, self.alice, stretch=number and Booking.objects.first().id)

        [driver] = read_manifest(self.company, DAY).drivers

        self.assertEqual([halt.aboard for halt in driver.halts()], [None] * 6)
        self.assertEqual([halt.stops for halt in driver.halts()], [(s,) for s in driver.stops])

    def test_only_assignments_that_are_or_were_driven_are_shown(self):
        for number, status in enumerate(Assignment.Status):
            booking = builders.booking(self.company, f"{7 + number:02d}:00", reference=status)
            builders.assignment(booking, self.alice, status=status)

        shown = {row["reference"] for row in self.rows()}

        self.assertEqual(shown, {"planned", "en_route", "in_progress", "completed", "no_show"})

    def test_booking_canceled_with_its_assignment_still_open_is_not_shown(self):
        booking = builders.booking(self.company)
        builders.assignment(booking, self.alice)
        booking.status = Status.CANCELED
        booking.save()

        manifest = read_manifest(self.company, DAY)

        self.assertEqual([driver.stops for driver in manifest.drivers], [[]])
        self.assertEqual(manifest.unassigned, ())

    def test_other_days_and_companies_are_not_shown(self):
        lausanne = builders.company("lausanne")
        marc = builders.driver(lausanne)
        builders.shift(marc)
        builders.assignment(builders.booking(lausanne), marc)
        for clock in ("23:59", "48:00"):
            day = DAY.replace(day=DAY.day - 1)
            builders.assignment(builders.booking(self.company, clock, day=day), self.alice)

        self.assertEqual(self.rows(), [])

    def test_first_and_last_minute_of_the_day_belong_to_it(self):
        for clock in ("00:00", "23:59"):
            builders.assignment(builders.booking(self.company, clock), self.alice)

        self.assertEqual(len(self.rows()), 4)

    def test_unassigned_bookings_come_with_the_last_runs_reason(self):
        booking = builders.booking(self.company, reference="LEFT")
        builders.booking(self.company, status=Status.CANCELED)
        builders.run(self.company, unassigned=[{"booking": booking.id, "detail": "older"}])
        builders.run(self.company, unassigned=[{"booking": booking.id, "detail": "No van."}])

        [row] = read_manifest(self.company, DAY).unassigned

        self.assertEqual((row.reference, row.reason), ("LEFT", "No van."))

    def test_driver_without_vehicle_or_shift_is_shown_with_the_trips(self):
        marc = builders.driver(self.company, "Marc", vehicle=None)
        builders.assignment(builders.booking(self.company), marc)

        drivers = read_manifest(self.company, DAY).drivers

        self.assertEqual([driver.name for driver in drivers], ["Marc", "Alice"])
        self.assertEqual((drivers[0].vehicle, drivers[0].shifts), ("", []))

    def test_cells_run_no_formula_and_negative_positions_stay_numbers(self):
        booking = builders.booking(
            self.company,
            reference="=1+1",
            pickup_address="@SUM(A1)",
            notes="-2+3",
            pickup_lon=-85.31,
            client=builders.client(self.company, "+cmd|' /C calc'!A0"),
        )
        builders.assignment(booking, self.alice)

        pickup = self.rows()[0]

        self.assertEqual(pickup["reference"], "'=1+1")
        self.assertEqual(pickup["address"], "'@SUM(A1)")
        self.assertEqual(pickup["notes"], "'-2+3")
        self.assertTrue(pickup["client"].startswith("'+"))
        self.assertEqual(float(pickup["lon"]), -85.31)

    def test_statements_are_three_at_any_size(self):
        for count in (2, 40):
            for _ in range(count):
                driver = builders.driver(self.company)
                builders.shift(driver)
                booking = builders.booking(self.company, client=builders.client(self.company))
                builders.assignment(booking, driver)
            # shifts with drivers and vehicles; reasons; bookings with assignments and clients
            with self.subTest(count=count), self.assertNumQueries(3):
                read_manifest(self.company, DAY).as_dict()


class ExportPlanTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        company = builders.company()
        driver = builders.driver(company, "Irène")
        builders.assignment(builders.booking(company, reference="R-1"), driver)
        builders.booking(company, reference="LEFT")

    def export(self, *options):
        self.errors, printed = io.StringIO(), io.StringIO()
        call_command(
            "export_plan",
            *options,
            company="geneva",
            day=DAY,
            stdout=printed,
            stderr=self.errors,
        )
        return printed.getvalue()

    def test_csv_has_a_row_for_every_stop(self):
        rows = list(csv.DictReader(io.StringIO(self.export())))

        self.assertEqual([row["kind"] for row in rows], ["pickup", "dropoff"])
        self.assertIn("1 booking has no driver", self.errors.getvalue())

    def test_json_has_the_unassigned_too(self):
        plan = json.loads(self.export("--format", "json"))

        self.assertEqual(plan["drivers"][0]["stops"][0]["reference"], "R-1")
        self.assertEqual(plan["unassigned"][0]["reference"], "LEFT")

    def test_file_opens_in_excel_with_its_accents(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "plan.csv"
            self.assertEqual(self.export("--output", str(file)), "")
            self.assertTrue(file.read_bytes().startswith(b"\xef\xbb\xbf"))
            self.assertIn("Irène", file.read_text("utf-8-sig"))

    def test_a_file_that_cannot_be_written_is_one_sentence(self):
        with self.assertRaisesMessage(CommandError, "No such file or directory"):
            self.export("--output", "/nowhere/plan.csv")


class LongNightTests(TestCase):
    """In the night of 31 October 2027 the hour from 02:00 is there twice: +02:00, then +01:00."""

    NIGHT = date(2027, 10, 31)

    @classmethod
    def setUpTestData(cls):
        cls.company = builders.company()
        cls.driver = builders.driver(cls.company)
        for reference, wanted_at in (
            ("SECOND", "2027-10-31T02:10+01:00"),
            ("FIRST", "2027-10-31T02:50+02:00"),
        ):
            booking = builders.booking(
                cls.company, reference=reference, scheduled_time=datetime.fromisoformat(wanted_at)
            )
            builders.assignment(booking, cls.driver, minutes=10)

    def test_stops_are_in_the_order_of_their_moments(self):
        [driver] = read_manifest(self.company, self.NIGHT).drivers
        self.assertEqual(
            [(stop.kind, stop.reference, stop.at.isoformat()) for stop in driver.stops],
            [
                ("pickup", "FIRST", "2027-10-31T02:50:00+02:00"),
                ("dropoff", "FIRST", "2027-10-31T02:00:00+01:00"),
                ("pickup", "SECOND", "2027-10-31T02:10:00+01:00"),
                ("dropoff", "SECOND", "2027-10-31T02:20:00+01:00"),
            ],
        )

    def test_the_printed_list_names_the_zone_of_that_night_only(self):
        self.client.force_login(builders.member(self.company))
        page = {"company": self.company.slug, "day": self.NIGHT}
        printed = self.client.get(reverse("admin:board:manifests", kwargs=page))
        self.assertContains(printed, "<td>02:50 CEST <small>")
        self.assertContains(printed, "<td>02:10 CET <small>")
        ordinary = builders.booking(self.company)
        builders.assignment(ordinary, self.driver)
        printed = self.client.get(reverse("admin:board:manifests", kwargs=page | {"day": DAY}))
        self.assertContains(printed, "<td>09:00 <small>")

    def test_local_times_are_moments(self):
        first, second = (
            self.company.local(booking.scheduled_time)
            for booking in Booking.objects.order_by("scheduled_time", "id")
        )
        self.assertLess(first, second)
        self.assertEqual(second - first, timedelta(minutes=20))
