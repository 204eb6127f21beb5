import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Count, F
from django.test import SimpleTestCase, TestCase

from bookings.models import Actor, Booking, Client, Door, Event, Status
from dispatch.models import Assignment, DispatchRun
from drivers.models import Company, Driver, Shift, Vehicle
from perf.project.scenarios.bulk_insert import indexed_afterwards, insert_rows, reserve_ids
from perf.project.scenarios.company import seed_scenario
from perf.project.scenarios.fleet import SHIFT_S, Demand, fleet_around, shift_starts, vehicles
from perf.project.scenarios.history import day_sizes
from tests.support import builders
from tests.support.builders import DAY, NOW


def run(command, *options, **named):
    printed = io.StringIO()
    call_command(command, *options, stdout=printed, **named)
    return printed.getvalue()


def trip(hour, seats=1, wheelchairs=0):
    return Demand(int(hour * 3600), seats, wheelchairs, builders.HOME)


class FleetAroundTests(SimpleTestCase):
    def test_same_trips_and_seed_give_the_same_fleet(self):
        trips = [trip(8), trip(9, wheelchairs=1), trip(14)]
        self.assertEqual(fleet_around(trips, 9, seed=1), fleet_around(trips, 9, seed=1))
        self.assertNotEqual(fleet_around(trips, 9, seed=1), fleet_around(trips, 9, seed=2))

    def test_shifts_are_when_the_trips_are(self):
        trips = [trip(7 + i / 10) for i in range(10)] + [trip(20)]
        starts = shift_starts(trips, 6)
        in_the_morning = sum(start <= 7 * 3600 and start + SHIFT_S >= 8 * 3600 for start in starts)
        in_the_evening = sum(start <= 20 * 3600 < start + SHIFT_S for start in starts)
        # five trips in each half hour of the morning count for 2 x sqrt(5) = 4.5, the other for 1
        self.assertEqual((in_the_morning, in_the_evening), (5, 1))

    def test_cars_suit_the_trips(self):
        trips = [trip(9)] * 60 + [trip(9, seats=0, wheelchairs=1)] * 39
        trips += [trip(9, seats=8, wheelchairs=3)]
        cars = vehicles(trips, 25)
        self.assertTrue(any(seats >= 8 and places >= 3 for seats, places in cars))
        # 40 of 100 trips need a wheelchair place
        self.assertGreaterEqual(sum(places > 0 for _seats, places in cars), 10)
        self.assertGreater(sum(places == 0 for _seats, places in cars), 5)

    def test_one_driver_in_eight_is_for_emergencies(self):
        fleet = fleet_around([trip(9)], 40, seed=1)
        self.assertEqual(sum(driver.emergency for driver in fleet), 5)


class SeedFleetTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.company = builders.company()
        for day in range(3):
            for hour in range(6, 20):
                builders.booking(
                    cls.company,
                    f"{hour:02d}:00",
                    day=DAY + timedelta(days=day),
                    wheelchairs=hour % 2,
                )

    def seed(self, *options, drivers=8, **named):
        return run("seed_fleet", *options, company="geneva", drivers=drivers, **named)

    def test_makes_drivers_with_vehicles_and_a_shift_for_every_day_with_bookings(self):
        self.assertIn("8 new drivers with vehicles, 24 new shifts on 3 days", self.seed())

        self.assertEqual(Driver.objects.filter(vehicle__company=self.company).count(), 8)
        self.assertEqual(Driver.objects.filter(kind=Driver.Kind.EMERGENCY).count(), 1)
        per_driver = Shift.objects.values("driver").annotate(n=Count("id")).values_list("n")
        self.assertEqual(set(per_driver), {(3,)})
        self.assertFalse(Shift.objects.filter(break_min=0).exists())

    def test_running_it_again_adds_nothing(self):
        self.seed()

        self.assertIn("0 new drivers with vehicles, 0 new shifts", self.seed())

    def test_running_it_for_more_drivers_adds_the_missing_ones(self):
        self.seed()

        self.assertIn("2 new drivers with vehicles, 6 new shifts", self.seed(drivers=10))

    def test_shifts_that_stand_are_respected(self):
        alice = builders.driver(self.company)
        builders.shift(alice, "05:00", "23:00")

        self.assertIn("7 new drivers with vehicles, 23 new shifts", self.seed())

    def test_days_can_be_chosen(self):
        self.assertIn("8 new shifts on 1 days", self.seed("--date", "2026-07-01"))
        self.assertIn(
            "16 new shifts on 2 days", self.seed("--from", "2026-07-02", "--to", "2026-07-03")
        )

    @pytest.mark.postgres_only  # on SQLite the inserts come in chunks
    def test_statements_do_not_grow_with_drivers_and_days(self):
        # company, bookings, savepoint, lock, drivers, plates, cars, drivers, shifts there, shifts
        with self.assertNumQueries(11):
            self.seed(drivers=2)
        with self.assertNumQueries(11):
            self.seed(drivers=40)

    def test_anticipated_failures_are_told_in_a_sentence(self):
        builders.company("empty")
        for options, message in (
            ({"company": "empty", "drivers": 1}, "no bookings yet"),
            ({"company": "geneva", "drivers": 0}, "--drivers"),
            ({"company": "nowhere", "drivers": 1}, "no company"),
            ({"company": "geneva", "drivers": 1, "first": DAY}, "both --from and --to"),
        ):
            with self.subTest(message=message), self.assertRaisesMessage(CommandError, message):
                run("seed_fleet", **options)


