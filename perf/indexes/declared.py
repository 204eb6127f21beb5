"""Where an index is declared: the line of its model."""

import inspect
import re

from perf.indexes.candidates import model_of
from perf.our_code import shown_path


def declared_at(facts) -> str:
    """Return 'file:line Model' of an index (`catalog.IndexFacts`).

    The line of its name in Meta.indexes, or that of its field; the class where neither says it.
    The table, for an index that only the database knows, or a model that no file holds.
    """
    model = model_of(facts.table)
    written = model and _written(model, facts)
    if not written:
        return facts.table
    owner = model._meta.auto_created or model  # the table of a ManyToManyField
    try:
        lines, start = inspect.getsourcelines(owner)
    except OSError:
        return facts.table
    number = next((n for n, line in enumerate(lines, start) if re.search(written, line)), start)
    return f"{shown_path(inspect.getfile(owner))}:{number} {owner.__qualname__}"


def model_at(table) -> str:
    """Return 'file:line Model' of the model of a table, or the table's name."""
    model = model_of(table)
    try:
        _lines, start = inspect.getsourcelines(model)
        return f"{shown_path(inspect.getfile(model))}:{start} {model.__qualname__}"
    except (OSError, TypeError):  # no file holds it; there is none
        return table


def _written(model, facts):
    """Return the pattern of how the model declares it, "" if it does not."""
    if facts.declared:
        return rf"""["']{re.escape(facts.name)}["']"""
    for field in model._meta.concrete_fields:
        if field.db_index and facts.columns == (field.column,):
            return rf"^\s+{field.name}\s*="
    return ""
