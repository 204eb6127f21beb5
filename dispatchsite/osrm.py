"""An OSRM server of one's own, from a map: `python -m dispatchsite.osrm build MAP`, `run COMMAND`.

Its programs come with the package osrm-bindings (requirements-roads.txt). They need no Python, so
they are unpacked rather than installed, also where the package asks for a newer one. Programs, map
and log stand in var/osrm. `run` starts the server, points ROADS_URL to it and stops it when the
command ends. It runs the command alone without a built map, or where ROADS_URL is set already.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

from dispatchsite import env

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / "var" / "osrm"
LOCK = PROJECT / "requirements-roads.txt"
PYTHON = "3.12"  # of the package's files; the programs in them ask for none
TABLE = 1_000  # places on a side of the largest table that is answered
STARTS_WITHIN_S = 120


def fetch_programs(folder):
    """Download the package as it is locked, and unpack it; nothing where that was done before."""
    mark = folder / "programs" / "lock.txt"
    if mark.is_file() and mark.read_text() == LOCK.read_text():
        return
    download = folder / "download"
    shutil.rmtree(download, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--only-binary", ":all:", "--python-version", PYTHON]
    pip += ["--require-hashes", "--dest", str(download), "--requirement", str(LOCK)]
    if subprocess.call(pip):
        sys.exit("The programs of OSRM could not be downloaded.")
    (wheel,) = download.glob("*.whl")
    shutil.rmtree(folder / "programs", ignore_errors=True)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "programs")
    for program in (folder / "programs" / "osrm" / "bin").iterdir():
        program.chmod(0o755)
    mark.write_text(LOCK.read_text())
    shutil.rmtree(download)


def program(folder, name):
    return str(folder / "programs" / "osrm" / "bin" / f"osrm-{name}")


def build(source, folder=FOLDER):
    """Build the map of an OpenStreetMap extract (.osm.pbf or .osm); the old one stays until then.

    Exits with a sentence where the file is none, or a program fails.
    """
    if not source.is_file() or not source.name.endswith((".osm.pbf", ".osm", ".osm.bz2")):
        sys.exit(f"{source} is no extract of OpenStreetMap: say make roads MAP=FILE.osm.pbf")
    folder.mkdir(parents=True, exist_ok=True)
    fetch_programs(folder)
    new = folder / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    extract = new / source.name.replace(source.name.partition(".")[0], "map", 1)
    extract.symlink_to(source.resolve())
    profile = folder / "programs" / "osrm" / "share" / "profiles" / "car.lua"
    for command in (
        [program(folder, "extract"), "--profile", str(profile), str(extract)],
        [program(folder, "contract"), str(new / "map.osrm")],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            sys.exit(f"{Path(command[0]).name} failed on {source}: {' '.join(said)}")
    extract.unlink()
    shutil.rmtree(folder / "map", ignore_errors=True)
    new.rename(folder / "map")


def is_built(folder):
    return (folder / "map" / "map.osrm.hsgr").is_file()


@contextmanager
def serving(folder=FOLDER):
    """Serve the built map until the end of the block; yield the address. Exits if it cannot."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program(folder, "routed"), "--algorithm", "ch", "--ip", "127.0.0.1"]
    command += ["--port", str(port), "--max-table-size", str(TABLE), str(folder / "map/map.osrm")]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(server, port, folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(server, port, folder):
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends and server.poll() is None:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"The road server did not start; it says why in {folder / 'server.log'}")


def run(command, folder=FOLDER):
    """Run a command beside the road server; return its exit code."""
    env.load(PROJECT)
    if env.road_server("ROADS_URL") or not is_built(folder):
        return subprocess.call(command)
    with serving(folder) as url:
        child = subprocess.Popen(command, env={**os.environ, "ROADS_URL": url})
        # Who ends this process ends the command, and with it the server.
        before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            return child.wait()
        except KeyboardInterrupt:  # the command has had it too
            return child.wait()
        finally:
            signal.signal(signal.SIGTERM, before)


def main(words):
    match words:
        case ["build", source]:
            build(Path(source))
            return 0
        case ["run", _program, *_rest]:
            return run(words[1:])
    sys.exit("Usage: python -m dispatchsite.osrm build FILE.osm.pbf | run COMMAND ...")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
