"""The debug toolbar can show plans, and can write nothing."""

import os
import subprocess
import sys

import pytest

from tests import PROJECT

pytestmark = pytest.mark.any_database  # its processes work on SQLite

SCRIPT = """
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from drivers.models import Company
from debug_toolbar.panels.sql.forms import SQLSelectForm
from perf.silk.toolbar import show

factory = RequestFactory()
assert show(factory.get("/admin/"))
assert not show(factory.get("/silk/"))
assert not show(factory.get("/admin/", REMOTE_ADDR="10.0.0.1"))
assert "zeal" in settings.INSTALLED_APPS and settings.ZEAL_RAISE
Company.objects.create(slug="a", name="A", timezone="UTC", depot_lat=1, depot_lon=1)

def form(sql):
    made = SQLSelectForm({"request_id": "1", "djdt_query_id": "2"})
    made.full_clean = lambda: None
    query = {"raw_sql": sql, "params": [], "vendor": "sqlite", "alias": "default"}
    made.cleaned_data = {"query": query, "alias": "default"}
    return made

import debug_toolbar.panels.sql.forms as forms
class Panel:
    def get_stats(self):
        return {"queries": [{"djdt_query_id": "2", "raw_sql": SQL, "params": [],
                             "vendor": "sqlite", "alias": "default"}]}
class Toolbar:
    def get_panel_by_id(self, name):
        return Panel()
forms.DebugToolbar = type("T", (), {"fetch": staticmethod(lambda *a, **k: Toolbar())})

for SQL, allowed in (
    ("SELECT name FROM drivers_company", True),
    ("UPDATE drivers_company SET name = 'B' RETURNING name", False),
    ("WITH x AS (SELECT 1) DELETE FROM drivers_company RETURNING name", False),
):
    asked = SQLSelectForm({"request_id": "1", "djdt_query_id": "2"})
    assert asked.is_valid() is allowed, SQL
SQL = "SELECT name FROM drivers_company"
asked = SQLSelectForm({"request_id": "1", "djdt_query_id": "2"})
assert asked.is_valid()
assert asked.select()[0] == [("A",)]
asked = SQLSelectForm({"request_id": "1", "djdt_query_id": "2"})
assert asked.is_valid()
assert "SCAN" in repr(asked.explain())
# Even a write that came that far would be taken back.
written = form("UPDATE drivers_company SET name = 'B' RETURNING name")
assert written.select()[0] == [("B",)]
assert Company.objects.get().name == "A"
print("done")
"""


def start(tmp_path, script, **env):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "dispatchsite.settings",
            "SECRET_KEY": "x",
            "HTTPS": "0",
            "PROFILING": "0",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'business.sqlite3'}",
            **env,
        },
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("debug", "installed"), [("0", "False"), ("1", "True")])
@pytest.mark.process
def test_the_toolbar_is_there_in_debug_only(tmp_path, debug, installed):
    script = (
        "import django; django.setup(); from django.apps import apps; from django.urls import "
        "get_resolver; get_resolver().url_patterns; print(apps.is_installed('debug_toolbar'))"
    )
    assert start(tmp_path, script, DEBUG=debug).stdout.strip() == installed


@pytest.mark.process
def test_its_buttons_send_a_select_again_and_nothing_else(tmp_path):
    done = start(tmp_path, SCRIPT, DEBUG="1")
    assert done.stdout.strip() == "done", done.stderr
