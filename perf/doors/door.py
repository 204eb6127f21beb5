"""What is held to budgets: doors, and the rows that they are called with.

A project that says nothing is measured on its own database, by the doors of its file of budgets
and of its URLs (`perf.doors.listed`). One that says `PERF["DOORS"] = "shop.doors.DOORS"` names a
`Doors`: rows of its own, at several sizes, on a scratch database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from perf.our_code import option

KINDS = ("urls", "commands", "calls")  # the tables of the file


class NotMeasured(Exception):
    """The door cannot be called as it is: the file says why it has no budget."""


@dataclass(frozen=True)
class Door:
    """Something to be called, with what `prepare` made of the world; the call alone is recorded.

    `kind` is its table in the file of budgets, one of KINDS. The world is what `Doors.make`
    returned, None without one. Either may raise NotMeasured.
    """

    kind: str
    name: str
    call: Callable[[Any], object]
    prepare: Callable[[Any], Any] = lambda world: world

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"A door is of one of {', '.join(KINDS)}, not of {self.kind!r}.")


@dataclass(frozen=True)
class Doors:
    """The doors of a project, and the rows to measure them with.

    `find()` returns the doors; without it they are those that are listed (`perf.doors.listed`).
    `make(size)` writes the rows of a size to an empty, migrated scratch database and returns the
    world; each of `sizes`, the smallest first, is alone there. Without it the project's own
    database is measured, once. No door may read a table of `guarded` from end to end: that is
    asked in the world of `make_planned()`, or else of the largest size.

    `make_grown(rows)` writes a world with so many rows of years, and `find_grown(world)` returns
    doors that are looked at in it alone: lists by each filter, searches (`perf.doors.grown`).
    """

    find: Callable[[], Sequence[Door]] | None = None
    make: Callable[[str], Any] | None = None
    sizes: tuple[str, ...] = ("now",)
    make_planned: Callable[[], Any] | None = None
    guarded: frozenset[str] = frozenset()
    make_grown: Callable[[int], Any] | None = None
    find_grown: Callable[[Any], Sequence[Door]] | None = None

    def __post_init__(self):
        if not self.sizes:
            raise ValueError("Doors need at least one size.")
        if self.make is None and (len(self.sizes) > 1 or self.make_planned):
            raise ValueError("Doors with sizes or a planned world need make(size).")
        if self.make_grown is None and self.find_grown:
            raise ValueError("Doors of a grown world need make_grown(rows).")

    def world(self, size):
        return None if self.make is None else self.make(size)

    def planned_world(self):
        return self.make_planned() if self.make_planned else self.world(self.sizes[-1])


def project_doors() -> Doors:
    """Return what PERF["DOORS"] names, or what there is without it.

    Raises ImproperlyConfigured.
    """
    path = option("DOORS")
    if path is None:
        return Doors()
    try:
        found = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f'PERF["DOORS"] = {path!r}: {error}') from error
    if not isinstance(found, Doors):
        raise ImproperlyConfigured(
            f'PERF["DOORS"] = {path!r} is {type(found).__name__}, not perf.doors.door.Doors.'
        )
    return found
