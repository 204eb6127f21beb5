"""What is installed is what the locks say, and the locks say it to the byte."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests import PROJECT

pytestmark = pytest.mark.any_database

NAMES = ["requirements", "requirements-scale", "requirements-dev", "requirements-peers"]
ROADS = "requirements-roads"  # of its own: it is unpacked, not installed
OSM = "requirements-osm"  # of its own: only to import addresses of a map
OBSERVE = "requirements-observe"  # of its own: only to send errors and traces
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
PYTHONS = re.search(r"^PYTHONS := (.+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)


def entries(text):
    """Return each requirement of a file, its continued lines joined, without comments."""
    lines = [line.partition(" #")[0] for line in text.splitlines() if not line.startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", "").splitlines() if line.strip()]


def locked(name):
    """Return [(requirement, its hashes)] of a lock."""
    found = []
    for line in entries((PROJECT / f"{name}.txt").read_text()):
        requirement, *hashes = re.split(r"\s+(?=--hash)", line.strip())
        found.append((Requirement(requirement), hashes))
    return found


def wanted(name):
    """Return the ranges of a list, and those of the lists that it names."""
    ranges = []
    for line in entries((PROJECT / f"{name}.in").read_text()):
        other = re.fullmatch(r"-r (.+)\.in", line)
        ranges += wanted(other[1]) if other else [Requirement(line)]
    return ranges


def here(requirement):
    return requirement.marker is None or requirement.marker.evaluate()


def versions(name):
    """Return {package: version} of a lock on this Python and machine."""
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement, _hashes in locked(name)
        if here(requirement)
    }


@pytest.mark.parametrize("name", [*NAMES, ROADS, OSM, OBSERVE])
def test_every_line_of_a_lock_names_one_version_and_its_files(name):
    assert len(locked(name)) > (0 if name in (ROADS, OSM) else 20)
    for requirement, hashes in locked(name):
        [exact] = requirement.specifier
        assert exact.operator == "==", requirement
        assert "*" not in exact.version, requirement
        assert requirement.url is None, requirement
        assert hashes, requirement
        assert all(HASH.fullmatch(one) for one in hashes), requirement


@pytest.mark.parametrize("name", [*NAMES, ROADS, OSM, OBSERVE])
def test_a_lock_has_what_its_list_asks_for(name):
    found = versions(name)
    for requirement in wanted(name):
        exact = found.get(canonicalize_name(requirement.name))
        assert exact, f"{requirement.name} is not locked; run: make lock"
        assert requirement.specifier.contains(exact, prereleases=True), (
            f"{requirement} is locked at {exact}; run: make lock"
        )


def test_the_locks_agree():
    run, scale, dev, peers = map(versions, NAMES)
    assert run.items() <= scale.items() <= dev.items()
    assert run.items() <= peers.items()
    assert {name: peers[name] for name in peers.keys() & dev.keys()}.items() <= dev.items()


@pytest.mark.parametrize("name", [OSM, OBSERVE])
def test_what_is_of_its_own_fits_beside_development(name):
    own, dev = versions(name), versions("requirements-dev")
    assert {name: own[name] for name in own.keys() & dev.keys()}.items() <= dev.items()


def test_the_locked_versions_are_installed():
    wrong = []
    for name, exact in versions("requirements-dev").items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "nothing"
        if found != exact:
            wrong.append(f"{name} is {found}, not {exact}")
    assert wrong == [], "install what is locked: make test does"


def test_the_pythons_are_the_same_everywhere():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    allowed = SpecifierSet(project["project"]["requires-python"])
    minors = [f"3.{minor}" for minor in range(30) if allowed.contains(f"3.{minor}.0")]
    assert PYTHONS[1].split() == minors
    hosted = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    assert hosted["jobs"]["run"]["strategy"]["matrix"]["python"] == minors
    assert project["tool"]["ruff"]["target-version"] == minors[0].replace("3.", "py3")
    assert "{}.{}".format(*sys.version_info) in minors
