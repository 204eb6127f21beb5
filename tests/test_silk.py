"""Silk: off by default; when on, in its own database, for superusers, without clients' data."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from perf.routers import SilkRouter

PROJECT = Path(__file__).resolve().parent.parent
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
client = Client(SERVER_NAME="localhost", raise_request_exception=True)
assert client.get("/silk/").status_code == 302
client.force_login(staff)
assert client.get("/silk/").status_code == 403
client.force_login(user)
page = client.get("/admin/bookings/client/?q=Lovelace", headers={"X-Secret": "Lovelace"})
assert page.status_code == 200
form = client.post("/admin/drivers/company/add/", {"name": "Lovelace"})
assert client.get("/silk/").status_code == 200
assert Request.objects.filter(path="/admin/bookings/client/").count() == 1
assert SQLQuery.objects.count() > 5
stored = repr(list(Request.objects.values())) + repr(list(SQLQuery.objects.values()))
stored += repr(list(Response.objects.values("body", "raw_body", "encoded_headers")))
assert "Lovelace" not in stored, stored
assert Request.objects.get(path="/admin/bookings/client/").num_sql_queries > 2

# An error that is expected stays what it is.
from silk.collector import DataCollector
fields = {"slug": "one", "timezone": "Europe/Zurich", "depot_lat": 46, "depot_lon": 6}
Company.objects.create(name="One", **fields)
two = Company.objects.create(name="Two", **fields | {"slug": "two"})
two.slug = "one"
try:
    with transaction.atomic():
        Company.objects.filter(id=two.id).update(slug="one")
except IntegrityError:
    print("IntegrityError")
call_command("silk_request_garbage_collect", verbosity=0)
print("done")
"""


def test_silk_is_off_in_tests_and_leaves_nothing():
    assert not apps.is_installed("silk")
    assert not apps.is_installed("debug_toolbar")
    assert not any("silk" in name for name in settings.MIDDLEWARE)
    assert set(settings.DATABASES) == {"default"}


@pytest.mark.django_db(transaction=True)
def test_silk_records_in_its_own_database_and_no_data(tmp_path):
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "dispatchsite.settings",
        "SECRET_KEY": "x",
        "HTTPS": "0",
        "DEBUG": "0",
        "PROFILING": "1",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'business.sqlite3'}",
        "SILK_DATABASE_URL": f"sqlite:///{tmp_path / 'silk.sqlite3'}",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env=env,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["IntegrityError", "done"], done.stderr


def test_silks_explain_is_left_out_after_an_error(monkeypatch):
    import types

    calls = []
    sql = types.SimpleNamespace(_explain_query=lambda *a: calls.append(a) or "Seq Scan 'x'")
    factory = types.SimpleNamespace(RequestModelFactory=type("F", (), {}))
    collector = types.SimpleNamespace(
        DataCollector=type("D", (), {"register_query": lambda self, *q: None})
    )
    silk = types.SimpleNamespace(sql=sql, model_factory=factory, collector=collector)
    monkeypatch.delitem(sys.modules, "perf.silk_guard", raising=False)
    for name, module in {
        "silk": silk,
        "silk.sql": sql,
        "silk.model_factory": factory,
        "silk.collector": collector,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    silk_guard = importlib.import_module("perf.silk_guard")

    silk_guard.install()
    assert sql._explain_query(None, "SELECT 1", ()) == "Seq Scan ?"
    try:
        raise ValueError
    except ValueError:
        assert sql._explain_query(None, "SELECT 1", ()) is None
    assert len(calls) == 1
    sys.modules.pop("perf.silk_guard")


def test_the_router_keeps_the_two_apart():
    router = SilkRouter()
    assert router.allow_migrate("silk", "silk") is True
    assert router.allow_migrate("silk", "bookings") is False
    assert router.allow_migrate("default", "silk") is False
    assert router.allow_migrate("default", "bookings") is None
