"""Where an index is declared: the line of its model."""

import inspect
import re

from perf.indexes.candidates import model_of
from perf.our_code import shown_path


def declared_at(facts) -> str:
    """Return 'file:line Model' of an index (`catalog.IndexFacts`).

    The line of its name in Meta.indexes, or that of its field; the class where neither says it,
    the table for one that only the database knows.
    """
    model = model_of(facts.table)
    field = _indexed_field(model, facts.columns) if model else None
    if model is None or not (facts.declared or field):
        return facts.table
    lines, start = inspect.getsourcelines(model)
    written = (
        rf"""["']{re.escape(facts.name)}["']""" if facts.declared else rf"^\s+{field.name}\s*="
    )
    number = next((n for n, line in enumerate(lines, start) if re.search(written, line)), start)
    return f"{shown_path(inspect.getsourcefile(model))}:{number} {model.__qualname__}"


def _indexed_field(model, columns):
    if len(columns) != 1:
        return None
    fields = (f for f in model._meta.concrete_fields if f.column == columns[0])
    return next((field for field in fields if field.db_index), None)
