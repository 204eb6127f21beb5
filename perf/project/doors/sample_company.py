"""An invented company that every door can be called with: bookings, drivers, a plan, a past."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from bookings.models import (
    Actor,
    Booking,
    CompanyPlace,
    Delivery,
    Door,
    Event,
    ImportFile,
    Message,
    MessagePolicy,
    MessageText,
    Pause,
    Recipient,
    SavedPlace,
    Series,
    WardPage,
    Webhook,
)
from bookings.models import Client as Person
from bookings.own_places import save_place
from dispatch.messages.page_keys import key_of
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.previews import plan_preview
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions
from drivers.companies.tokens import digest, issue_token
from drivers.fleet.traffic import set_traffic
from drivers.logins.invitations import invite
from drivers.logins.session_limits import USED
from drivers.models import (
    Absence,
    ApiToken,
    Company,
    Customer,
    Device,
    Driver,
    Membership,
    Role,
    ShiftTemplate,
    TrafficVersion,
    Vehicle,
    VehicleAbsence,
)
from perf.doors.door import NotMeasured
from perf.models import Kind, Measurement, Sampled, SampleKind
from perf.project.doors.company_rows import company_rows
from perf.project.scenarios.company import seed_scenario

DAY = date(2026, 6, 17)
NOW = datetime.fromisoformat("2026-06-16T18:00:00+02:00")
EVENING = datetime.fromisoformat("2026-06-17T20:00:00+02:00")
ACTOR = Actor(Door.COMMAND, name="check_budgets")
ORDERS = "orders.csv"
# Bookings on the day, drivers, past bookings.
BYSTANDER = "bystander"  # another company, always the same
SIZES = {"small": (12, 3, 24), "large": (48, 9, 96)}


@dataclass(frozen=True)
class World:
    """A company to call the doors with, and its owner, a superuser who is logged in.

    `run` planned the half of the day, `preview` would plan the rest. `keys` are those of the
    API, by role; the driver's trip is under way.
    """

    company: Company
    user: object
    client: Client
    run: DispatchRun
    preview: DispatchRun | None = None
    bookings: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    _found: dict = field(default_factory=dict, repr=False, compare=False)

    def one(self, model):
        """Return the company's newest row of a model, or the newest of all.

        It is looked up once, before anything is recorded.
        """
        if model not in self._found:
            self._found[model] = self._newest(model)
        return self._found[model]

    def assigned(self):
        """Return two planned assignments, of two drivers."""
        if "assigned" not in self._found:
            self._found["assigned"] = _two_planned(self.company)
        return self._found["assigned"]

    def key_of_trip(self):
        """Return the key of the page of a planned trip."""
        if "key" not in self._found:
            self._found["key"] = key_of(Booking.objects.get(pk=self.assigned()[0].booking_id))
        return self._found["key"]

    def locked(self):
        """Return a locked assignment."""
        return self._of(Assignment, locked=True)

    def booking(self, status):
        """Return a booking of the day without a driver."""
        return self._of(Booking, status=status, will_call=False, scheduled_time__gte=NOW)

    def will_call(self):
        return self._of(Booking, will_call=True)

    def started(self):
        """Return the assignment of a trip under way."""
        return self._of(Assignment, status="en_route")

    def by_hand(self):
        """Return the event of what the owner did last."""
        return self._of(Event, user=self.user)

    def _of(self, model, **conditions):
        key = model, *conditions.items()
        if key not in self._found:
            rows = company_rows(model, self.company).filter(**conditions)
            self._found[key] = rows.order_by("pk").first()
        return self._found[key]

    def _newest(self, model):
        found = company_rows(model, self.company).order_by("-pk").first()
        if found is None:
            raise NotMeasured(f"there is no {model._meta.verbose_name}")
        return found


def _order(company, person):
    """Write a standing order of every other day, with its way back, and a pause."""
    order = Series.objects.create(
        company=company, client=person, weekdays=0b10101, first_day=DAY, pickup_time="08:00",
        return_time="12:30", pickup_lat=46.2336, pickup_lon=6.08, dropoff_lat=46.1936,
        dropoff_lon=6.1487,
    )  # fmt: skip
    Pause.objects.create(company=company, series=order, first_day=date(2026, 8, 3))


def secret_of(company: Company) -> str:
    """Return the secret of the phone's link that waits in the company, and of its ward's page."""
    return f"link of {company.slug}"


def _wards(company: Company, maker: User, count: int) -> None:
    """Write so many pages of wards; the one that is opened shows names."""
    place = CompanyPlace.objects.filter(company=company).order_by("id")[0]
    customer = Customer.objects.get(company=company, is_default=True)
    until = datetime(2099, 1, 1, tzinfo=UTC)
    WardPage.objects.bulk_create(
        WardPage(
            company=company, customer=customer, place=place, shows_names=True,
            digest=digest(secret_of(company) if number == 0 else f"ward {company.slug} {number}"),
            made_at=NOW, made_by=maker, ends_at=until,
        )
        for number in range(count)
    )  # fmt: skip


def _phones(company: Company, count: int) -> None:
    """Write so many phones of the driver whose page is opened, and one link that waits."""
    driver = Driver.objects.filter(company=company).order_by("-id")[0]
    until = datetime(2099, 1, 1, tzinfo=UTC)
    name, made_at = company.slug, NOW
    Device.objects.bulk_create(
        [
            *(
                Device(
                    driver=driver, name="Android", link_digest=digest(f"{name} {number}"),
                    digest=digest(f"key {name} {number}"), link_ends_at=until, made_at=made_at,
                    paired_at=made_at, last_seen_at=made_at,
                )
                for number in range(count)
            ),
            Device(
                driver=driver, link_digest=digest(secret_of(company)), link_ends_at=until,
                made_at=made_at,
            ),
        ]
    )  # fmt: skip


def make_world(size, *, history=None) -> World:
    """Write a company of the size, with half of its day dispatched, beside a bystander.

    Boards are not shared from then on: a door is measured as the first who opens it finds it.
    """
    settings.BOARD_SHARED_S = 0
    bookings, drivers, past = SIZES[size]
    with transaction.atomic():
        if not Company.objects.filter(slug=BYSTANDER).exists():
            seed_scenario(
                BYSTANDER, day=DAY, bookings=4, drivers=1, history=4, seed=2, events=True, now=NOW,
                actor=ACTOR,
            )  # fmt: skip
        seed_scenario(
            size,
            day=DAY,
            bookings=bookings,
            drivers=drivers,
            history=past if history is None else history,
            seed=1,
            events=True,
            now=NOW,
            actor=ACTOR,
        )
    company = Company.objects.get(slug=size)
    user = get_user_model().objects.create_superuser(size, password=None)
    Group.objects.create(name=size)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    # Long measurements must not meet the statement that notes once a minute that it is used.
    session = client.session
    session[USED] = (timezone.now() + timedelta(days=1)).timestamp()
    session.save()
    owner = Membership.objects.create(company=company, user=user, role=Role.OWNER)
    for number in range(drivers):
        key = _key(owner, f"machine {number}")
    ImportFile.objects.create(
        company=company, user=user, name=ORDERS, data=orders_csv(drivers), uploaded_at=NOW
    )
    ImportFile.objects.create(
        company=company, user=user, name="day.csv", data=bookings_csv(drivers), uploaded_at=NOW
    )
    period = {"start_at": NOW - timedelta(days=9), "end_at": NOW - timedelta(days=8)}
    for number in range(drivers):
        invite(company, f"{number}@example.org", Role.VIEWER, by=user, now=NOW)
    for driver in Driver.objects.filter(company=company).order_by("id"):
        Absence.objects.create(driver=driver, **period)
        ShiftTemplate.objects.create(driver=driver, weekday=0, start="06:00", end="14:00")
    for vehicle in Vehicle.objects.filter(company=company).order_by("id"):
        VehicleAbsence.objects.create(vehicle=vehicle, **period)
    _phones(company, drivers)
    for _version in range(drivers):
        free = [[1.0] * 24] * 7
        set_traffic(company, free, TrafficVersion.Source.EDITED, now=NOW, actor=ACTOR)
    for person in Person.objects.filter(company=company).order_by("id")[:drivers]:
        _order(company, person)
        SavedPlace.objects.create(client=person, label="Ward", address="Rue 4", lat=46.2, lon=6.1)
    homes = {row.pickup_address: row for row in Booking.objects.on(company, DAY).order_by("id")}
    for address, home in list(homes.items())[:drivers]:
        where = {"address": address, "lat": home.pickup_lat, "lon": home.pickup_lon}
        place = CompanyPlace(company=company, name=address[:50], entrance="B", **where)
        save_place(place, now=NOW)
    _wards(company, user, drivers)
    later = list(Booking.objects.on(company, DAY).order_by("id").values_list("id", flat=True))[::2]
    Booking.objects.filter(id__in=later).update(status="pending")
    Measurement.objects.bulk_create(
        Measurement(
            kind=Kind.LOAD, commit=size, at=NOW, engine="SQLite", version="3", size=number % 3,
            machine="one", figures={"p95_ms": number, "indexes": []},
        )
        for number in range(drivers)
    )  # fmt: skip
    Sampled.objects.bulk_create(
        Sampled(
            key=f"{size} {kind} {number}", kind=kind, release=f"{size} {number % 3}",
            hour=NOW + timedelta(hours=number), door=f"GET {number}/", count=1, total_ms=9,
            detail={"plan": "x", "shape": ["Seq Scan"], "database_ms": 1},
        )
        for number in range(drivers) for kind in SampleKind
    )  # fmt: skip
    hook = Webhook.objects.create(company=company, url="https://localhost/", created_at=NOW)
    Delivery.objects.bulk_create(
        Delivery(webhook=hook, event=event, due_at=NOW, created_at=NOW)
        for event in Event.objects.filter(company=company).order_by("id")[:drivers]
    )
    policy = MessagePolicy.objects.create(company=company, is_on=True, has_pages=True)
    MessageText.objects.create(policy=policy, kind="booked", language="en", text="{clock}")
    rows = Booking.objects.filter(company=company).exclude(client=None).select_related("client")
    told = [(row, row.client) for row in rows.order_by("id")[:drivers] if row.client]
    Message.objects.bulk_create(
        Message(
            company=company, booking=booking, client=person, person="client",
            occasion="sample", kind="booked", channel="sms", status="sent", due_at=NOW,
            created_at=NOW, done_at=NOW,
        )
        for booking, person in told
    )  # fmt: skip
    Recipient.objects.bulk_create(
        Recipient(client=person, person="contact", address="+41791234567")
        for person in {person for _booking, person in told}
    )
    report = run_dispatch(company, DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
    Booking.objects.filter(id__in=later[:-2]).update(status="accepted")
    Booking.objects.filter(id=later[-1]).update(will_call=True, appointment_at=None)
    Assignment.objects.filter(pk=_planned(company)[0].pk).update(locked=True)
    started = _planned(company)[1]
    _let_start(started)
    by_hand = Actor(Door.ADMIN, user_id=user.pk)
    decisions.confirm(company, _planned(company)[2].booking_id, actor=by_hand, now=NOW)
    preview = plan_preview(company, DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
    return World(
        company,
        user,
        client,
        DispatchRun.objects.get(id=report.run),
        DispatchRun.objects.get(id=preview.run),
        bookings,
        {"owner": key, "driver": _driver_key(started.driver)},
    )


def _let_start(assignment):
    Assignment.objects.filter(pk=assignment.pk).update(status="en_route")
    Booking.objects.filter(pk=assignment.booking_id).update(status="en_route")


def _planned(company):
    return Assignment.objects.filter(company=company, status="planned").order_by("pk")


def _two_planned(company):
    one = _planned(company).last()
    return one, _planned(company).exclude(driver=one.driver_id).last()


def _driver_key(driver):
    """Let the driver log in, and return a key of the driver's."""
    user = get_user_model().objects.create_user(f"{driver.company.slug}-driver")
    Driver.objects.filter(pk=driver.pk).update(user=user)
    member = Membership.objects.create(company=driver.company, user=user, role=Role.DRIVER)
    return _key(member, "telephone")


def _key(member, name):
    """Return the key of a token whose use is noted: no request has to."""
    token, key = issue_token(member, name=name, now=NOW)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=EVENING)
    return key


def orders_csv(count):
    """Return a file of new standing orders."""
    head = "weekdays,first_day,pickup_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,notes"
    rows = (
        f"mon wed,{DAY},{6 + number % 12:02d}:{number // 12:02d},46.2,6.1,46.21,6.15,x"
        for number in range(count)
    )
    return "\n".join([head, *rows]).encode()


def bookings_csv(count):
    """Return a file of new bookings of the day after."""
    head = (
        "reference,scheduled_time,client_name,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,"
        "passengers,wheelchairs"
    )
    lines = [
        f"N-{i},2026-06-18T{8 + i % 10:02d}:00,Person {i},46.2,6.1,46.21,6.15,1,0"
        for i in range(count)
    ]
    return "\n".join([head, *lines]).encode()
