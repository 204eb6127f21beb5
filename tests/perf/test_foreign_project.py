"""The workbench works in a project that is not ours, and with nothing but Django beside it.

`tests/foreign` is copied next to the general rooms of `perf`, which lie as if installed; whatever
is optional, and all of our own apps, cannot be imported there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests import PROJECT

pytestmark = [pytest.mark.any_database, pytest.mark.process]

FOREIGN = PROJECT / "tests" / "foreign"
OPTIONAL = ("unfold", "rest_framework", "django_filters", "silk", "debug_toolbar", "zeal")
OURS = ("bookings", "dispatch", "dispatchsite", "drivers", "tests")
BOOKS = 12


class Project:
    """A copy of the project, and what its commands say."""

    def __init__(self, folder):
        self.folder = folder / "project"
        self.packages = folder / "site-packages"
        shutil.copytree(FOREIGN, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(
            PROJECT / "perf",
            self.packages / "perf",
            ignore=lambda path, names: {"__pycache__"} | ({"project"} & {*names}),
        )
        blocked = f"import sys\nfor name in {OPTIONAL + OURS!r}:\n    sys.modules[name] = None\n"
        (self.packages / "sitecustomize.py").write_text(blocked)

    def run(self, *arguments, settings="bookstore.settings", stdin=subprocess.DEVNULL):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**kept, "DJANGO_SETTINGS_MODULE": settings, "PYTHONPATH": str(self.packages)},
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def manage(self, *arguments, code=0, **options):
        """Return what a command printed; it must leave with `code`."""
        done = self.run("manage.py", *arguments, **options)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def place(self, fault):
        """Return "file:line" of a mark."""
        for file in [*self.folder.rglob("*.py"), *self.folder.rglob("*.html")]:
            for number, line in enumerate(file.read_text().splitlines(), 1):
                if re.search(rf"# fault {fault}\b", line):
                    return f"{file.relative_to(self.folder)}:{number}"
        raise LookupError(fault)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("foreign"))
    made.manage("migrate", "--verbosity", "0")
    filled = f"import django; django.setup(); from shop.rows import fill; fill({BOOKS})"
    done = made.run("-c", filled)
    assert done.returncode == 0, done.stderr
    return made


def test_nothing_optional_is_there_and_the_settings_are_two_lines(project):
    for name in (*OPTIONAL, *OURS):
        assert project.run("-c", f"import {name}").returncode == 1, name
    settings = (project.folder / "bookstore" / "settings.py").read_text()
    assert [line for line in settings.splitlines() if "perf" in line] == [
        'INSTALLED_APPS += ["perf"]'
    ]
    assert "no issues" in project.manage("check")
    assert "No changes" in project.manage("makemigrations", "--check")


@pytest.mark.parametrize(
    ("asked", "fault", "cure"),
    [
        (["profile_url", "/catalogue/books/"], "books", "select_related(“author”)"),
        (["profile_url", "/catalogue/shelf/"], "shelf", "select_related(“author”)"),
        (["profile_url", "/orders/"], "orders", "annotate(Count(“lines”))"),
        (["profile_url", "/admin/catalogue/book/", "--user", "root"], "admin", "author"),
        (["profile_command", "remind"], "remind", "bulk_update"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_a_planted_fault_is_found_at_its_line_with_its_cure(project, asked, fault, cure):
    [line] = project.manage(asked[0], "--format", "github", *asked[1:]).splitlines()
    file, _colon, number = project.place(fault).partition(":")
    assert line.startswith(f"::warning file={file},line={number},title=n+1 "), line
    assert cure in line


@pytest.mark.parametrize(
    "asked",
    [
        ["profile_url", "/catalogue/joined/"],
        ["profile_url", "/catalogue/tidy-shelf/"],
        ["profile_url", "/orders/counted/"],
        ["profile_url", "/admin/catalogue/author/", "--user", "root"],
        ["profile_command", "remind", "--all-at-once"],
    ],
    ids=lambda asked: asked[1],
)
def test_a_clean_page_or_command_is_silent(project, asked):
    name, *rest = asked
    profile = json.loads(project.manage(name, "--format", "json", *rest))
    assert profile["findings"] == []
    assert profile["top"][0]["sites"][0] != "?"
    assert profile["notices"] == []


def test_the_report_says_each_fault_in_words(project):
    told = project.manage("profile_url", "/catalogue/books/")
    assert f"  {project.place('books')} <listcomp>\n" in told or (
        f"  {project.place('books')} books\n" in told  # from Python 3.12 on
    )
    assert f"    a loop sends {BOOKS} statements." in told
    assert (project.folder / "var" / "profiling" / "PROFILING_RESULTS.md").exists()


def test_who_is_not_there_is_said(project):
    done = project.run("manage.py", "profile_url", "/admin/", "--user", "nobody")
    assert "There is no user whose username is “nobody”." in done.stderr


def test_budgets_hold_the_listed_doors_and_what_the_urls_have_beside(project):
    told = project.run("manage.py", "check_budgets", "--format", "json")
    assert told.returncode == 1
    assert told.stderr.endswith("CommandError: Doors that fail: 9.\n")
    result = json.loads(told.stdout)
    assert result["sizes"] == ["now"]
    doors = {door["door"]: (door["statements"], door["budget"]) for door in result["doors"]}
    assert doors == {
        "/admin/catalogue/book/ as root": ([BOOKS + 4], 100),
        "/catalogue/books/": ([BOOKS + 1], 100),
        "/catalogue/joined/": ([1], 1),
        "/catalogue/shelf/": ([BOOKS + 1], 100),
        "/catalogue/tidy-shelf/": ([1], None),
        "/orders/": ([BOOKS // 2 + 1], None),
        "/orders/1/": ([1], 1),
        "/orders/2/ as nobody": ([], 1),
        "/orders/counted/": ([1], None),
        "remind": ([BOOKS // 2 + 1], 100),
        "remind --all-at-once": ([1], 1),
        "shop.orders.reports.busiest": ([BOOKS // 2 + 1], 100),
        "shop.orders.reports.mine as root": ([1], 0),
    }
    wrong = {}
    for problem in result["problems"]:
        place = f"{problem['file']}:{problem['line']}" if problem["file"] else problem["what"]
        wrong.setdefault(problem["door"], []).append(place.partition("\n")[0])
    no_budget = "has no budget: run manage.py check_budgets --update"
    assert wrong == {
        "/admin/catalogue/book/ as root": [project.place("admin")],
        "/catalogue/books/": [project.place("books")],
        "/catalogue/tidy-shelf/": [no_budget],
        "/orders/": [project.place("orders"), no_budget],
        "/orders/2/ as nobody": [
            "not measured (There is no user whose username is “nobody”.), and budgets.toml does "
            "not say why"
        ],
        "/orders/counted/": [no_budget],
        "remind": [project.place("remind")],
        "shop.orders.reports.busiest": [project.place("busiest")],
        "shop.orders.reports.mine as root": ["sends 1 more than its budget:"],
    }


def test_updating_takes_in_what_is_right_and_no_loop(project):
    file = project.folder / "budgets.toml"
    before = file.read_text()
    try:
        project.manage("check_budgets", "--update", "--user", "root", code=1)
        written = file.read_text()
    finally:
        file.write_text(before)
    assert '"/catalogue/tidy-shelf/ as root" = 1\n' in written
    assert '"/orders/ as root"' not in written
    assert "measurement" not in written  # pages of the workbench are not the project's
    assert '"/admin/catalogue/author/ as root" = 4\n' in written
    assert '"shop.orders.reports.mine as root" = 0\n' in written


def test_doors_with_rows_of_their_own_are_measured_at_two_sizes(project):
    asked = {"settings": "bookstore.settings_with_doors", "code": 1}
    told = project.manage("check_budgets", "--format", "markdown", **asked)
    rows = {line.split(" | ")[0]: line.split(" | ")[1:4] for line in told.splitlines()}
    assert rows["| `/catalogue/books/`"] == ["7", "19", "100"]
    assert rows["| `/catalogue/joined/`"] == ["1", "1", "1"]
    grows = re.search(r"`/catalogue/shelf/`.*grows with the rows: 6 → 18 × (\S+) ?:", told)
    assert grows[1].startswith(project.place("shelf"))
    annotated = project.manage("check_budgets", "--format", "github", **asked)
    file, _colon, number = project.place("shelf").partition(":")
    assert f"::error file={file},line={number},title=growth%3A /catalogue/shelf/::" in annotated
    assert "/catalogue/joined/" not in annotated


def test_indexes_are_proven_on_rows_of_the_projects_own(project, tmp_path):
    asked = ["benchmark_indexes", "--seconds", "1", "--worth-ms", "0", "--output", str(tmp_path)]
    refused = project.run("manage.py", *asked)
    assert refused.returncode == 1
    assert 'name in PERF["DOORS"] a perf.doors.door.Doors with make(size)' in refused.stderr
    many = "bookstore.settings_with_many_rows"
    annotated = project.manage(*asked, "--format", "github", settings=many).splitlines()
    file, _colon, number = project.place("unused").partition(":")
    assert annotated[0] == (
        f"::warning file={file},line={number},title=unused index::{file}:{number} Book: "
        "nobody_asks_by_title: drop: no recorded statement uses it. Take it out."
    )
    result = json.loads((tmp_path / "indexes.json").read_text())
    judged = {entry["name"]: entry["verdict"] for entry in result["indexes"]}
    assert judged["nobody_asks_by_title"] == "drop: no recorded statement uses it"
    assert result["dropped"] == ["nobody_asks_by_title"]
    assert [(door["name"], door["statements"]) for door in result["doors"]] == [
        ("shop.orders.reports.numbered", 1)
    ]
    considered = [candidate["django"] for candidate in result["missing"]["considered"]]
    assert any("number" in candidate for candidate in considered), considered
    assert result["together"]["writes"] is None  # and not called slower
    assert "nan" not in json.dumps(result).lower()
    assert (
        "| nobody_asks_by_title | catalogue_book (title) |"
        in (tmp_path / "INDEX_REPORT.md").read_text()
    )


def test_the_plugin_fails_loops_and_statements_too_many_with_their_lines(project):
    done = project.run(
        *("-m", "pytest", "-p", "perf.pytest_plugin", "-p", "no:cacheprovider"),
        *("-p", "no:schemathesis", "-q", "-rA", "--color=no", "checks.py"),
    )
    found = re.findall(
        r"^(PASSED|FAILED|ERROR) checks\.py::(?:\w+::)?(\w+)", done.stdout, re.MULTILINE
    )
    outcomes = {name: outcome for outcome, name in found}
    assert len(outcomes) == 10, done.stdout
    for name, outcome in outcomes.items():
        wanted = "PASSED" if name.startswith("test_passes") else "FAILED"
        assert outcome == wanted, done.stdout
    for fault in ("books", "orders", "shelf"):
        assert re.search(rf"n\+1 reads at {re.escape(project.place(fault))}\b", done.stdout), fault
    assert "select_related(“author”)" in done.stdout
    assert "1 statements, at most 0 are allowed" in done.stdout


@pytest.mark.parametrize(
    ("perf", "told"),
    [
        ({"GUARD": ["silk"]}, "install the package django-silk"),
        ({"GUARD": ["debug_toolbar"]}, "install the package django-debug-toolbar"),
        ({"GUARD": ["zeal"]}, "'silk' and 'debug_toolbar'"),
        ({"DOOR": "shop.doors.DOORS"}, 'Did you mean PERF["DOORS"]?'),
        ({"DOORS": "shop.nowhere.DOORS"}, "No module named 'shop.nowhere'"),
        ({"DOORS": "shop.rows.fill"}, "is function, not perf.doors.door.Doors"),
    ],
    ids=str,
)
def test_what_is_asked_for_and_missing_is_named(project, perf, told):
    name = f"wrong_{abs(hash(str(perf)))}"
    file = project.folder / "bookstore" / f"{name}.py"
    file.write_text(f"from bookstore.settings import *\n\nPERF = {perf!r}\n")
    done = project.run("manage.py", "check_budgets", settings=f"bookstore.{name}")
    assert done.returncode == 1
    assert told in done.stderr


def test_the_package_is_the_general_rooms_and_asks_for_what_they_import():
    """`pip install ./perf` is not run here: it needs a network."""
    told = tomllib.loads((PROJECT / "perf" / "pyproject.toml").read_text())
    rooms = {
        ".".join(file.parent.relative_to(PROJECT).parts)
        for file in (PROJECT / "perf").rglob("*.py")
    }
    general = {room for room in rooms if not room.startswith("perf.project")}
    assert set(told["tool"]["setuptools"]["packages"]) == general - {"perf.build"}
    named = {re.match(r"[\w-]+", line)[0].lower() for line in told["project"]["dependencies"]}
    imported = {
        name
        for file in (PROJECT / "perf").rglob("*.py")
        if "project" not in file.relative_to(PROJECT / "perf").parts
        for name in re.findall(r"^(?:from|import) (\w+)", file.read_text(), re.MULTILINE)
    }
    optional = {"silk", "pytest"}
    assert imported - {*sys.stdlib_module_names} - {"perf", *optional} == named