class CreateCompanyTests(TestCase):
    def test_creates_a_company_with_the_usual_policy(self):
        run("create_company", slug="basel", timezone="Europe/Zurich", depot="47.55,7.59")

        company = Company.objects.get(slug="basel")
        self.assertEqual((company.name, company.depot_lon), ("basel", 7.59))
        self.assertEqual(company.pickup_late_min, 15)

    @pytest.mark.slow
    def test_nonsense_is_refused_with_its_field(self):
        good = {"slug": "basel", "timezone": "Europe/Zurich", "depot": "47.55,7.59"}
        for wrong, message in (
            ({"slug": "not a slug"}, "slug"),
            ({"timezone": "Basel"}, "timezone"),
            ({"depot": "Basel"}, "--depot"),
            ({"depot": "95,7"}, "depot_lat"),
        ):
            with self.subTest(wrong=wrong), self.assertRaisesMessage(CommandError, message):
                run("create_company", **good | wrong)
        run("create_company", **good)
        with self.assertRaisesMessage(CommandError, "Another company has this short name"):
            run("create_company", **good)


class SeedScenarioTests(TestCase):
    def seed(self, slug="scenario", **changes):
        options = {
            "day": DAY,
            "bookings": 30,
            "drivers": 4,
            "history": 70,
            "seed": 1,
            "events": True,
            "now": NOW,
            "actor": Actor(Door.COMMAND, name="seed_scenario"),
        }
        seed_scenario(slug, **options | changes)
        return Company.objects.get(slug=slug)

    def test_makes_as_much_as_asked(self):
        company = self.seed()

        self.assertEqual(Booking.objects.on(company, DAY).open().count(), 30)
        self.assertEqual(Booking.objects.filter(status=Status.COMPLETED).count(), 70)
        self.assertEqual(Assignment.objects.filter(status="completed").count(), 70)
        self.assertEqual(Driver.objects.filter(vehicle__isnull=False).count(), 4)
        # 70 past bookings at 30 a day are 3 days; with the day itself 4
        self.assertEqual(DispatchRun.objects.count(), 3)
        self.assertEqual(Shift.objects.count(), 4 * 4)
        # a booking of the day has one event, a past one three
        self.assertEqual(Event.objects.count(), 30 + 3 * 70)

    @pytest.mark.slow
    def test_rows_are_what_the_models_would_accept(self):
        company = self.seed()

        # What a run and an assignment say of themselves may be empty; a form would not have it.
        empty = ["settings", "metrics", "unassigned", "timings", "explanation"]
        for model in (Client, Driver, Vehicle, Shift, Booking, DispatchRun, Assignment):
            for row in model.objects.all():
                row.full_clean(exclude=empty)
        day_of = Booking.objects.on(company, DAY - timedelta(days=1))
        self.assertEqual(day_of.count(), 30)

    def test_past_belongs_together(self):
        self.seed()

        assignments = Assignment.objects.select_related("booking", "run", "driver")
        for assignment in assignments:
            self.assertEqual(assignment.planned_pickup_at, assignment.booking.scheduled_time)
            self.assertEqual(
                assignment.run.day,
                assignment.booking.scheduled_time.astimezone(builders.ZONE).date(),
            )
            self.assertGreater(assignment.actual_dropoff_at, assignment.actual_pickup_at)
        self.assertFalse(Booking.objects.filter(return_of=F("id")).exists())
        self.assertTrue(Booking.objects.filter(return_of__isnull=False).exists())
        self.assertFalse(
            Booking.objects.exclude(return_of__client=F("client"), return_of__isnull=False)
            .filter(return_of__isnull=False)
            .exists()
        )

    def test_same_seed_gives_the_same_company(self):
        def facts(company):
            return list(
                company.bookings.order_by("scheduled_time", "reference").values_list(
                    "reference", "scheduled_time", "pickup_lat", "client__name", "status"
                )
            )

        self.assertEqual(facts(self.seed("one")), facts(self.seed("two")))
        self.assertNotEqual(facts(self.seed("three", seed=2)), facts(self.seed("four", seed=3)))

    def test_new_rows_go_on_after_the_seeded_ones(self):
        company = self.seed()

        builders.booking(company)
        builders.assignment(builders.booking(company), builders.driver(company))

    def test_command_makes_a_company_that_must_be_new(self):
        printed = run("seed_scenario", bookings=9, history=5, date=DAY)
        self.assertIn("scenario: 9 open bookings on 2026-06-17, 1 drivers, 5 completed", printed)
        self.assertEqual(Event.objects.count(), 9 + 3 * 5)
        with self.assertRaisesMessage(CommandError, "choose another --company"):
            run("seed_scenario")
        with self.assertRaisesMessage(CommandError, "--bookings"):
            run("seed_scenario", company="other", bookings=-1)

    def test_nothing_at_all_is_a_company_too(self):
        company = self.seed(bookings=0, drivers=0, history=0)

        self.assertFalse(Booking.objects.filter(company=company).exists())


