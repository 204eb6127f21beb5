"""Find what a loop asked one by one, and say in Django's words how to ask it once.

A loop is a statement (its values apart) that is sent again and again for the rows of one
queryset, or from one function: over several of its lines as well. Querysets that one line reads
again and again are one: so the inner of two loops is. Writes to one table are one loop
whatever their columns; reads and writes that take turns are one; so is get_or_create with all it
sends. What another database is sent is another loop. The same values again, with no write between:
a duplicate. What a loop has told of is in no other finding.
"""

import re
from collections import Counter, defaultdict

from django.utils.translation import gettext as _

from perf.recording.finding import DUPLICATES, READS, SAVEPOINTS, WRITES, finding
from perf.recording.fix_advice import cure_of, origin_of, table_of
from perf.recording.statement import locks_rows

FROM = 3  # how often makes a loop
MANY_ROWS = re.compile(r"\)\s*,\s*\(|\bUNNEST\b|\bjson_each\b|\bUNION ALL\b", re.IGNORECASE)
LIST = re.compile(r"\bIN \((?:%s|\?|\d+)\s*,", re.IGNORECASE)
TABLES = re.compile(r'\b(?:FROM|JOIN|INTO|UPDATE) "?(\w+)"?')


def find_loops(recording, *, at_least=FROM):
    """Return the loops, savepoints and duplicates of a recording, in the order of their time."""
    told = set()
    loops = [*_get_or_create(recording, at_least)]
    for group in loops:
        told |= set(map(id, group))
    groups = _one_path(
        group
        for group in _grouped([s for s in recording if id(s) not in told])
        if len(group) >= at_least and _is_loop(group)
    )
    for group in groups:
        told |= set(map(id, group))
    found = [_told(group) for group in loops]
    found += [_loop(parts) for parts in _taking_turns(groups)]
    found += _savepoints(recording, at_least)
    found += _duplicates([s for s in recording if id(s) not in told], list(recording))
    return sorted(found, key=lambda one: (-one.ms, one.statements))


def _get_or_create(recording, at_least):
    places = defaultdict(list)
    for statement in recording:
        if statement.site.verb.endswith(("get_or_create", "update_or_create")):
            places[statement.alias, statement.site.scope, statement.site.line].append(statement)
    for group in places.values():
        if sum(not statement.is_write for statement in group) >= at_least:
            yield group


def _grouped(statements):
    """Return single-row statements that may be one loop's."""
    groups: dict[tuple, list] = defaultdict(list)
    for statement in statements:
        if is_batch(statement):
            continue
        site = statement.site
        scope = site.scope or str(site), site.shown
        if statement.is_write:
            operation = statement.sql.lstrip("( \n\t")[:6].upper()
            table = table_of(statement.fingerprint) or statement.fingerprint
            groups[statement.alias, operation, table, scope].append(statement)
        else:
            origin, _path = origin_of(statement)
            key = scope if origin is None else _read_at(origin)
            groups[statement.alias, statement.fingerprint, key].append(statement)
    return groups.values()


def _one_path(groups):
    """Return the groups, those of “author” and of “author__publisher” of the same rows as one."""
    found: list[list] = []
    by_path: dict[tuple, list] = {}
    for group in groups:
        origin, path = origin_of(group[0])
        if not group[0].site.relation or origin is None:
            found.append(group)
            continue
        key = group[0].alias, _read_at(origin), path.partition("__")[0]
        if key in by_path:
            by_path[key] += group
            continue
        found.append(group)
        by_path[key] = group
    return found


def _read_at(origin):
    """Return what querysets of one line have in common, whatever rows each of them read."""
    return origin.alias, origin.fingerprint, origin.site


def _is_loop(group):
    """Say whether a line was passed more than once, with different values."""
    lines = Counter((statement.site.file, statement.site.line) for statement in group)
    return max(lines.values()) > 1 and len(_values(group)) > 1


def _values(group):
    if any(statement.params is None for statement in group):
        if all(statement.params is None for statement in group):
            texts = {statement.sql for statement in group}
            return texts if len(texts) > 1 else range(len(group))
        return range(len(group))
    return {(statement.sql, repr(statement.params)) for statement in group}


