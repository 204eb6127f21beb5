"""Say how a condition that no index on bare columns serves is written so that one does."""

from django.utils.translation import gettext as _

from perf.indexes.candidates import model_of, starts_only, wanting
from perf.indexes.predicates import Unserved


def rewritings(statement, plan) -> tuple[str, ...]:
    """Return a sentence for each such condition on a table that the plan could reach better."""
    found = [
        sentence(term, use.table, statement)
        for use, _why in wanting(statement, plan)
        for term in use.unserved
    ]
    return tuple(dict.fromkeys(filter(None, found)))


def sentence(term, table, statement) -> str:
    """Return how a term of `predicates` on a table of ours is written instead."""
    model = model_of(table)
    names = {field.column: field.name for field in model._meta.concrete_fields}
    fields = [names.get(column, column) for column in term.columns]
    told = {"field": fields[0], "fields": ", ".join(fields), "model": model.__name__}
    if term.kind is Unserved.DATE:
        return (
            _(
                "Ask for a range instead of a part of the date: %(field)s__gte=start, "
                "%(field)s__lt=end; an index on %(field)s serves it."
            )
            % told
        )
    if term.kind is Unserved.CONTAINS:
        return _starting(told) if starts_only(statement) else _containing(told, statement.vendor)
    if term.kind is Unserved.NEGATION:
        return (
            _(
                "A negation reads every row: name the values that are wanted "
                "(%(field)s__in=[…]), or keep an index for the wanted rows only (condition=…)."
            )
            % told
        )
    if term.kind is Unserved.OR:
        return (
            _(
                "OR over several columns (%(fields)s) needs an index on each of them, or two "
                "querysets and union()."
            )
            % told
        )
    if term.kind is Unserved.CAST:
        return (
            _(
                "%(field)s is cast before it is compared: compare it with a value of its own "
                "type, or keep an index on the cast."
            )
            % told
        )
    return (
        _(
            "A function of %(field)s is compared: keep an index on this expression "
            "(Index(Lower(“name”), …)), or a column with its result."
        )
        % told
    )


def _starting(told):
    return (
        _(
            "LIKE from the beginning of %(field)s: an index with text_pattern_ops serves it on "
            "PostgreSQL, a column with COLLATE NOCASE on SQLite."
        )
        % told
    )


def _containing(told, vendor):
    if vendor == "postgresql":
        return (
            _(
                "LIKE with a wildcard in front reads every row: a GIN index of trigrams serves "
                "%(field)s (GinIndex with gin_trgm_ops, TrigramExtension()); ORed with another "
                "table's column it needs a union of ids."
            )
            % told
        )
    return (
        _(
            "LIKE with a wildcard in front reads every row: search %(field)s from its beginning, "
            "or keep its words in a table of their own (FTS5)."
        )
        % told
    )
