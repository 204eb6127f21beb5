"""How each management command of the apps is called, or why it is not."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands

from tests.support import builders as make
from tests.support.every_door.company import Busy
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
        "load_test",
        "measure_control",
        "measure_recorder",
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


def _of_day(**options: Any) -> Callable[[Busy, Path], list[Call]]:
    return lambda busy, folder: [((), {"company": busy.company.slug, "day": make.DAY, **options})]


COMMANDS: dict[str, Callable[[Busy, Path], list[Call]]] = {
    "clear_expired": lambda busy, folder: [((), {})],
    "create_company": lambda busy, folder: [
        ((), {"slug": "new", "timezone": "Europe/Zurich", "depot": "46.17,6.12"})
    ],
    "create_token": lambda busy, folder: [
        ((), {"company": busy.company.slug, "user": busy.user.get_username()})
    ],
    "deliver_webhooks": lambda busy, folder: [((), {"once": True})],
    "dispatch_day": _of_day(time_limit=0),
    "export_plan": _of_day(),
    "import_addresses": _addresses,
    "import_bookings": _imports,
    "profile_command": lambda busy, folder: [(("clear_expired",), {})],
    "profile_dispatch": _of_day(time_limit=0),
    "profile_url": lambda busy, folder: [
        (("/admin/",), {"user": busy.user.get_username(), "method": "POST"})
    ],
    "revert_dispatch": lambda busy, folder: [((str(busy.run.pk),), {})],
    "seed_fleet": lambda busy, folder: [((), {"company": busy.company.slug, "drivers": 20})],
    "seed_scenario": lambda busy, folder: [
        ((), {"company": "new", "date": make.DAY, "bookings": 10})
    ],
    "work_run": lambda busy, folder: [((str(busy.run.pk),), {})],
}
