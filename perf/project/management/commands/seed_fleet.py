from datetime import UTC, datetime, time, timedelta

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from bookings.models import Booking, Status
from drivers.management.arguments import add_company, company_of
from drivers.models import Company, Driver, Shift, Vehicle
from perf.project.management.arguments import a_day
from perf.project.scenarios.fleet import (
    BREAK_FROM_S,
    BREAK_S,
    BREAK_UNTIL_S,
    Demand,
    fleet_around,
)

BATCH = 5_000

Periods = dict[int | None, list[tuple[datetime, datetime]]]  # of a driver, or a vehicle


class Command(BaseCommand):
    help = (
        "Invents drivers, vehicles and shifts that suit a company's bookings. Running it again "
        "adds only what is missing: drivers up to the number, and a shift wherever one of "
        "them has none."
    )

    def add_arguments(self, parser):
        add_company(parser)
        parser.add_argument("--drivers", type=int, required=True, help="Drivers in all, 1-10000.")
        parser.add_argument("--date", type=a_day, help="Shifts on this day alone.")
        parser.add_argument(
            "--from",
            type=a_day,
            dest="first",
            help="Shifts from this day on (default: every day that has bookings).",
        )
        parser.add_argument(
            "--to", type=a_day, dest="last", help="Shifts until this day, inclusive."
        )
        parser.add_argument("--seed", type=int, default=1, help="Seed (default: 1).")

    def handle(self, *, company, drivers, date, first, last, seed, **options):
        if not 1 <= drivers <= 10_000:
            raise CommandError("--drivers must be between 1 and 10000.")
        if seed < 0:
            raise CommandError("--seed must not be negative.")
        if (first is None) != (last is None) or (date and first):
            raise CommandError("Give --date, or both --from and --to, or none of them.")
        if first and not first <= last < first + timedelta(days=731):
            raise CommandError("--to must be the same day as --from or within two years after it.")
        company = company_of(company)
        trips, days = _demand(company)
        if not trips:
            raise CommandError(f"{company.slug} has no bookings yet: import some first.")
        if date:
            days = [date]
        elif first:
            days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        with transaction.atomic():
            Company.objects.select_for_update(no_key=True).get(pk=company.pk)
            made, shifts = _add(company, fleet_around(trips, drivers, seed=seed), days)
        return (
            f"{company.slug}: {made} new drivers with vehicles, {shifts} new shifts "
            f"on {len(days)} days ({days[0]} to {days[-1]})."
        )


def _demand(company):
    """Return the trips as the fleet's generator wants them, and their days. One query."""
    rows = (
        Booking.objects.filter(company=company)
        .exclude(status=Status.CANCELED)
        .order_by("scheduled_time", "id")
        .values_list("scheduled_time", "passengers", "wheelchairs", "pickup_lat", "pickup_lon")
    )
    trips, days = [], {}
    for moment, passengers, wheelchairs, lat, lon in rows:
        local = company.local(moment)
        days[local.date()] = None
        seconds = local.hour * 3600 + local.minute * 60 + local.second
        trips.append(Demand(seconds, passengers - wheelchairs, wheelchairs, (lat, lon)))
    return trips, list(days)


def _add(company, fleet, days):
    """Add the drivers and shifts that are missing; return how many. Six queries."""
    present = list(
        Driver.objects.filter(company=company, is_active=True).order_by("id")[: len(fleet)]
    )
    new = fleet[len(present) :]
    taken = set(Vehicle.objects.filter(company=company).values_list("plate", flat=True))
    plates = (f"{company.slug[:8].upper()} {number:04d}" for number in range(1, 100_000))
    free = (plate for plate in plates if plate not in taken)
    cars = Vehicle.objects.bulk_create(
        [
            Vehicle(
                company=company,
                plate=next(free),
                seats=driver.seats,
                wheelchair_places=driver.wheelchair_places,
            )
            for driver in new
        ],
        batch_size=BATCH,
    )
    present += Driver.objects.bulk_create(
        [
            Driver(
                company=company,
                name=driver.name,
                vehicle=car,
                kind=Driver.Kind.EMERGENCY if driver.emergency else Driver.Kind.REGULAR,
                home_lat=driver.home and driver.home[0],
                home_lon=driver.home and driver.home[1],
            )
            for driver, car in zip(new, cars, strict=True)
        ],
        batch_size=BATCH,
    )
    wanted = [
        shift
        for driver, pattern in zip(present, fleet, strict=True)
        for shift in _shifts(company, driver, pattern, days)
    ]
    standing: Periods = {}
    in_use: Periods = {}
    for driver_id, vehicle_id, start_at, end_at in Shift.objects.filter(
        driver__company=company,
        start_at__lt=max(shift.end_at for shift in wanted),
        end_at__gt=min(shift.start_at for shift in wanted),
    ).values_list("driver_id", "vehicle_id", "start_at", "end_at"):
        standing.setdefault(driver_id, []).append((start_at, end_at))
        in_use.setdefault(vehicle_id, []).append((start_at, end_at))
    missing = []
    for shift in wanted:
        busy = [*standing.get(shift.driver_id, ())]
        if shift.vehicle_id:
            busy += in_use.setdefault(shift.vehicle_id, [])
        if all(end_at <= shift.start_at or shift.end_at <= start_at for start_at, end_at in busy):
            missing.append(shift)
            if shift.vehicle_id:
                in_use[shift.vehicle_id].append((shift.start_at, shift.end_at))
    Shift.objects.bulk_create(missing, batch_size=BATCH)
    return len(new), len(missing)


def _shifts(company, driver, pattern, days):
    for day in days:
        midnight = datetime.combine(day, time.min, company.zone)

        def at(seconds, midnight=midnight):
            return (midnight + timedelta(seconds=seconds)).astimezone(UTC)

        start_s = pattern.shift_start_s
        yield Shift(
            driver=driver,
            vehicle_id=driver.vehicle_id,
            start_at=at(start_s),
            end_at=at(pattern.shift_end_s),
            break_min=BREAK_S // 60,
            break_from_at=at(start_s + BREAK_FROM_S),
            break_until_at=at(start_s + BREAK_UNTIL_S),
        )
