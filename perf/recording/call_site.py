"""Name the place in this project that a statement comes from.

The nearest frame of our apps is the place (`perf.our_code`); one that only passes a call on is
none: a decorator, a method that calls the same one of its parent. Below the request handler nothing
is looked for: middleware and tests stand there. Async code calls the ORM in a thread: then the
coroutines that await it are looked through (`perf.recording.awaiting`). Inside templates, the admin
and REST framework there may be no frame of ours: then it is the line of the template, or the class
of ours that they work for (`BookingAdmin.list_display`). Relations that load themselves are named
on the way.
"""

import sys
from dataclasses import dataclass
from functools import cache
from types import CodeType, FrameType
from typing import NamedTuple

from django.core.signals import setting_changed
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.template.base import Node

from perf.our_code import is_beside, is_ours, shown_path
from perf.recording.awaiting import awaiting_frames
from perf.recording.frames import (
    BESIDE,
    DATABASE,
    FOREIGN,
    HANDLER,
    KINDS,
    LAZILY,
    LAZY,
    MANAGER,
    OURS,
    PASSING,
    RECORDER,
    THREAD,
    kind_of,
    passes_on,
)

OWNERS = {
    "BaseModelAdmin": "admin",
    "BaseSerializer": "serializer",
    "View": "view",
    "BaseForm": "form",
    "BaseFilterBackend": "filter",
}
EXECUTE = CursorWrapper._execute_with_wrappers.__code__
CURSORS = EXECUTE.co_filename
RENDER = Node.render_annotated.__code__


@dataclass(frozen=True, slots=True)
class Site:
    """A place: `file` and `line`, or the `owner` class with the column or field being shown.

    `verb` is the method of the ORM that was called there ("QuerySet.count"), `scope` the function
    with its file: what one loop lies in. `relation` is the foreign key that loaded itself
    ("Booking.client"), `deferred` the field that had been left out. `shown` is where a method of a
    model was asked from. `is_ours` is False for a line of a package.
    """

    file: str = ""
    line: int = 0
    function: str = ""
    owner: str = ""
    role: str = ""
    part: str = ""
    relation: str = ""
    deferred: str = ""
    verb: str = ""
    scope: str = ""
    shown: str = ""
    is_ours: bool = True

    def __str__(self):
        if self.file:
            return f"{self.file}:{self.line} {self.function}".rstrip()
        if self.owner:
            return f"{self.owner}.{self.part}" if self.part else self.owner
        return "?"


class Sight:
    """What stands behind a site: the queryset that was evaluated, the row that it was asked for."""

    __slots__ = ("instance", "queryset")

    def __init__(self):
        self.instance = self.queryset = None


# By the identity of the code, as in `frames`.
_sites: dict[tuple, Site] = {}
_found: dict[tuple, Site] = {}  # by instruction: to ask a frame for its line reads all lines before
_roles: dict[int, str] = {}


class Direct(NamedTuple):
    """A line of ours that called the ORM: how many frames up both are, and which they were."""

    up: int
    code: CodeType
    at: int
    verb_up: int
    verb: CodeType
    has_queryset: bool  # or a cursor of ours sends it: nobody needs to look at its variables
    site: Site


# By statement, where it was sent from last. A frame that is looked at has to be made, and most of
# looking for a place is making those in between: where a line of ours calls Django itself, two say
# whether it is the same line again.
_direct: dict[str, Direct] = {}
DIRECT_AT_MOST = 1024


def _forget(*, setting, **kwargs):
    if setting in ("PERF", "INSTALLED_APPS", "BASE_DIR"):
        for kept in (KINDS, _sites, _found, _roles, PASSING, _direct):
            kept.clear()
        _owner.cache_clear()


setting_changed.connect(_forget, dispatch_uid="perf.recording.call_site")


