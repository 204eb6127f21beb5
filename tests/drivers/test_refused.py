"""Refusals of use-cases: each says its code and status, and none is of another family."""

import ast
import builtins
from pathlib import Path

import pytest

from drivers.refused import Refused, refusals
from drivers.rest.schema import PROBLEMS
from tests import PROJECT
from tests.support.refusals import import_all

# Exceptions that no door answers, because none gets there.
OTHERS = {
    "Refused": "the base of them all",
    "_Nothing": "dispatch/messages/decide.py drops a message with the reason that it says",
    "CacheSilent": "drivers/rest/throttling.py counts nothing while the cache fails",
    "BackupProblem": "of whoever runs the server: the command makes its error of it",
    "BadRowError": "of one line of an address file: the import counts them, and names the first",
    "Late": "dispatch/roads/osrm.py makes RoadsFailed of it, with the server's name",
    "TooBig": "dispatch/roads/osrm.py asks for a smaller table then",
    "BadValueError": "of one value: its reader makes it the error of a row or a field",
    "UnknownMasterKey": "of an operator who has dropped a secret too early, see SEALING_KEYS",
    "TooManyTrips": "the planner knows no door; dispatch/runs/options.py refuses with DayTooLarge",
}
BUILT_IN = {name for name, kind in vars(builtins).items() if isinstance(kind, type)
            and issubclass(kind, BaseException)}  # fmt: skip


def test_each_has_a_code_a_status_and_a_meaning():
    import_all()
    found = list(refusals())
    assert len(found) > 25
    for each in found:
        assert each.code, each
        assert 400 <= each.status < 500 or each.status == 503, each
        assert each.__doc__, each


def test_a_code_means_one_thing():
    """Of several classes with a code, none describes it: it stands among the kit's problems."""
    import_all()
    own: dict[str, type[Refused]] = {}
    for each in refusals():
        if each.code in PROBLEMS:
            assert PROBLEMS[each.code][0] == each.status, each
        else:
            assert own.setdefault(each.code, each) is each, (each, own[each.code])


@pytest.mark.parametrize(
    "members",
    [{}, {"code": "x"}, {"status": 409}, {"code": "", "status": 409}, {"code": "x", "status": 500}],
)
def test_one_without_them_cannot_be_made(members):
    forgotten = type("Forgotten", (), members)  # no subclass: it would outlive the test
    with pytest.raises(TypeError, match="Forgotten needs a code and a status"):
        Refused.__init_subclass__.__func__(forgotten)


def exceptions_of(folder):
    """Yield the names of the exceptions in a folder that derive from built-in ones or Django's."""
    for file in Path(PROJECT, folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                bases |= {base.attr for base in node.bases if isinstance(base, ast.Attribute)}
                if bases & (BUILT_IN | {"ValidationError"}):
                    yield node.name


def test_no_exception_is_of_another_family():
    found = [name for app in ("bookings", "dispatch", "drivers") for name in exceptions_of(app)]
    assert sorted(found) == sorted(OTHERS)
