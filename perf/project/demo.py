"""The demonstration: a company in Geneva, tomorrow's bookings, and a dispatch of them.

Everything but the date and the passwords is the same on every machine. Run again, it keeps
what is there and plans tomorrow anew. Of its two users one sees what a dispatcher of a company
sees; the other is for developers, who look behind the pages.
"""

import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Actor, Booking, Client, Door
from dispatch.runs.options import RunOptions
from dispatch.runs.report import Report
from dispatch.runs.run import run_dispatch
from drivers.models import Company, Driver, Membership, Role, Shift
from drivers.refused import Refused
from perf.project.scenarios import generate, populate

SLUG, NAME = "demo", "Léman Transport"
# Of the company, and who also sees users and performance: {name: (role, is a superuser)}.
DISPATCHER, DEVELOPER = "dispatcher", "developer"
USERS = {DISPATCHER: (Role.DISPATCHER, False), DEVELOPER: (Role.OWNER, True)}
BOOKINGS, DRIVERS, SEED = 200, 22, 3
SEEDER = Actor(Door.COMMAND, name="demo")


class DemoRefusedError(Refused):
    """The database holds something that is not the demonstration's to change."""

    code = "conflict"
    status = 409


@dataclass(frozen=True, slots=True)
class Demo:
    report: Report
    day: date
    passwords: dict[str, str]  # by user name

    def summary(self):
        return "\n".join(
            [
                self.report.summary(),
                "",
                _("Look at it: make serve, then http://127.0.0.1:8000/admin/"),
                _("  user %(user)s, password %(password)s: dispatches for the company")
                % {"user": DISPATCHER, "password": self.passwords[DISPATCHER]},
                _("  user %(user)s, password %(password)s: owns it, sees users and performance too")
                % {"user": DEVELOPER, "password": self.passwords[DEVELOPER]},
                _("  (every make demo makes new passwords)"),
                _("Plan it again: .venv/bin/python manage.py dispatch_day --company %(slug)s "
                  "--date %(day)s --preview")
                % {"slug": SLUG, "day": self.day},
                _("A key of its API: .venv/bin/python manage.py create_token --company %(slug)s "
                  "--user %(user)s")
                % {"slug": SLUG, "user": DISPATCHER},
            ]
        )  # fmt: skip


def run_demo(*, now, time_limit_s=None):
    """Seed what is missing, dispatch tomorrow, and return the result. Raises DemoRefusedError."""
    with transaction.atomic():
        company = Company.objects.filter(slug=SLUG).first() or populate.make_company(SLUG, NAME)
        day = company.local(now).date() + timedelta(days=1)
        _seed(company, day, now)
        passwords = {
            name: _user(company, name, role, is_superuser)
            for name, (role, is_superuser) in USERS.items()
        }
    report = run_dispatch(
        company,
        day,
        now=now,
        actor=SEEDER,
        options=RunOptions(time_limit_s=time_limit_s, seed=SEED),
    )
    return Demo(report, day, passwords)


def _seed(company, day, now):
    """Make sure of the fleet and the clients, and of the day's shifts and bookings."""
    scenario = generate.geneva_day(BOOKINGS, DRIVERS, SEED)
    driver_ids = _ids(Driver, company) or populate.add_fleet(company, scenario.drivers)
    client_ids = _ids(Client, company) or populate.add_clients(
        company, scenario.clients, driver_ids
    )
    if len(driver_ids) < DRIVERS or len(client_ids) < len(scenario.clients):
        raise DemoRefusedError(
            _("The company “%(slug)s” is not the demonstration's: rename it first.")
            % {"slug": SLUG}
        )
    start_at, end_at = company.day_bounds(day)
    if not Shift.objects.filter(
        driver__company=company, start_at__lt=end_at, end_at__gt=start_at
    ).exists():
        populate.add_shifts(company, driver_ids[:DRIVERS], scenario.drivers, [day])
    if not Booking.objects.on(company, day).exists():
        populate.add_bookings(company, client_ids, scenario.bookings, day, now=now, actor=SEEDER)


def _ids(model, company):
    return list(model.objects.filter(company=company).order_by("id").values_list("id", flat=True))


def _user(company, name, role, is_superuser):
    """Give a user of the demonstration the role and a new password, and return the password."""
    users = get_user_model().objects
    user = users.filter(username=name).first()
    if user and not user.memberships.filter(company=company).exists():
        raise DemoRefusedError(
            _("There is a user “%(user)s” already who is not the demonstration's.") % {"user": name}
        )
    password = secrets.token_urlsafe(9)
    user = user or users.model(username=name)
    user.is_staff, user.is_superuser = True, is_superuser
    user.set_password(password)
    user.save()
    Membership.objects.update_or_create(user=user, company=company, defaults={"role": role})
    return password
