"""The first page for the API's users works as written, against a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from drivers.models import Role
from perf.project.load.server import environment, running_server
from tests.support import builders as make

BASE = Path(settings.BASE_DIR)
PAGE = BASE / "docs" / "first-five-minutes.md"


def blocks():
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.django_db(transaction=True)
@pytest.mark.process
def test_every_block_runs_as_written(tmp_path):
    company = make.company("demo")
    make.member(company, Role.DISPATCHER, username="dispatcher")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "manage.py").symlink_to(BASE / "manage.py")
    config = connection.settings_dict
    with running_server(config, workers=1) as server:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(blocks())],
            cwd=tmp_path,
            env=environment(config)
            | {"API": f"{server.url}/api/v1", "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr + server.said()
    assert len(blocks()) > 6
    assert '"passengers":2' in done.stdout
    assert '"status":"canceled"' in done.stdout
