"""Find what was read and not used: rows, large columns, relations, and rows skipped by OFFSET.

Only a recording that watched rows knows (`record_queries(watch_rows=True)`), but for OFFSET.
Few and small things are left alone: the numbers below say from where it costs.
"""

import re

from django.utils.translation import gettext as _

from perf.recording.finding import COLUMNS, EAGER, OFFSET, ROWS, finding

COUNTED_FROM = 100  # rows that were read only to count them, or to see whether there are any
EVERYTHING_FROM = 1_000  # rows of a whole table, all in memory
EAGER_FROM = 5  # rows that carry a relation nobody looked at
COLUMN_FROM = 200  # characters of a large column, on average
COLUMNS_FROM = 50_000  # characters of all of them together
SKIPPED_FROM = 1_000  # rows that OFFSET reads and throws away
SKIPPED = re.compile(r"\bOFFSET (\d+)")
INTO_MEMORY = ("QuerySet.__iter__", "QuerySet.__len__", "QuerySet.__bool__", "QuerySet._fetch_all")


def find_unused(recording):
    """Return a finding for each statement that read more than was used."""
    found = []
    for statement in recording:
        if not statement.site.is_ours or statement.is_write or statement.error:
            continue
        found += [*_offset(statement)]
        rows = [*_rows(statement)]
        found += rows
        if not (rows or _only_asked(statement)) or "__iter__" in statement.site.verb:
            found += [*_columns(statement), *_eager(statement)]
    return found


def _only_asked(statement):
    """Say whether the queryset was evaluated for its length or as a condition, and no more."""
    looked_at = statement.use is not None and statement.use.iterated
    return statement.site.verb.endswith((".__len__", ".__bool__")) and not looked_at


def _is_prefetch(statement):
    """Say whether the rows were prefetched for those of the queryset, and are not its own."""
    return f'FROM "{statement.query.get_meta().db_table}"' not in statement.sql


def _place(statement):
    made = statement.made_at
    return f"{statement.site} ({made})" if made and made != str(statement.site) else ""


def _rows(statement):
    use, verb = statement.use, statement.site.verb
    if statement.query is None or _is_prefetch(statement):
        return
    values = {"rows": statement.rows}
    # What is prefetched for rows that nobody looks at costs more than the rows.
    asked_from = EAGER_FROM if use is not None and use.prefetched else COUNTED_FROM
    only_asked = _only_asked(statement) and statement.rows >= asked_from
    if only_asked and verb.endswith(".__len__"):
        what = _("%(rows)d rows are read, and only counted.") % values
        yield finding(ROWS, what, _("Write queryset.count() for len(queryset)."), [statement])
    elif only_asked:
        what = _("%(rows)d rows are read, only to see whether there are any.") % values
        cure = _("Write queryset.exists() for the queryset as a condition.")
        yield finding(ROWS, what, cure, [statement])
    elif (
        verb in INTO_MEMORY
        and statement.rows >= EVERYTHING_FROM
        and not statement.query.where
        and not statement.query.is_sliced
    ):
        what = _("all %(rows)d rows of the table are read into memory.") % values
        cure = _(
            "Read them with iterator(chunk_size=2000), a page at a time, or let the database "
            "compute what is wanted with aggregate()."
        )
        yield finding(ROWS, what, cure, [statement], _place(statement))


def _columns(statement):
    use = statement.use
    if use is None or not use.objects:
        return
    unread: dict[str, float] = {}
    for name, weights in use.weights.items():
        average = sum(weights) / len(weights)
        if name not in use.parts and average >= COLUMN_FROM:
            unread[name] = average * use.objects
    if sum(unread.values()) < COLUMNS_FROM:
        return
    names = ", ".join(f"“{name}”" for name in sorted(unread, key=lambda name: -unread[name]))
    what = _("%(rows)d rows bring %(kilobytes)d kB of columns that nobody looks at.") % {
        "rows": use.objects,
        "kilobytes": sum(unread.values()) / 1000,
    }
    cure = _("Add defer(%(names)s) to the queryset, or name what is used in only() or values().")
    yield finding(COLUMNS, what, cure % {"names": names}, [statement], _place(statement))


def _eager(statement):
    use = statement.use
    # What is deleted is collected by Django, which joins what the confirmation may show.
    if use is None or use.objects < EAGER_FROM or statement.site.verb.startswith("Collector."):
        return
    looked_at = {part.partition("__")[0] for part in use.parts}
    for call, names in (("select_related", use.present), ("prefetch_related", use.prefetched)):
        unused = sorted({name.partition("__")[0] for name in names} - looked_at)
        if unused:
            told = ", ".join(f"“{name}”" for name in unused)
            what = _("%(call)s(%(names)s) is read for %(rows)d rows and never looked at.") % {
                "call": call,
                "names": told,
                "rows": use.objects,
            }
            cure = _("Take %(names)s out of %(call)s().") % {"names": told, "call": call}
            yield finding(EAGER, what, cure, [statement], _place(statement))


def _offset(statement):
    match = SKIPPED.search(statement.sql)
    query = statement.query
    # One row at a place, or whether there is one: a probe, and mostly of what is not there.
    is_probe = not statement.rows or re.search(r"\bLIMIT 1 OFFSET\b", statement.sql)
    if not match or int(match[1]) < SKIPPED_FROM or is_probe:
        return
    order = next((name for name in getattr(query, "order_by", ()) if isinstance(name, str)), "id")
    back = order.startswith("-")
    key = order.lstrip("-")
    what = _("OFFSET %(skipped)s reads %(skipped)s rows and throws them away.") % {
        "skipped": match[1]
    }
    cure = _(
        "Go on from the last row instead: filter(%(key)s__%(way)s=last).order_by(“%(order)s”)[:n]."
    ) % {"key": key, "way": "lt" if back else "gt", "order": order}
    yield finding(OFFSET, what, cure, [statement])
