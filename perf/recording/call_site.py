"""Name the place in this project that a statement comes from.

The nearest frame of an app is the place. Inside the admin and REST framework there is none:
then it is the class of ours that they work for (`BookingAdmin.list_display`), and failing that
the nearest line of tests or of `perf`. Relations that load themselves are named on the way.
"""

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor
from django.db.models.query_utils import DeferredAttribute

OWNERS = {"BaseModelAdmin", "BaseSerializer", "View", "BaseForm", "BaseFilterBackend"}
LAZY = {
    ForwardManyToOneDescriptor.__get__.__code__: "relation",
    DeferredAttribute.__get__.__code__: "deferred",
}
EXECUTE = CursorWrapper._execute_with_wrappers.__code__
OURS, OBSERVER, DATABASE, LAZILY, FOREIGN = "ours", "observer", "database", "lazily", "foreign"


@dataclass(frozen=True, slots=True)
class Site:
    """A place: `file` and `line`, or the `owner` class with the column or field being shown.

    `relation` is the foreign key that loaded itself ("Booking.client"), `deferred` the field
    that had been left out.
    """

    file: str = ""
    line: int = 0
    function: str = ""
    owner: str = ""
    part: str = ""
    relation: str = ""
    deferred: str = ""

    def __str__(self):
        if self.owner:
            return f"{self.owner}.{self.part}" if self.part else self.owner
        if self.file:
            return f"{self.file}:{self.line} {self.function}"
        return "?"


@cache
def _rooms():
    """Return (folders of our apps, folders of what observes or tests them)."""
    base = Path(settings.BASE_DIR)
    ours = [base / "dispatchsite"]
    ours += [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == base]
    observers = [base / "perf", base / "tests"]
    return (
        tuple(f"{folder}{os.sep}" for folder in ours if folder not in observers),
        tuple(f"{folder}{os.sep}" for folder in observers),
    )


# By the identity of the code: hashing a code object reads all of its bytecode. Each is kept in
# `_codes`, so that no other can have its identity.
_kinds, _sites, _codes = {}, {}, []


def _kind(code):
    ours, observers = _rooms()
    path = code.co_filename
    if code in LAZY:
        kind = LAZILY
    elif path.startswith(ours):
        kind = OURS
    elif path.startswith(observers) and not path.endswith(
        ("perf/recording/record.py", "perf/recording/call_site.py")
    ):
        kind = OBSERVER
    elif "/django/db/" in path:
        kind = DATABASE
    else:
        kind = FOREIGN
    _codes.append(code)
    _kinds[id(code)] = kind
    return kind


def find_site():
    """Return the site of the statement that is about to be executed."""
    frame = start = sys._getframe(2)
    while frame is not None and frame.f_code is not EXECUTE:
        frame = frame.f_back
    start = frame = frame or start
    relation = deferred = None
    foreign = False
    known = _kinds.get
    while frame is not None:
        kind = known(id(frame.f_code)) or _kind(frame.f_code)
        if kind is OURS:
            return _line(frame, relation, deferred)
        if kind is LAZILY:
            if relation is None and deferred is None:
                relation, deferred = _lazy(frame, LAZY[frame.f_code])
        elif kind is OBSERVER:
            break  # nothing of ours calls what observes
        elif kind is FOREIGN:
            foreign = True
        frame = frame.f_back
    return (
        (foreign and _owned(start, frame, relation, deferred))
        or (frame and _line(frame, relation, deferred))
        or Site()
    )


def _line(frame, relation, deferred):
    key = id(frame.f_code), frame.f_lineno, relation, deferred
    site = _sites.get(key)
    if site is None:
        site = _sites[key] = Site(
            file=os.path.relpath(frame.f_code.co_filename, settings.BASE_DIR),
            line=frame.f_lineno,
            function=frame.f_code.co_name,
            relation=relation or "",
            deferred=deferred or "",
        )
    return site


def _lazy(frame, how):
    """Return (relation, deferred) of a descriptor's frame."""
    descriptor = frame.f_locals.get("self")
    if frame.f_locals.get("instance") is None:
        return None, None
    field = descriptor.field
    name = f"{type(frame.f_locals['instance']).__name__}.{field.name}"
    return (name, None) if how == "relation" else (None, name)


def _owned(frame, end, relation, deferred):
    """Return the site of a class of ours that foreign code works for, or None."""
    part = ""
    while frame is not end:
        if _kinds[id(frame.f_code)] in (DATABASE, LAZILY):
            frame = frame.f_back
            continue
        kept = frame.f_locals
        if not part:
            part = _part(frame.f_code.co_name, kept)
        for name in ("cl", "self", "view"):
            thing = kept.get(name)
            # Nothing lazy may be woken here: waking it would send the next statement.
            if name == "cl" and type(thing).__name__ == "ChangeList":
                thing = thing.model_admin
            owner = _owner(type(thing))
            if owner:
                if not part:
                    part = frame.f_code.co_name if name == "self" else ""
                return Site(
                    owner=owner, part=part, relation=relation or "", deferred=deferred or ""
                )
        frame = frame.f_back
    return None


def _part(function, kept):
    """Return what is being shown: a column of the admin's list, a field of a serializer."""
    if function == "items_for_result" and "field_name" in kept:
        return f"list_display[{kept['field_name']}]"
    if function == "to_representation" and "source" in getattr(kept.get("field"), "__dict__", {}):
        return f"to_representation[{kept['field'].source}]"
    return ""


@cache
def _owner(cls):
    if not any(base.__name__ in OWNERS for base in cls.__mro__):
        return ""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    if not file.startswith(_rooms()[0] + _rooms()[1]):
        return ""
    return f"{cls.__module__}.{cls.__qualname__}"
