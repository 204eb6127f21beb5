"""Watch what becomes of the rows that are read: which are looked at, and which of their parts.

While somebody watches, Django's querysets and descriptors tell it to the statement that a row came
from (`Use`): a row carries its statement in `_state`. Only relations and large columns are watched,
for these are what a query can leave out. On exit every class is as it was.
"""

import json
import sys
import threading
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import query as queries
from django.db.models.fields.related_descriptors import (
    ForwardManyToOneDescriptor,
    ReverseManyToOneDescriptor,
    ReverseOneToOneDescriptor,
)

from perf.our_code import WORKBENCH, is_beside, is_ours, shown_path

LARGE = (models.JSONField, models.TextField, models.BinaryField)
SAMPLED = 20  # rows of a statement whose large columns are weighed
MADE_WITHIN = 12  # frames between a manager's call and the line that makes it


class Use:
    """What became of the rows of one statement.

    `parts` are the relations and large columns that were looked at, by their path from the row
    ("author__publisher"). `prefetched` are the relations that prefetch_related read for them,
    `present` those of select_related that are not null in some row. `weights` are the characters
    of each large column in the first rows.
    """

    __slots__ = ("iterated", "model", "objects", "parts", "prefetched", "present", "weights")

    def __init__(self, model):
        self.model = model
        self.objects = 0
        self.parts = set()
        self.prefetched = set()
        self.present = set()
        self.weights = {}
        self.iterated = False


_watchers = 0
_lock = threading.Lock()
_prefetching = threading.local()
_last: Any = None  # (alias) -> the statement that this thread sent last: set by `watch`


@contextmanager
def watch(last_statement):
    """Watch rows inside the block; `last_statement(alias)` names the statement just sent."""
    global _watchers, _last
    with _lock:
        _last = last_statement
        _watchers += 1
        if _watchers == 1:
            _attach()
    try:
        yield
    finally:
        with _lock:
            _watchers -= 1
            if not _watchers:
                _detach()


_originals: list[tuple[type, str, object]] = []  # (class, name, what stood there, or MISSING)
MISSING = object()


def _replace(owner, name, new):
    _originals.append((owner, name, vars(owner).get(name, MISSING)))
    setattr(owner, name, new)


def _detach():
    while _originals:
        owner, name, old = _originals.pop()
        if old is MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, old)


def _attach():
    _replace(queries.ModelIterable, "__iter__", _tagging(queries.ModelIterable.__iter__))
    _replace(queries.QuerySet, "__init__", _noting_where(queries.QuerySet.__init__))
    _replace(queries.QuerySet, "__iter__", _noting_that(queries.QuerySet.__iter__))
    _replace(queries.QuerySet, "__getitem__", _noting_that(queries.QuerySet.__getitem__))
    _replace(
        queries.QuerySet,
        "_prefetch_related_objects",
        _noting_prefetch(queries.QuerySet._prefetch_related_objects),
    )
    for descriptor in (ForwardManyToOneDescriptor, ReverseOneToOneDescriptor):
        _replace(descriptor, "__get__", _noting_relation(descriptor.__get__))
    _replace(
        ReverseManyToOneDescriptor, "__get__", _noting_many(ReverseManyToOneDescriptor.__get__)
    )
    for model in apps.get_models(include_auto_created=True):
        for field in large_fields(model):
            if field in model._meta.local_concrete_fields:
                descriptor = vars(model).get(field.attname)
                if descriptor is not None and not hasattr(descriptor, "__set__"):
                    _replace(model, field.attname, _Column(descriptor, field.attname))


@cache
def large_fields(model):
    return tuple(field for field in model._meta.concrete_fields if isinstance(field, LARGE))


def _tagging(original):
    def rows(self):
        found = original(self)
        first = next(found, None)
        if first is None:
            return
        statement = _last(self.queryset.db)
        if statement is None:
            yield first
            yield from found
            return
        use = statement.use
        if use is None:
            use = statement.use = Use(self.queryset.model)
        wanted = self.queryset.query.select_related
        wanted = set(wanted) if isinstance(wanted, dict) else set()
        tag = statement, ""
        weighed = SAMPLED if wanted or large_fields(self.queryset.model) else 0
        if weighed:
            _weigh(first, use, wanted)
        first._state.asked_by = tag
        use.objects += 1
        yield first
        for row in found:
            row._state.asked_by = tag
            use.objects += 1
            if use.objects <= weighed:
                _weigh(row, use, wanted)
            yield row

    return rows


