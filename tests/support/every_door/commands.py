"""How each management command of the apps is called, or why it is not."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands

from tests.support import builders as make
from tests.support.every_door.company import Busy, gone
from tests.support.every_door.pages import files

Call = tuple[tuple[Any, ...], dict[str, Any]]
# These write to databases of their own, if at all.
APART = frozenset(
    {
        "benchmark_api",
        "benchmark_dispatch",
        "benchmark_indexes",
        "benchmark_pages",
        "benchmark_planner",
        "check_budgets",
        "demo",  # `seed_scenario` and `dispatch_day`, for a company of its own
        "fuzz_api",
        "live_day",
        "load_test",
        "measure_control",
        "measure_recorder",
        "rehearse_restore",
        "replay_day",
    }
)


def commands() -> Iterator[str]:
    """Yield the commands of our own apps."""
    ours = {
        app.name for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR
    }
    return (name for name, app in sorted(get_commands().items()) if app in ours)


def call(name: str, *args: Any, **options: Any) -> int:
    """Call the command; return the status of a page that does the same."""
    call_command(name, *args, stdout=io.StringIO(), stderr=io.StringIO(), **options)
    return 200


def _imports(busy: Busy, folder: Path) -> list[Call]:
    calls = []
    for number, data in enumerate(files(busy)):
        file = folder / f"{number}.csv"
        file.write_bytes(data)
        calls.append(((str(file),), {"company": busy.company.slug, "skip_invalid": True}))
    return calls


def _addresses(busy: Busy, folder: Path) -> list[Call]:
    file = folder / "addresses.csv"
    file.write_text("lat,lon,number,street,city\n46.2,6.1,1,Rue du Stand,Ici\n", encoding="utf-8")
    return [((str(file),), {})]


def _orders(busy: Busy, folder: Path) -> list[Call]:
    file = folder / "orders.csv"
    file.write_text(
        "weekdays,first_day,pickup_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon\n"
        f"wed,{make.DAY},10:00,46.23,6.08,46.19,6.14\n",
        encoding="utf-8",
    )
    return [((str(file),), {"company": busy.company.slug})]


def _of_day(**options: Any) -> Callable[[Busy, Path], list[Call]]:
    return lambda busy, folder: [((), {"company": busy.company.slug, "day": make.DAY, **options})]


COMMANDS: dict[str, Callable[[Busy, Path], list[Call]]] = {
    "export_person": lambda busy, folder: [
        ((), {"company": busy.company.slug, "client": busy.client.pk})
    ],
    "forget_person": lambda busy, folder: [
        ((), {"company": busy.company.slug, "client": client, "reason": "asked"})
        for client in (busy.client.pk, gone(busy))
    ],
    "forget_expired": lambda busy, folder: [((), {})],
    "refresh_reports": lambda busy, folder: [((), {})],
    "recompute_pickups": lambda busy, folder: [((), {"company": busy.company.slug})],
    "check_invariants": lambda busy, folder: [((), {})],
    "clear_expired": lambda busy, folder: [((), {})],
    "create_company": lambda busy, folder: [
        ((), {"slug": "new", "timezone": "Europe/Zurich", "depot": "46.17,6.12"})
    ],
    "create_token": lambda busy, folder: [
        ((), {"company": busy.company.slug, "user": busy.user.get_username()})
    ],
    "deliver_webhooks": lambda busy, folder: [((), {"once": True})],
    "keep_forecasts": lambda busy, folder: [((), {"once": True})],
    "send_messages": lambda busy, folder: [((), {"once": True})],
    "dispatch_day": _of_day(time_limit=0),
    "export_plan": _of_day(),
    "import_addresses": _addresses,
    "import_bookings": _imports,
    "learn_traffic": lambda busy, folder: [((), {"company": busy.company.slug, "weeks": 52})],
    "import_series": _orders,
    "make_series": lambda busy, folder: [((), {"company": busy.company.slug})],
    "profile_command": lambda busy, folder: [(("clear_expired",), {})],
    "profile_dispatch": _of_day(time_limit=0),
    "profile_url": lambda busy, folder: [
        (("/admin/",), {"user": busy.user.get_username(), "method": "POST"})
    ],
    "revert_dispatch": lambda busy, folder: [((str(busy.run.pk),), {})],
    "rewrap_keys": lambda busy, folder: [((), {})],
    "seal_events": lambda busy, folder: [((), {})],
    "seed_fleet": lambda busy, folder: [((), {"company": busy.company.slug, "drivers": 20})],
    "seed_scenario": lambda busy, folder: [
        ((), {"company": "new", "date": make.DAY, "bookings": 10})
    ],
    "tend_runs": lambda busy, folder: [((), {})],
    "work_run": lambda busy, folder: [((str(busy.run.pk),), {})],
}
