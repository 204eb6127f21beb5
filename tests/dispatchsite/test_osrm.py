"""The road server of one's own: a map is built and served, as make roads and make serve do."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dispatchsite import osrm

pytestmark = [pytest.mark.any_database, pytest.mark.process]

# Stands for the programs of OSRM: writes what they would, and says how it was called.
EXTRACT = """#!/bin/sh
echo "extract $@" >> "$(dirname "$0")/calls"
grep -q "<osm" "$3" || { echo "[error] not an OSM file" >&2; exit 1; }
"""
CONTRACT = """#!/bin/sh
echo "contract $@" >> "$(dirname "$0")/calls"
touch "$1.hsgr"
"""
ROUTED = f"""#!{sys.executable}
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
port = int(sys.argv[sys.argv.index("--port") + 1])
HTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with programs, so that nothing is downloaded."""
    monkeypatch.setenv("ROADS_URL", "")
    programs = tmp_path / "programs" / "osrm" / "bin"
    programs.mkdir(parents=True)
    for name, text in (("extract", EXTRACT), ("contract", CONTRACT), ("routed", ROUTED)):
        (programs / f"osrm-{name}").write_text(text)
        (programs / f"osrm-{name}").chmod(0o755)
    (tmp_path / "programs" / "lock.txt").write_text(osrm.LOCK.read_text())
    return tmp_path


@pytest.fixture
def extract(tmp_path):
    path = tmp_path / "town.of.osm"
    path.write_text("<osm version='0.6'/>")
    return path


def test_a_map_is_extracted_and_contracted(folder, extract):
    osrm.build(extract, folder)
    assert osrm.is_built(folder)
    calls = (folder / "programs/osrm/bin/calls").read_text().splitlines()
    assert [line.split()[0] for line in calls] == ["extract", "contract"]
    assert "share/profiles/car.lua" in calls[0]


def test_a_map_that_fails_leaves_the_old_one(folder, extract):
    osrm.build(extract, folder)
    before = sorted(path.name for path in (folder / "map").iterdir())
    extract.write_text("not a map")
    with pytest.raises(SystemExit, match=r"osrm-extract failed on .*not an OSM file"):
        osrm.build(extract, folder)
    assert sorted(path.name for path in (folder / "map").iterdir()) == before


@pytest.mark.parametrize("name", ["missing.osm.pbf", "town.of.osm.txt"])
def test_what_is_no_map_is_refused_by_name(folder, extract, name):
    (extract.parent / "town.of.osm.txt").write_text("")
    with pytest.raises(SystemExit, match=name):
        osrm.build(extract.parent / name, folder)


def is_open(port):
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def test_the_server_runs_beside_the_command_and_ends_with_it(folder, extract):
    osrm.build(extract, folder)
    out = folder / "out"
    script = (
        "import os, socket; url = os.environ['ROADS_URL']; host, port = url[7:].split(':');"
        "socket.create_connection((host, int(port))).close();"
        f"open({str(out)!r}, 'w').write(port); raise SystemExit(7)"
    )
    assert osrm.run([sys.executable, "-c", script], folder) == 7
    assert not is_open(int(out.read_text()))


def test_who_ends_it_ends_the_command_and_the_server(folder, extract):
    osrm.build(extract, folder)
    out = folder / "out"
    script = (
        "import os, time; port = os.environ['ROADS_URL'].split(':')[2];"
        f"open({str(out)!r}, 'w').write(port); time.sleep(60)"
    )
    whole = (
        "import sys; from pathlib import Path; from dispatchsite import osrm;"
        "sys.exit(osrm.run(sys.argv[2:], Path(sys.argv[1])))"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", whole, str(folder), sys.executable, "-c", script], cwd=osrm.PROJECT
    )
    ends = time.monotonic() + 60
    while not (out.exists() and out.read_text()) and time.monotonic() < ends:
        time.sleep(0.05)
    port = int(out.read_text())
    assert is_open(port)
    started.terminate()
    started.wait(60)
    assert not is_open(port)


def test_a_server_that_does_not_start_is_said_with_its_log(folder, extract):
    osrm.build(extract, folder)
    (folder / "programs/osrm/bin/osrm-routed").write_text("#!/bin/sh\necho no memory; exit 1\n")
    with pytest.raises(SystemExit, match=r"did not start.*server\.log"):
        osrm.run([sys.executable, "-c", ""], folder)
    assert (folder / "server.log").read_text() == "no memory\n"


@pytest.mark.parametrize("url", ["", "http://roads.example.org"])
def test_without_a_map_or_with_another_server_the_command_runs_alone(tmp_path, monkeypatch, url):
    monkeypatch.setenv("ROADS_URL", url)
    out = tmp_path / "out"
    script = f"import os; open({str(out)!r}, 'w').write(os.environ['ROADS_URL'])"
    assert osrm.run([sys.executable, "-c", script], tmp_path) == 0
    assert out.read_text() == url


def test_what_it_does_not_know_is_told_how_it_is_called():
    with pytest.raises(SystemExit, match="Usage"):
        osrm.main(["build"])


def test_make_serve_runs_beside_it():
    makefile = (Path(osrm.PROJECT) / "Makefile").read_text()
    assert "$(ROADS) run $(VENV)/bin/gunicorn" in makefile
    assert "$(ROADS) build $(MAP)" in makefile
    assert os.access(osrm.LOCK, os.R_OK)
