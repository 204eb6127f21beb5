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
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Substr

from bookings.models import Actor, Booking, Client, Delivery, Door, Event, Webhook
from dispatch.models import Assignment, DispatchRun
from drivers.companies.tokens import issue_token
from drivers.models import (
    Absence,
    ApiToken,
    Company,
    Driver,
    Membership,
    Role,
    Shift,
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
    "clients": Client,
    "bookings": Booking,
    "assignments": Assignment,
    "dispatch-runs": DispatchRun,
    "members": Membership,
    "webhooks": Webhook,
    "webhook-deliveries": Delivery,
}
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
                    (output / f"{role}.txt").write_text(report + server.said(), encoding="utf-8")
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
    member = Membership.objects.create(company=company, user=user, role=role)
    issue_token(member, name=f"{company.slug} decoy", now=now)
    return issue_token(member, name="fuzz", now=now)[1]


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
    """Return ids of the company's rows, without the tokens that the cases are sent with."""
    rows = company_rows(model, company)
    if model is ApiToken:
        rows = rows.exclude(name="fuzz")
    return list(rows.order_by("-pk").values_list("pk", flat=True)[:30])


def _mark(company, now):
    """Put the mark into every text of the company that is free to hold it."""
    for model in (Company, Vehicle, Driver, Absence, VehicleAbsence, Client, Booking, ApiToken):
        changes = {
            field.name: Substr(
                Concat(Value(MARK), F(field.name), output_field=models.TextField()),
                1, field.max_length or 2_000,
            )
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField)
            and not field.choices
            and field.name not in ("slug", "timezone", "digest", "ending")
        }  # fmt: skip
        company_rows(model, company).update(**changes)
    for booking in Booking.objects.filter(company=company).order_by("id")[:20]:
        Event.objects.create(
            company=company, booking=booking, kind=Event.Kind.BOOKING_CHANGED, at=now,
            actor=MARK, door=Door.API, reason=MARK, old={"notes": MARK}, new={"notes": MARK},
        )  # fmt: skip
