"""Fuzz the API of a real server as each role, beside a company whose rows carry a mark.

The cases come from schemathesis, the answers are held against the schema; `fuzzing.checks`
puts ids of both companies into the cases and fails where the mark comes out.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Cast, Concat, Substr

from bookings.models import (
    Actor,
    Booking,
    Client,
    CompanyPlace,
    Delivery,
    Door,
    DriverPreference,
    Event,
    Pause,
    SavedPlace,
    Series,
    Webhook,
)
from bookings.models.series import mask_of
from dispatch.models import Assignment, DispatchRun
from drivers.companies.tokens import issue_token
from drivers.logins.invitations import invite
from drivers.models import (
    Absence,
    ApiToken,
    Company,
    Customer,
    Driver,
    Invitation,
    Membership,
    Role,
    Shift,
    ShiftTemplate,
    Vehicle,
    VehicleAbsence,
)
from perf.measuring.scratch import scratch_database
from perf.project.doors.company_rows import company_rows
from perf.project.load.server import environment, running_server
from perf.project.scenarios.company import seed_scenario

MARK = "xqzleak"
OWN, OTHER = "fuzzed", MARK
ACTOR = Actor(Door.COMMAND, name="fuzz")
# By the name of the resource; what a field of that name refers to.
MODELS = {
    "companies": Company,
    "vehicles": Vehicle,
    "drivers": Driver,
    "shifts": Shift,
    "absences": Absence,
    "vehicle-absences": VehicleAbsence,
    "tokens": ApiToken,
    "invitations": Invitation,
    "clients": Client,
    "customers": Customer,
    "company-places": CompanyPlace,
    "bookings": Booking,
    "assignments": Assignment,
    "dispatch-runs": DispatchRun,
    "members": Membership,
    "client-places": SavedPlace,
    "driver-preferences": DriverPreference,
    "shift-patterns": ShiftTemplate,
    "pauses": Pause,
    "series": Series,
    "webhooks": Webhook,
    "webhook-deliveries": Delivery,
}
CODES = ("slug", "timezone", "holiday_country", "holiday_canton")
CASES = re.compile(r"Test cases:\s+([\d,]+) generated")


@dataclass(frozen=True, slots=True)
class RoleResult:
    role: str
    cases: int
    failed: bool
    report: str


def fuzz(roles, *, examples, phases, now, seed, workers=1, output=None):
    """Yield a RoleResult for each role, on a server and a scratch database of their own."""
    for role in roles:
        with scratch_database() as scratch, tempfile.TemporaryDirectory() as folder:
            with transaction.atomic():
                world = seed_world(now)
            world["role"] = role
            file = Path(folder) / "world.json"
            file.write_text(json.dumps(world), encoding="utf-8")
            with running_server(scratch.settings, workers=workers) as server:
                done = subprocess.run(
                    _command(server.url, world["keys"][role], examples, phases, seed),
                    cwd=folder,  # schemathesis keeps what it found where it runs
                    env=environment(scratch.settings)
                    | {"FUZZ_WORLD": str(file), "SCHEMATHESIS_HOOKS": "perf.project.fuzzing.checks"}
                    | {"PYTHONPATH": str(settings.BASE_DIR), "COLUMNS": "100"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                report = done.stdout + done.stderr
                if output:
                    (output / f"{role}.txt").write_text(report, encoding="utf-8")
                    (output / f"{role}.server.txt").write_text(server.said(None), encoding="utf-8")
            found = CASES.search(report)
            cases = int(found[1].replace(",", "")) if found else 0
            yield RoleResult(role, cases, done.returncode != 0 or not cases, report)


def _command(url, key, examples, phases, seed):
    return [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(Path(__file__).with_name("fuzz.toml"))),
        *("run", str(settings.BASE_DIR / "dispatchsite" / "openapi.yaml"), "--url", url),
        *("--header", f"Authorization: Bearer {key}"),
        *("--max-examples", str(examples), "--phases", phases, "--seed", str(seed)),
        # It would end the key that the cases are sent with.
        *("--exclude-path", "/api/v1/tokens/rotate/"),
        *("--checks", "all", "--mode", "all", "--no-color", "--continue-on-failure"),
        *("--no-shrink", "--generation-database", ":memory:", "--suppress-health-check", "all"),
    ]


def seed_world(now):
    """Write both companies; return their ids, the keys of the roles, and the mark."""
    for slug, bookings in ((OWN, 60), (OTHER, 20)):
        seed_scenario(
            slug, day=None, bookings=bookings, drivers=8, history=30, seed=1, events=slug == OWN,
            now=now, actor=ACTOR,
        )  # fmt: skip
    own, other = (Company.objects.get(slug=slug) for slug in (OWN, OTHER))
    keys = {role.value: _member(own, role, now) for role in Role}
    _member(other, Role.OWNER, now)
    for company in (own, other):
        driver = Driver.objects.filter(company=company).earliest("id")
        vehicle = Vehicle.objects.filter(company=company).earliest("id")
        period = {"start_at": now, "end_at": now + timedelta(hours=1)}
        Absence.objects.create(driver=driver, note="ill", **period)
        VehicleAbsence.objects.create(vehicle=vehicle, note="tyres", **period)
        CompanyPlace.objects.create(
            company=company, name="HUG", address="Rue 4", lat=46.19, lon=6.14, entrance="B"
        )
        _standing_order(company, now)
        client = Client.objects.filter(company=company).latest("id")
        SavedPlace.objects.create(client=client, label="Ward", address="Rue 4", lat=46.2, lon=6.1)
        DriverPreference.objects.update_or_create(
            client=client, driver=driver, defaults={"kind": "preferred"}
        )
        ShiftTemplate.objects.create(driver=driver, weekday=0, start="06:00", end="14:00")
        for number in range(3):
            decoy = get_user_model().objects.create_user(f"{company.slug}-decoy{number}")
            Membership.objects.create(company=company, user=decoy, role=Role.VIEWER)
        owner = company.memberships.get(role=Role.OWNER).user
        for number in range(3):
            invite(company, f"{company.slug}{number}@example.org", Role.VIEWER, by=owner, now=now)
    driver = Driver.objects.filter(company=own).earliest("id")
    driver.user = Membership.objects.get(company=own, role=Role.DRIVER).user
    driver.save(update_fields=["user"])
    _mark(other, now)
    for company in (own, other):
        _webhooks(company, now)
    ours = {name: _ids(model, own) for name, model in MODELS.items()}
    theirs = {name: _ids(model, other) for name, model in MODELS.items()}
    return {"mark": MARK, "keys": keys, "own": ours, "other": theirs}


def _member(company, role, now):
    user = get_user_model().objects.create_user(f"{company.slug}-{role}")
    customer = company.default_customer if role == Role.CLIENT_API else None
    member = Membership.objects.create(company=company, user=user, role=role, customer=customer)
    issue_token(member, name=f"{company.slug} decoy", now=now)
    return issue_token(member, name="fuzz", now=now)[1]


def _standing_order(company, now):
    """Write a standing order of every day, with a pause; no date of it is booked yet."""
    series = Series.objects.create(
        company=company, client=Client.objects.filter(company=company).earliest("id"),
        weekdays=mask_of(range(7)), first_day=now.date(), pickup_time=time(8),
        pickup_address="Rue 4", pickup_lat=46.19, pickup_lon=6.14,
        dropoff_address="Rue 5", dropoff_lat=46.21, dropoff_lon=6.15,
    )  # fmt: skip
    Pause.objects.create(
        company=company, series=series, first_day=now.date(), last_day=now.date() + timedelta(2)
    )


def _webhooks(company, now):
    """Write webhooks that name the company, and deliveries of its events."""
    events = Event.objects.filter(company=company).order_by("-id")[:5]
    for number in range(3):
        hook = Webhook.objects.create(
            company=company, url=f"https://localhost/{company.slug}/{number}", created_at=now
        )
        Delivery.objects.bulk_create(
            Delivery(webhook=hook, event=event, due_at=now, created_at=now, last_error=company.slug)
            for event in events
        )


def _ids(model, company):
    """Return ids of the company's rows, without the tokens and members that send the cases."""
    rows = company_rows(model, company)
    if model is ApiToken:
        rows = rows.exclude(name="fuzz")
    if model is Membership:
        rows = rows.exclude(tokens__name="fuzz")
    return list(rows.order_by("-pk").values_list("pk", flat=True)[:30])


def _mark(company, now):
    """Put the mark into every text of the company that is free to hold it.

    An id that a customer gives is empty or its own: it gets the row's number too.
    """
    for model in (
        Company,
        Vehicle,
        Driver,
        Absence,
        VehicleAbsence,
        Client,
        CompanyPlace,
        SavedPlace,
        Booking,
        ApiToken,
    ):
        changes = {
            field.name: Substr(
                Concat(
                    Value(MARK),
                    Cast("pk", models.TextField()) if field.name == "external_id" else Value(""),
                    F(field.name),
                    output_field=models.TextField(),
                ),
                1, field.max_length or 2_000,
            )
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField)
            and not field.choices
            and field.name not in (*CODES, "digest", "ending")
        }  # fmt: skip
        company_rows(model, company).update(**changes)
    for booking in Booking.objects.filter(company=company).order_by("id")[:20]:
        Event.objects.create(
            company=company, booking=booking, kind=Event.Kind.BOOKING_CHANGED, at=now,
            actor=MARK, door=Door.API, reason=MARK, old={"notes": MARK}, new={"notes": MARK},
        )  # fmt: skip
