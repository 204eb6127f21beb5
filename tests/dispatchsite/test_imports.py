"""Imports run one way (the contracts are in pyproject.toml)."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import PROJECT

pytestmark = pytest.mark.any_database


@pytest.mark.process
def test_the_import_contracts_are_kept():
    linter = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run(
        [linter, "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
def test_the_planner_does_not_load_django():
    modules = ["solve", "explain.alternatives", "explain.reasons", "check.plan", "measures"]
    script = "import sys, " + ", ".join(f"dispatch.planner.{name}" for name in modules)
    script += "; sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