def is_batch(statement):
    """Say whether the statement handles many rows by itself: chunks of a bulk are no loop."""
    return statement.many or bool(MANY_ROWS.search(statement.sql) or LIST.search(statement.sql))


def _taking_turns(groups):
    """Return lists of groups: a loop that reads and writes is one."""
    writes = [[group] for group in groups if group[0].is_write]
    alone = []
    for group in groups:
        if group[0].is_write:
            continue
        for parts in writes:
            if _take_turns(group, parts[0]):
                parts.insert(0, group)
                break
        else:
            alone.append([group])
    return [*writes, *alone]


def _take_turns(reads, writes):
    if reads[0].alias != writes[0].alias:
        return False
    if not {s.site.scope for s in reads} & {s.site.scope for s in writes}:
        return False
    order = sorted([*reads, *writes], key=lambda statement: statement.start_ns)
    turns = sum(a.is_write != b.is_write for a, b in zip(order, order[1:], strict=False))
    return turns >= 2 * min(len(reads), len(writes)) - 2


def _loop(parts):
    if len(parts) == 1:
        return _told(parts[0])
    group = sorted((s for part in parts for s in part), key=lambda s: s.start_ns)
    cures = " ".join(dict.fromkeys(cure_of(part) for part in parts))
    reads = sum(not statement.is_write for statement in group)
    what = _("a loop sends %(reads)d reads and %(writes)d writes, one by one.") % {
        "reads": reads,
        "writes": len(group) - reads,
    }
    return finding(WRITES, what, cures, group)


def _told(group):
    writes = any(statement.is_write for statement in group)
    what = _("a loop sends %(count)d statements.") % {"count": len(group)}
    return finding(WRITES if writes else READS, what, cure_of(group), group)


def _savepoints(recording, at_least):
    scopes = defaultdict(list)
    for statement in getattr(recording, "control", ()):
        entered = statement.sql.startswith("SAVEPOINT") or statement.sql == "COMMIT"
        if entered and statement.site.verb.startswith("Atomic.") and statement.site.is_ours:
            key = statement.alias, statement.site.scope, statement.site.line
            scopes[key].append(statement)
    for group in scopes.values():
        if len(group) >= at_least:
            what = _(
                "atomic() is entered %(count)d times in a loop: a savepoint each inside of a "
                "transaction, else a commit each."
            ) % {"count": len(group)}
            cure = _("Put one atomic() around the loop; inside it atomic(savepoint=False) is free.")
            yield finding(SAVEPOINTS, what, cure, group)


def _duplicates(statements, everything):
    """Yield reads with the same values in one transaction, which nothing can have changed.

    After a write to their tables, or once a lock is taken, reading again is no fault. Two functions
    that ask the same may do so by chance; three do not.
    """
    same = defaultdict(list)
    written: Counter[str] = Counter()
    locks = 0
    wanted = set(map(id, statements))
    for statement in everything:
        tables = set(TABLES.findall(statement.fingerprint))
        if statement.is_write:
            written.update(tables)
        elif locks_rows(statement):
            locks += 1
        elif tables and id(statement) in wanted and statement.params is not None:
            since = locks, *sorted((table, written[table]) for table in tables)
            key = statement.alias, statement.sql, repr(statement.params), statement.transaction
            same[*key, since].append(statement)
    for group in same.values():
        sites = {statement.site for statement in group}
        scopes = {site.scope for site in sites}
        by_chance = len(group) == len(scopes) <= 2
        if len(group) > 1 and not by_chance and all(site.is_ours for site in sites):
            what = _("the same is asked %(count)d times, with the same values.") % {
                "count": len(group)
            }
            cure = _("Keep the result of the first in a variable.")
            if all(site.relation and site.relation == group[0].site.relation for site in sites):
                cure = cure_of(group)  # of many rows that lead to one
            elif len(sites) > 1:
                cure = _("Keep the result of the first, and pass it on to the others.")
            elif group[0].site.part == "get_results":  # the admin counts with and without filters
                cure = _("Set show_full_result_count = False in %(owner)s.") % {
                    "owner": group[0].site.owner
                }
            yield finding(DUPLICATES, what, cure, group)
