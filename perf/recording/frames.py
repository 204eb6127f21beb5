"""The kinds of frames between a statement and the place that asked for it."""

import re
from types import CodeType

from django.db.models.fields.related_descriptors import (
    ForwardManyToOneDescriptor,
    ReverseOneToOneDescriptor,
)
from django.db.models.query_utils import DeferredAttribute

from perf.our_code import HANDLERS, is_beside, is_ignored, is_ours
from perf.recording.awaiting import IN_THREAD

LAZY = {
    ForwardManyToOneDescriptor.__get__.__code__: "relation",
    ReverseOneToOneDescriptor.__get__.__code__: "relation",
    DeferredAttribute.__get__.__code__: "deferred",
}
OURS, BESIDE, DATABASE, LAZILY, FOREIGN, HANDLER, RECORDER, MANAGER, THREAD = range(1, 10)
# What watches wraps Django's methods, and stands between them and the place.
WATCHING = re.compile(
    r"/(?:zeal|silk|debug_toolbar|nplusone|query_doctor)/"
    r"|/perf/recording/(?:record|call_site|frames|watch)\.py$"
)

# By the identity of the code: hashing a code object reads all of its bytecode. Each is kept in
# `_codes`, so that no other can have its identity.
KINDS: dict[int, int] = {}
PASSING: dict[tuple[int, int], bool] = {}
_codes: list[CodeType] = []


def kind_of(frame):
    """Return the kind of a frame that is not in `KINDS` yet, and keep it there."""
    code = frame.f_code
    path = code.co_filename
    if code in LAZY:
        kind = LAZILY
    elif code is IN_THREAD:
        kind = THREAD
    elif WATCHING.search(path):
        kind = RECORDER
    elif HANDLERS in path:
        kind = HANDLER
    elif "/django/db/" in path or path.endswith("/django/utils/asyncio.py"):  # its decorators
        kind = MANAGER if code.co_name == "manager_method" else DATABASE
    elif is_ignored(frame.f_globals.get("__name__", ""), code.co_qualname):
        kind = FOREIGN
    elif is_ours(path):
        kind = OURS
    elif is_beside(path):
        kind = BESIDE
    else:
        kind = FOREIGN
    _codes.append(code)
    KINDS[id(code)] = kind
    return kind


def passes_on(frame, inner):
    """Say whether a function of ours only calls what it was given, or its parent's method."""
    key = id(frame.f_code), id(inner.f_code)
    found = PASSING.get(key)
    if found is None:
        found = PASSING[key] = _passes_on(frame, inner.f_code)
    return found


def _passes_on(frame, called):
    code = frame.f_code
    if code.co_name == called.co_name:
        return code.co_name not in ("<listcomp>", "<genexpr>", "<lambda>")
    kept = frame.f_locals
    names = (*code.co_freevars, *code.co_varnames[: code.co_argcount])
    given = [kept[name] for name in names if name in kept]
    if given and code.co_varnames[:1] == ("self",) and hasattr(kept["self"], "__dict__"):
        given += vars(kept["self"]).values()
    return any(
        getattr(thing, "__code__", None) is called
        or getattr(vars(type(thing)).get("__call__"), "__code__", None) is called
        for thing in given
    )
