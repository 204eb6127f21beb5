"""A real server process on a scratch database, and the database's URL for it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote, urlencode

from django.conf import settings
from django.urls import reverse

from perf.project.doors.addresses import LOGIN

READY_WITHIN_S = 60
ENDS_WITHIN_S = 10
KEEP_ALIVE_S = 30  # connections of threads, as in deploy/gunicorn.conf.py


class ServerDied(Exception):
    """The server did not start, or did not get ready in time; holds the end of its log."""


class Server:
    """A running server: its `url`, and what it `said` last."""

    def __init__(self, url, process, log):
        self.url = url
        self.process = process
        self._log = log

    def said(self, last: int | None = 2_000):
        """Return the end of what the server has printed, so many bytes of it; None: all of it."""
        # Not seek: the server writes at the same position of the same open file.
        size = os.fstat(self._log.fileno()).st_size
        last = size if last is None else min(last, size)
        return os.pread(self._log.fileno(), last, size - last).decode(errors="replace")


def database_url(config):
    """Return Django's settings of a database as the URL that DATABASE_URL takes."""
    if config["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{config['NAME']}"
    host, port = quote(config["HOST"], safe=""), config["PORT"]
    user, password = quote(config["USER"], safe=""), quote(config["PASSWORD"], safe="")
    options = urlencode(config["OPTIONS"])
    return (
        f"postgres://{user}:{password}@{host}{f':{port}' if port else ''}"
        f"/{quote(config['NAME'], safe='')}{f'?{options}' if options else ''}"
    )


def environment(config):
    """Return the environment of a process that works on this database, as in production.

    Without TLS, and with nothing that observes but the count of statements.
    """
    return {
        **os.environ,
        "DATABASE_URL": database_url(config),
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "COUNT_STATEMENTS": "1",
        "API_RATE": "1000000/second",
        "CACHE_URL": "locmem://",
        "CELERY_BROKER_URL": "",
        "LOG_LEVEL": "WARNING",
        "SLOW_QUERY_MS": "0",
        **dict.fromkeys(("DEBUG", "HTTPS", "BEHIND_PROXY", "SQL_ECHO", "PROFILING"), "0"),
    }


@contextmanager
def running_server(config, *, workers, threads=1, cache="locmem://"):
    """Yield a gunicorn on a free port of loopback. Raises ServerDied.

    Its workers are of the kind that has threads where there are several. They share `cache`, but
    for one in memory.

    It ends with the block, and also when this process is killed (`gunicorn_settings`).
    """
    with tempfile.TemporaryFile() as log:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
            address = listener.getsockname()
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "dispatchsite.wsgi"),
                    *("--config", "python:perf.project.load.gunicorn_settings"),
                    *("--bind", f"fd://{listener.fileno()}"),
                    *("--workers", str(workers)),
                    *("--threads", str(threads), "--keep-alive", str(KEEP_ALIVE_S)),
                ],
                cwd=settings.BASE_DIR,
                env=environment(config) | {"CACHE_URL": cache},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # a Ctrl-C at the terminal is not for it
            )
        server = Server(f"http://{address[0]}:{address[1]}", process, log)
        try:
            _wait_until_ready(server, *address)
            yield server
        finally:
            _end(process)


def _wait_until_ready(server, host, port):
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with closing(HTTPConnection(host, port, timeout=5)) as connection:
                connection.request("GET", reverse(LOGIN))
                if connection.getresponse().status == 200:
                    return
        except (OSError, HTTPException):
            time.sleep(0.1)
    raise ServerDied(server.said().strip() or "The server said nothing.")


def _end(process):
    """End the server by closing its pipe; if that is not enough, with its workers by force."""
    process.stdin.close()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
