"""A whole invented company: fleet, clients, a day of open bookings, and a past."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, timedelta

from bookings.models import Booking, Client, Event
from dispatch.models import Assignment, DispatchRun
from drivers.models import Driver, Shift
from perf.project.scenarios import generate, populate
from perf.project.scenarios.bulk_insert import analyze, indexed_afterwards
from perf.project.scenarios.history import add_history, day_sizes

EVENTS_UP_TO = 100_000  # of a larger past, the events are left out unless asked for
SEED_AHEAD = 50_000  # beyond the seeds of the past days
CLIENTS_A_TRIP = 3  # persons for each that travels on a day


@dataclass(frozen=True, slots=True)
class Seeded:
    slug: str
    day: date
    past_days: int


def seed_scenario(
    slug,
    *,
    day,
    bookings,
    drivers,
    history,
    seed,
    events,
    now,
    actor,
    ahead=0,
    analyzed=True,
    portal=None,
):
    """Write the company and return what was made; `day` None is tomorrow in Geneva.

    So many bookings lie `ahead` of the day, open, as many a day as on it. A customer of the name
    of `portal` owns one client in many, with its bookings. In a transaction of the caller's, who
    tells the database's planner of the rows where it is not `analyzed`.
    """
    company = populate.make_company(slug, f"{slug.title()} Medical Transport")
    owner = populate.owners(company, portal and company.customers.create(name=portal))
    day = day or company.local(now).date() + timedelta(days=1)
    fleet = generate.geneva_fleet(drivers, seed)
    driver_ids = populate.add_fleet(company, fleet)
    coming = day_sizes(ahead, bookings)
    days_ahead = [day + timedelta(days=number + 1) for number in range(len(coming))]
    populate.add_shifts(company, driver_ids, fleet, [day, *days_ahead])

    sizes = day_sizes(history, bookings)
    persons = generate.outbound_count(max([bookings, *sizes, *coming]))
    clients = generate.geneva_clients(
        persons * (CLIENTS_A_TRIP if history or ahead else 1), len(fleet), seed
    )
    client_ids = populate.add_clients(company, clients, driver_ids, owner)
    populate.add_bookings(
        company,
        client_ids,
        generate.geneva_bookings(clients, bookings, seed),
        day,
        now=now,
        actor=actor,
        owner=owner,
    )
    for number, (later, size) in enumerate(zip(days_ahead, coming, strict=True)):
        trips = generate.geneva_bookings(clients, size, seed * 100_003 + SEED_AHEAD + number)
        populate.add_bookings(company, client_ids, trips, later, now=now, actor=actor, owner=owner)
    large = history > EVENTS_UP_TO
    with indexed_afterwards(Booking, Assignment, *[Event] * events) if large else nullcontext():
        add_history(
            company, fleet, driver_ids, clients, client_ids, sizes, day,
            seed=seed, events=events, owner=owner,
        )  # fmt: skip
    if analyzed:
        analyze(Booking, Client, Driver, Shift, DispatchRun, Assignment, Event)
    return Seeded(slug, day, len(sizes))
