"""Silk: off by default; when on, in its own database, for superusers, without clients' data."""

import os
import subprocess
import sys

import pytest
from django.apps import apps
from django.conf import settings

from perf.measuring.scratch import scratch_database
from perf.project.load.server import database_url
from perf.silk.router import SilkRouter
from tests import PROJECT

SCRIPT = """
import django
django.setup()
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
call_command("migrate", verbosity=0)
call_command("migrate", database="silk", verbosity=0)
from django.contrib.auth import get_user_model
from django.test import Client
from drivers.models import Company
from silk.models import Request, Response, SQLQuery

assert "silk_request" not in connection.introspection.table_names()
user = get_user_model().objects.create_superuser("boss")
staff = get_user_model().objects.create_user("staff", is_staff=True)
# In two parts: a stored traceback may show the lines of this script (from Python 3.13 on).
secret = "Love" + "lace"
client = Client(SERVER_NAME="localhost", raise_request_exception=True)
assert client.get("/silk/").status_code == 302
client.force_login(staff)
assert client.get("/silk/").status_code == 403
client.force_login(user)
page = client.get(f"/admin/bookings/client/?q={secret}", headers={"X-Secret": secret})
assert page.status_code == 200
form = client.post("/admin/drivers/company/add/", {"name": secret})
assert client.get("/silk/").status_code == 200
assert Request.objects.filter(path="/admin/bookings/client/").count() == 1
assert SQLQuery.objects.count() > 5
stored = repr(list(Request.objects.values())) + repr(list(SQLQuery.objects.values()))
stored += repr(list(Response.objects.values("body", "raw_body", "encoded_headers")))
assert secret not in stored, stored
assert Request.objects.get(path="/admin/bookings/client/").num_sql_queries > 2

# An error that is expected stays what it is, in the middle of a request too.
from silk.collector import DataCollector
fields = {"timezone": "Europe/Zurich", "depot_lat": 46, "depot_lon": 6}
Company.objects.create(name="One", slug="one", **fields)
Company.objects.create(name="Two", slug="two", **fields)
under_way = Request.objects.create(path="/clash/", method="GET")
DataCollector().configure(under_way)
try:
    with transaction.atomic():
        Company.objects.filter(slug="two").update(slug="one")
except IntegrityError:
    print("IntegrityError")
assert Company.objects.filter(slug="two").exists()
DataCollector().finalise()
told = "\\n".join(SQLQuery.objects.filter(request=under_way).values_list("query", flat=True))
assert told.startswith("UPDATE") and '"slug" = ?' in told and "SELECT" in told, told
call_command("silk_request_garbage_collect", verbosity=0)
print("done")
"""


def test_silk_is_off_in_tests_and_leaves_nothing():
    assert not apps.is_installed("silk")
    assert not apps.is_installed("debug_toolbar")
    assert not any("silk" in name for name in settings.MIDDLEWARE)
    assert set(settings.DATABASES) == {"default"}


@pytest.mark.django_db
@pytest.mark.process
def test_silk_records_in_its_own_database_no_data_and_hides_no_error(tmp_path):
    with scratch_database() as scratch:
        done = profiled(SCRIPT, database_url(scratch.settings), tmp_path / "silk.sqlite3")
    assert done.stdout.split() == ["IntegrityError", "done"], done.stderr


@pytest.mark.process
@pytest.mark.any_database
def test_silk_without_its_tables_is_told_of(tmp_path):
    done = profiled(
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "call_command('check')",
        f"sqlite:///{tmp_path / 'business.sqlite3'}",
        tmp_path / "silk.sqlite3",
    )
    assert "(perf.W001)" in done.stderr
    assert "migrate --database silk" in done.stderr


def profiled(script, url, silk_file):
    """Run a script in a process of its own with Silk switched on."""
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "dispatchsite.settings",
        "SECRET_KEY": "x",
        "HTTPS": "0",
        "DEBUG": "0",
        "PROFILING": "1",
        "DATABASE_URL": url,
        "SILK_DATABASE_URL": f"sqlite:///{silk_file}",
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=env,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_router_keeps_the_two_apart():
    router = SilkRouter()
    assert router.allow_migrate("silk", "silk") is True
    assert router.allow_migrate("silk", "bookings") is False
    assert router.allow_migrate("default", "silk") is False
    assert router.allow_migrate("default", "bookings") is None
