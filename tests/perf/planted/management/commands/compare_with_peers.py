import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from tests.perf.peers.page import as_markdown, behind
from tests.perf.peers.tools import TOOLS
from tests.perf.planted.faults import EVERY
from tests.perf.planted.marks import place_of


class Command(BaseCommand):
    help = "Asks this workbench and its peers about the planted faults, and prints one table."

    def add_arguments(self, parser):
        parser.add_argument(
            "--markdown",
            type=Path,
            metavar="FILE",
            help="Write the page here, and the words of the tools beside it as .json; without it "
            "the page is printed.",
        )
        parser.add_argument(
            "--tool",
            action="append",
            choices=[name for name in TOOLS if name != "perf"],
            help="Ask only this peer; may be given several times. Default all.",
        )
        parser.add_argument(
            "--rows",
            type=int,
            default=100_000,
            help="Rows of the two tables of which indexes are asked; default 100000.",
        )

    def handle(self, *, markdown, tool, rows, **options):
        names = ["perf", *(name for name in TOOLS if name != "perf" and name in (tool or TOOLS))]
        result = {
            "database": connection.vendor,
            "database_version": _database(),
            "python": platform.python_version(),
            "django": django.get_version(),
            "rows": rows,
            "places": {fault.number: place_of(fault) for fault in EVERY},
            "tools": {name: self._asked(TOOLS[name], rows) for name in names},
        }
        page = as_markdown(result)
        if markdown is None:
            return page
        markdown.write_text(page, encoding="utf-8")
        words = markdown.with_suffix(".json")
        words.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        worse = "; ".join(f"{fault} ({name})" for fault, name in behind(result))
        return f"Written: {markdown}, {words}. Behind a peer: {worse or 'nowhere'}."

    def _asked(self, tool, rows):
        """Ask one tool in a process of its own: most of them change Django."""
        if not tool.version:
            self.stderr.write(f"{tool.name} is not installed (requirements-peers.txt).")
            return {"version": ""}
        self.stderr.write(f"Asking {tool.name}…")
        asked = subprocess.run(
            [sys.executable, "-m", "tests.perf.peers.ask", "--rows", str(rows)],
            cwd=settings.BASE_DIR,
            env={
                **os.environ,
                "PEER": tool.name,
                "DATABASE_URL": _url(),
                "DJANGO_SETTINGS_MODULE": "tests.perf.peers.settings",
            },
            capture_output=True,
            text=True,
        )
        if asked.returncode:
            raise CommandError(f"{tool.name} failed:\n{asked.stderr[-2000:]}")
        return json.loads(asked.stdout.splitlines()[-1])


def _database():
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sqlite_version()")
        else:
            cursor.execute("SHOW server_version")
        return f"{connection.display_name} {cursor.fetchone()[0].split()[0]}"


def _url():
    """Return the address of the server that the scratch databases are made on."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings.BASE_DIR / 'var' / 'peers.sqlite3'}"
    return os.environ["DATABASE_URL"]