def _weigh(row, use, wanted):
    values = row.__dict__
    for field in large_fields(type(row)):
        if field.attname in values:
            use.weights.setdefault(field.attname, []).append(_length(values[field.attname]))
    cached = row._state.fields_cache
    for name in wanted:
        if cached.get(name) is not None:
            use.present.add(name)


def _length(value):
    if value is None:
        return 0
    if isinstance(value, str | bytes | memoryview):
        return len(value)
    return len(json.dumps(value, default=str))


def _noting_where(original):
    def make(self, model=None, query=None, using=None, hints=None):
        original(self, model, query, using, hints)
        if query is None and self._query is not None:
            self._query.made_at = _maker()

    return make


def _maker():
    """Return (file, line, function) of the nearest line of the project, or None."""
    frame = sys._getframe(2)
    for _step in range(MADE_WITHIN):
        path = frame.f_code.co_filename
        if _is_project(path):
            return path, frame.f_lineno, frame.f_code.co_name
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


@cache
def _is_project(path):
    return is_ours(path) or (is_beside(path) and not path.startswith(WORKBENCH))


def made_at(query):
    """Return 'file:line function' of where a queryset was made, or ""."""
    made = getattr(query, "made_at", None)
    return f"{shown_path(made[0])}:{made[1]} {made[2]}" if made else ""


def _noting_that(original):
    def look(self, *arguments):
        statement = self.__dict__.get("_asked_by")
        if statement is not None:
            if statement.use is None:
                statement.use = Use(self.model)
            statement.use.iterated = True
        return original(self, *arguments)

    return look


def _noting_prefetch(original):
    def prefetch(self):
        depth = getattr(_prefetching, "depth", 0)
        _prefetching.depth = depth + 1
        try:
            original(self)
        finally:
            _prefetching.depth = depth
        rows = self._result_cache
        tag = rows and getattr(getattr(rows[0], "_state", None), "asked_by", None)
        if tag:
            lookups = (one for one in self._prefetch_related_lookups if isinstance(one, str))
            names = {lookup.partition("__")[0] for lookup in lookups}
            tag[0].use.prefetched |= {name for name in names if _has_any(rows, name)}

    return prefetch


def _has_any(rows, name):
    """Say whether prefetching read something for one of the first rows."""
    for row in rows[:SAMPLED]:
        many = row.__dict__.get("_prefetched_objects_cache", {}).get(name)
        if many or row._state.fields_cache.get(name) is not None:
            return True
    return False


def _note(instance, name):
    """Note that a part of a row was looked at; return the row's tag."""
    tag = getattr(instance._state, "asked_by", None)
    if tag is not None and tag[0] is None:  # of a row that was pickled meanwhile
        return None
    if tag is not None and not getattr(_prefetching, "depth", 0):
        statement, path = tag
        statement.use.parts.add(path + name)
    return tag


def _noting_relation(original):
    def get(self, instance, cls=None):
        if instance is None:
            return original(self, instance, cls)
        related = getattr(self, "related", None)
        name = related.get_accessor_name() if related else self.field.name
        tag = _note(instance, name)
        value = original(self, instance, cls)
        if tag is not None and value is not None and not hasattr(value._state, "asked_by"):
            value._state.asked_by = tag[0], f"{tag[1]}{name}__"
        return value

    return get


def _noting_many(original):
    def get(self, instance, cls=None):
        if instance is not None:
            relation = self.rel
            reverse = getattr(self, "reverse", True)
            _note(instance, relation.get_accessor_name() if reverse else self.field.name)
        return original(self, instance, cls)

    return get


class _Column:
    """Stands for the descriptor of a large column; the value stays in the row's `__dict__`."""

    def __init__(self, original, attname):
        self.original = original
        self.attname = attname
        self.field = original.field

    def __get__(self, instance, cls=None):
        if instance is None:
            return self.original.__get__(instance, cls)
        values = instance.__dict__
        if self.attname not in values:
            return self.original.__get__(instance, cls)
        if "_state" in values:
            _note(instance, self.attname)
        return values[self.attname]

    def __set__(self, instance, value):
        instance.__dict__[self.attname] = value

    def __delete__(self, instance):
        del instance.__dict__[self.attname]
