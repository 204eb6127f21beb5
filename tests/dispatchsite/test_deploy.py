"""What deploy/ starts exists: programs, commands, settings, and it is held to little."""

import configparser
import logging
import re
import runpy
import shlex
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from tests import PROJECT

pytestmark = pytest.mark.any_database

DEPLOY = PROJECT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
ROOT = "/srv/dispatchsite/"
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "CapabilityBoundingSet": "",
    "User": "dispatchsite",
}


def directives(unit):
    """Return [(name, value)] of a unit; a name may come twice."""
    lines = [line for line in unit.read_text().splitlines() if "=" in line and line[0] not in "#["]
    return [tuple(line.split("=", 1)) for line in lines]


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def started():
    """Yield (where, command) of all that units and containers start of this project."""
    for unit in UNITS:
        for name, value in directives(unit):
            if name.startswith("ExecStart") and "osrm-routed" not in value:
                yield f"{unit.name}: {value}", value.removeprefix(f"{ROOT}.venv/bin/")
    for name, service in compose()["services"].items():
        if service.get("image", "").startswith("dispatchsite:"):
            command = service["command"]
            inner = re.fullmatch(r'sh -c "(.+)"', command)
            for one in inner[1].split(" && ") if inner else [command]:
                yield f"{name}: {one}", one


@pytest.mark.parametrize(("where", "command"), list(started()), ids=lambda text: text.split(":")[0])
def test_what_is_started_exists_with_its_options(where, command):
    program, *words = shlex.split(command.replace("${WORKER_PROCESSES}", "2"))
    if program == "python":
        script, name, *options = words
        assert (PROJECT / script).is_file(), where
        parser = load_command_class(get_commands()[name], name).create_parser(script, name)
        parser.parse_args(options)  # exits where it knows an option not
    elif program == "gunicorn":
        flag, config, application = words
        assert flag == "-c", where
        assert (PROJECT / config).is_file(), where
        assert import_module(application).application, where
    else:
        assert program == "celery", where
        app = import_module(words[words.index("-A") + 1]).app
        worker = import_module("celery.bin.worker").worker
        known = {option for param in worker.params for option in param.opts}
        assert app.main == "dispatchsite", where
        assert {word for word in words[3:] if word.startswith("-")} <= known, where


def test_every_service_is_held_to_little():
    assert len(UNITS) == 8
    for unit in UNITS:
        said = dict(directives(unit))
        assert {name: said.get(name) for name in HARDENED} == HARDENED, unit.name
        assert said["WorkingDirectory"] == ROOT.rstrip("/")
    for name, service in compose()["services"].items():
        if service.get("image", "").startswith("dispatchsite:"):
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert "kernels:/srv/dispatchsite/kernels" in service["volumes"], name


def test_the_target_wants_what_there_is():
    wanted = [
        name
        for key, value in directives(DEPLOY / "systemd" / "dispatchsite.target")
        if key == "Wants"
        for name in value.split()
        if name.startswith("dispatchsite")
    ]
    assert "dispatchsite-web.service" in wanted
    files = [re.sub(r"@\w+", "@", name) for name in wanted]
    assert [name for name in files if not (DEPLOY / "systemd" / name).is_file()] == []
    lines = re.findall(r"worker@(\w+)\.", " ".join(wanted))
    assert sorted(lines) == sorted(settings.CELERY_TASK_QUEUES)
    assert (DEPLOY / "systemd" / "dispatchsite-daily.timer").is_file()
    roads = dict(directives(DEPLOY / "systemd" / "dispatchsite-roads.service"))
    assert roads["WantedBy"] == "dispatchsite.target"  # not wanted by all: it is enabled by itself


def test_no_limit_is_shorter_than_the_longest_request(monkeypatch):
    monkeypatch.setenv("BIND", "127.0.0.1:8000")
    limits = runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))
    longest = import_module("dispatch.api.runs").LONGEST_SEARCH_S
    [proxy] = re.findall(r"response_header_timeout (\d+)s", (DEPLOY / "Caddyfile").read_text())
    assert longest < limits["graceful_timeout"] <= limits["timeout"] <= int(proxy)
    units = {unit.stem: dict(directives(unit)) for unit in UNITS}
    assert int(units["dispatchsite-web"]["TimeoutStopSec"]) > limits["graceful_timeout"]
    assert int(units["dispatchsite-worker@"]["TimeoutStopSec"]) > 2 * longest


def test_the_settings_that_are_named_are_read():
    known = (PROJECT / "dispatchsite" / "settings.py").read_text()
    for file in (DEPLOY / "dispatchsite.env.example", PROJECT / ".env.example"):
        names = re.findall(r"^#? ?([A-Z][A-Z_]+)=", file.read_text(), re.MULTILINE)
        assert len(names) > 5
        assert [name for name in names if f'"{name}"' not in known] == [], file.name


def test_the_pooler_keeps_nothing_and_lets_nobody_wait():
    file = configparser.ConfigParser(comment_prefixes=(";",))
    file.read(DEPLOY / "pgbouncer.ini")
    pooler = file["pgbouncer"]
    assert pooler["pool_mode"] == "transaction"
    assert int(pooler["query_wait_timeout"]) <= 5
    environment = compose()["services"]["pooler"]["environment"]
    for name in ("pool_mode", "query_wait_timeout", "server_connect_timeout", "max_client_conn"):
        assert environment[name.upper()] == pooler[name], name


def test_every_file_that_compose_names_is_there():
    services, kept = compose()["services"], compose()["volumes"]
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert Path(DEPLOY, source).is_file(), source
            assert source in kept or source[0] == ".", source
        needs = service.get("depends_on", [])
        assert set(needs) <= set(services)
    assert (DEPLOY / "Containerfile").is_file()


def test_secrets_are_neither_committed_nor_in_the_image():
    committed = (PROJECT / ".gitignore").read_text().splitlines()
    assert {".env", "/deploy/dispatchsite.env"} <= set(committed)
    sent = (PROJECT / ".dockerignore").read_text().splitlines()
    assert {"**/.env", "deploy/dispatchsite.env"} <= set(sent)


def test_no_log_of_a_server_has_the_query_of_an_address(monkeypatch):
    monkeypatch.setenv("BIND", "127.0.0.1:8000")
    gunicorn = runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))
    # r the whole line, q the query, f the page that one came from
    assert not re.search(r"%\(([rqf]|\{.*\}[ieo])\)s", gunicorn["access_log_format"])
    server = SimpleNamespace(log=SimpleNamespace(error_log=logging.Logger("gunicorn.error")))
    gunicorn["on_starting"](server)
    assert [type(one).__name__ for one in server.log.error_log.filters] == ["WithoutQuery"]
    proxy = (DEPLOY / "Caddyfile").read_text()
    [pattern] = re.findall(r'request>uri regexp "(.+)" "\?"', proxy)
    assert re.sub(pattern, "?", "/admin/bookings/client/?q=Muster") == "/admin/bookings/client/?"
    assert "request>headers>Referer delete" in proxy
    assert re.search(r"log default \{\s+import without_queries\s+\}", proxy)
