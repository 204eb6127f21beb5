"""Files, doors and settings that are wrong are refused with a sentence that names what is."""

import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from perf.doors.budget_file import budgets_path, read_budgets, write_budgets
from perf.doors.door import Door, Doors, project_doors
from perf.profiling.visitor import NoSuchUser, find_user

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[urls", "Expected ']'"),
        ('[url]\n"/a/" = 1', "“url” is none of"),
        ("urls = 3", "“urls” is none of"),
        ('[urls]\n"/a/" = -1', r"\[urls\] “/a/” needs a number of statements"),
        ('[urls]\n"/a/" = true', r"\[urls\] “/a/” needs a number of statements"),
        ('[calls]\n"a.b" = {sqlite = "1"}', r"\[calls\] “a.b” needs a number of statements"),
        ('[findings]\n"/a/" = " "', r"\[findings\] “/a/” needs a reason"),
    ],
)
def test_a_file_of_budgets_that_is_wrong_names_the_line(tmp_path, text, told):
    file = tmp_path / "budgets.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ImproperlyConfigured, match=told):
        read_budgets(file)


def test_without_a_file_there_are_no_budgets(tmp_path, settings):
    settings.PERF = {}
    settings.BASE_DIR = tmp_path
    assert budgets_path() == tmp_path / "budgets.toml"
    assert not any(read_budgets(budgets_path()).values())


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: Door("pages", "a", print), "not of 'pages'"),
        (lambda: Doors(sizes=()), "at least one size"),
        (lambda: Doors(sizes=("small", "large")), r"need make\(size\)"),
        (lambda: Doors(make_planned=print), r"need make\(size\)"),
    ],
)
def test_a_door_that_cannot_be_measured_is_not_made(made, told):
    with pytest.raises(ValueError, match=told):
        made()


def test_a_project_that_names_no_doors_has_its_own_database(settings):
    settings.PERF = {}
    assert project_doors() == Doors()


@pytest.mark.django_db
def test_a_user_is_found_by_what_users_log_in_with(admin_user, monkeypatch):
    monkeypatch.setattr(type(admin_user), "USERNAME_FIELD", "email")
    assert find_user(admin_user.email) == admin_user
    with pytest.raises(NoSuchUser, match="no user whose email is “admin”"):
        find_user("admin")


def test_a_project_without_sessions_is_told_that_nobody_can_be_logged_in(monkeypatch):
    monkeypatch.setattr("perf.profiling.visitor.NEEDED", ("django.contrib.auth", "elsewhere"))
    with pytest.raises(NoSuchUser, match="needs elsewhere in INSTALLED_APPS"):
        find_user("ada")


def test_what_is_written_with_quotes_is_read_again(tmp_path):
    file = tmp_path / "budgets.toml"
    why = 'the "sum" of C:\\day'
    file.write_text(f'[findings]\n"/a/" = {json.dumps(why)}\n', encoding="utf-8")
    write_budgets([], file)
    assert read_budgets(file)["findings"] == {"/a/": why}
    assert [path.name for path in tmp_path.iterdir()] == ["budgets.toml"]