def find_site(sight=None, sql=None):
    """Return the site of the statement that is about to be executed; fill the `sight`.

    With its `sql` the place is not looked for where it is the one of the time before.
    """
    if sql is not None:
        direct = _direct.get(sql)
        if direct is not None and _is_again(direct, sight):
            return direct.site
    frame: FrameType | None = sys._getframe(2)  # each frame that is looked at has to be made
    while frame is not None and frame.f_code is not EXECUTE:
        frame = frame.f_back
    frame = frame.f_back if frame is not None else sys._getframe(1)
    relation = deferred = foreign = passed = inner = verb = None
    known = KINDS.get
    place = beside = None
    while frame is not None:
        kind = known(id(frame.f_code)) or kind_of(frame)
        if kind is DATABASE:
            if foreign is None:
                verb = frame
        elif kind is OURS or kind is BESIDE:
            if inner is None or not passes_on(frame, inner):
                if kind is OURS:
                    place = frame
                else:
                    beside = frame
                break
            passed = passed or frame
        elif kind is FOREIGN:
            if foreign is None:
                foreign = frame
            if frame.f_code is RENDER and _is_our_template(frame.f_locals["self"]):
                frame = frame.f_back  # the view that renders it is not the place
                break
        elif kind is LAZILY:
            if foreign is None:
                verb = frame
            if relation is None and deferred is None:
                relation, deferred = _lazy(frame, sight)
        elif kind is HANDLER:  # nothing of ours calls it
            break
        elif kind is THREAD:
            place, beside, ends = _awaiting(frame)
            if ends:
                break
        if kind is not RECORDER:
            inner = frame
        frame = frame.f_back
    if sight is not None and verb is not None:
        _seen(verb, sight)
    if place is not None:
        site = _line(place, relation, deferred, verb)
        if sql is not None and verb is not None and not (relation or deferred):
            _keep(sql, place, verb, site)
        return site
    found = foreign and _shown(foreign, frame, relation, deferred, verb)
    if found:
        return found
    if beside is not None:
        return _line(beside, relation, deferred, verb)
    if passed is not None:
        return _line(passed, relation, deferred, verb)
    if foreign is not None:
        return _line(foreign, relation, deferred, verb, is_ours=False)
    return Site()


def _awaiting(frame):
    """Return (place, line beside, whether that is all) of the coroutines that await a thread."""
    inner = None
    for waiting in awaiting_frames(frame):
        kind = KINDS.get(id(waiting.f_code)) or kind_of(waiting)
        if kind is HANDLER:
            return None, None, True
        if kind in (OURS, BESIDE) and (inner is None or not passes_on(waiting, inner)):
            return (waiting, None, True) if kind is OURS else (None, waiting, True)
        inner = waiting
    return None, None, False


def _is_again(direct, sight):
    """Say whether the place of the time before calls the ORM again; fill the `sight`."""
    try:
        frame = sys._getframe(direct.up + 1)
    except ValueError:  # fewer frames than that
        return False
    if frame.f_code is not direct.code or frame.f_lasti != direct.at:
        return False
    verb = sys._getframe(direct.verb_up + 1)
    if verb.f_code is not direct.verb:
        return False
    if sight is not None and direct.has_queryset:
        _seen(verb, sight)
    return True


def _keep(sql, place, verb, site):
    """Keep the place of a statement, if nothing but Django's manager stands before the ORM."""
    before, between = verb.f_back, 0
    if before is not place:
        if before.f_back is not place or KINDS[id(before.f_code)] is not MANAGER:
            return
        between = 1
    if _roles[id(place.f_code)]:  # its site is another for each class and caller
        return
    verb_up = 0
    while sys._getframe(verb_up + 1) is not verb:
        verb_up += 1
    if len(_direct) >= DIRECT_AT_MOST:
        _direct.clear()
    up = verb_up + between + 1
    has_queryset = verb.f_code.co_filename != CURSORS
    _direct[sql] = Direct(up, place.f_code, place.f_lasti, verb_up, verb.f_code, has_queryset, site)


def _line(frame, relation, deferred, verb, *, is_ours=True):
    code = frame.f_code
    role = _roles.get(id(code))
    if role is None:
        role = _roles[id(code)] = _role(frame) if is_ours else ""
    owner = shown = ""
    if role == "model":
        shown = _asked_from(frame.f_back)
    elif role:
        owner = _owner(type(frame.f_locals.get("self")))[0]
    called = id(verb.f_code) if verb else None
    at = id(code), frame.f_lasti, relation, deferred, called, owner, shown
    site = _found.get(at)
    if site is not None:
        return site
    key = id(code), frame.f_lineno, relation, deferred, called, owner, shown
    site = _sites.get(key)
    if site is None:
        file = shown_path(code.co_filename)
        site = Site(
            file=file,
            line=frame.f_lineno,
            function=code.co_name,
            owner=owner,
            role="" if role == "model" else role,
            relation=relation or "",
            deferred=deferred or "",
            verb=verb.f_code.co_qualname if verb else "",
            scope=f"{file} {code.co_qualname.partition('.<locals>')[0]}",
            shown=shown,
            is_ours=is_ours,
        )
        _sites[key] = site
    _found[at] = site
    return site