class BulkInsertTests(TestCase):
    def test_values_come_back_as_they_were(self):
        company = builders.company()
        [pk] = reserve_ids(Booking, 1)
        values = {
            "id": pk,
            "company_id": company.pk,
            "customer_id": company.default_customer.pk,
            "client_id": None,
            "reference": 'tab\tquote"\\N',
            "pickup_address": "Rue\nde\rGenève %s",
            "pickup_lat": 46.1234567890123,
            "pickup_lon": -0.1,
            "dropoff_address": "",
            "dropoff_lat": 1e-9,
            "dropoff_lon": 180.0,
            "scheduled_time": datetime(2026, 6, 17, 9, 0, 0, 123456, tzinfo=UTC),
            "appointment_at": None,
            "passengers": 1,
            "wheelchairs": 0,
            "needs": ["back\\slash", 'quo"te', "tab\t"],
            "priority": 0,
            "return_of_id": None,
            "status": "accepted",
            "notes": "\\",
            "cancel_reason": "",
            "created_at": NOW,
            "updated_at": NOW,
            "version": 1,
        }
        insert_rows(Booking, tuple(values), [tuple(values.values())])

        stored = Booking.objects.get(pk=pk)
        self.assertEqual({name: getattr(stored, name) for name in values}, values)
        self.assertTrue(stored.is_open)

    def test_reserved_ids_are_not_given_twice(self):
        company = builders.company()
        first = builders.driver(company).pk

        ids = reserve_ids(Driver, 3)
        insert_rows(
            Driver,
            ("id", "company_id", "name", "phone", "kind", "is_active", "is_available", "skills"),
            [(pk, company.pk, "x", "", "regular", True, True, []) for pk in ids],
        )

        self.assertEqual(len({first, *ids, builders.driver(company).pk}), 5)

    def test_past_days_are_as_busy_as_the_day_within_two_years(self):
        self.assertEqual(day_sizes(0, 10), [])
        self.assertEqual(day_sizes(25, 10), [10, 10, 5])
        sizes = day_sizes(1_000_000, 10)
        self.assertEqual(sum(sizes), 1_000_000)
        self.assertLessEqual(len(sizes), 730)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres_only
def test_indexes_and_foreign_keys_are_as_before_after_a_large_seed():
    def schema():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL "
                "SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) "
                "FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            )
            return Counter(row[0] for row in cursor.fetchall())

    before = schema()
    with transaction.atomic():
        builders.booking()
        with indexed_afterwards(Booking, Assignment, Event):
            builders.assignment(builders.booking(), builders.driver())
            assert schema() != before
    assert schema() == before