def _role(frame):
    """Return what a frame of ours is a method of: "model", one of OWNERS, or ""."""
    if frame.f_code.co_varnames[:1] != ("self",) or not frame.f_code.co_argcount:
        return ""
    thing = frame.f_locals.get("self")
    return "model" if isinstance(thing, Model) else _owner(type(thing))[1]


def _asked_from(frame):
    """Return where a method of a model was called from, as text: what loops over its rows."""
    foreign = start = None
    while frame is not None:
        kind = KINDS.get(id(frame.f_code)) or kind_of(frame)
        if kind is OURS and _roles.get(id(frame.f_code), "") != "model":
            if _role(frame) != "model":
                break
        elif kind in (HANDLER, BESIDE):
            break
        elif kind is FOREIGN and foreign is None:
            foreign = frame
        start = frame
        frame = frame.f_back
    if foreign is not None and start is not None:
        found = _shown(foreign, frame, None, None, None)
        if found:
            return str(found)
    if frame is not None and KINDS.get(id(frame.f_code)) in (OURS, BESIDE):
        return f"{shown_path(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_name}"
    return ""


def _lazy(frame, sight):
    """Return (relation, deferred) of a descriptor's frame."""
    kept = frame.f_locals
    instance = kept.get("instance")
    if instance is None:
        return None, None
    if sight is not None:
        sight.instance = instance
    descriptor = kept["self"]
    related = getattr(descriptor, "related", None)
    name = related.get_accessor_name() if related else descriptor.field.name
    name = f"{type(instance).__name__}.{name}"
    return (name, None) if LAZY[frame.f_code] == "relation" else (None, name)


def _seen(verb, sight):
    thing = verb.f_locals.get("self")
    if isinstance(thing, QuerySet):
        sight.queryset = thing
        if sight.instance is None:
            sight.instance = thing._hints.get("instance")


def _shown(frame, end, relation, deferred, verb):
    """Return the site of a template or class of ours that foreign code works for, or None."""
    part = ""
    while frame is not end:
        code = frame.f_code
        kind = KINDS.get(id(code)) or kind_of(frame)
        if kind is FOREIGN:
            if code is RENDER:
                node = frame.f_locals["self"]
                if _is_our_template(node):
                    return _template(node, relation, deferred, verb)
            # A nested serializer reads its own value: the field is its parent's.
            elif code.co_name != "get_attribute" and not _WANTED.isdisjoint(code.co_varnames):
                kept = frame.f_locals
                if not part:
                    part = _part(code.co_name, kept)
                for name in _NAMES:
                    thing = kept.get(name)
                    # Nothing lazy may be woken here: waking it would send the next statement.
                    if type(thing).__name__ == "ChangeList":
                        thing = thing.model_admin
                    owner, role = _owner(type(thing))
                    if owner:
                        if not part and name == "self":
                            part = code.co_name
                        return Site(
                            owner=owner,
                            role=role,
                            part=part,
                            relation=relation or "",
                            deferred=deferred or "",
                            verb=verb.f_code.co_qualname if verb else "",
                            scope=owner,
                        )
        frame = frame.f_back
    return None


_NAMES = ("cl", "self", "view")
_WANTED = frozenset(_NAMES)


def _is_our_template(node):
    return is_ours(node.origin.name) or is_beside(node.origin.name)


def _template(node, relation, deferred, verb):
    file = shown_path(node.origin.name)
    return Site(
        file=file,
        line=node.token.lineno,
        role="template",
        relation=relation or "",
        deferred=deferred or "",
        verb=verb.f_code.co_qualname if verb else "",
        scope=file,
    )


def _part(function, kept):
    """Return what is being shown: a column of the admin's list, a field of a serializer."""
    if function == "items_for_result" and "field_name" in kept:
        return f"list_display[{kept['field_name']}]"
    if function == "to_representation" and "source" in getattr(kept.get("field"), "__dict__", {}):
        return f"to_representation[{kept['field'].source}]"
    return ""


@cache
def _owner(cls):
    """Return (path of the class, what it is), or ("", "") for one that is not ours to change."""
    role = next((OWNERS[base.__name__] for base in cls.__mro__ if base.__name__ in OWNERS), "")
    file = role and (getattr(sys.modules.get(cls.__module__), "__file__", None) or "")
    if not file or not (is_ours(file) or is_beside(file)):
        return "", ""
    return f"{cls.__module__}.{cls.__qualname__}", role
