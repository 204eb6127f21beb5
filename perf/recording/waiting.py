"""Find time that is in no statement's work: open transactions, locks of others, commits."""

from collections import defaultdict

from django.utils.translation import gettext as _

from perf.recording.finding import COMMIT, HELD, LOCKED, finding
from perf.recording.fix_advice import table_of
from perf.recording.lock_watch import WAITED_MS
from perf.recording.statement import locks_rows

HELD_MS = 150  # without a statement, in a transaction that keeps others waiting
COMMIT_MS = 100


def find_waiting(recording):
    """Return a finding for each long wait of a recording."""
    found = [*_held(recording), *_locked(recording)]
    for statement in recording.control:
        if statement.sql == "COMMIT" and statement.ms >= COMMIT_MS:
            what = _("the commit takes %(ms)d ms.") % {"ms": statement.ms}
            cure = _("Write less in one transaction, or look at the disk and the replicas.")
            found.append(finding(COMMIT, what, cure, [statement]))
    return found


def _held(recording):
    """Yield a finding for each transaction that holds locks while nothing is asked."""
    open_ones = defaultdict(list)
    for statement in sorted([*recording, *recording.control], key=lambda s: s.start_ns):
        if statement.transaction is not None:
            key = statement.thread, statement.alias, statement.transaction
            open_ones[key].append(statement)
    for statements in open_ones.values():
        locked: dict[str, None] = {}
        for before, after in zip(statements, statements[1:], strict=False):
            if _locks(before):
                locked[table_of(before.fingerprint)] = None
            idle_ms = (after.start_ns - before.start_ns - before.total_ns) / 1e6
            if locked and idle_ms >= HELD_MS:
                what = _(
                    "%(ms)d ms pass between here and %(after)s while a transaction holds locks on "
                    "%(tables)s."
                ) % {
                    "ms": idle_ms,
                    "after": after.site,
                    "tables": ", ".join(filter(None, locked)) or "?",
                }
                cure = _(
                    "Do the slow work before atomic(), or after it with transaction.on_commit(…)."
                )
                yield finding(HELD, what, cure, [before], ms=idle_ms)


def _locks(statement):
    if statement.sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK", "SET")):
        return False
    return statement.is_write or locks_rows(statement)


def _locked(recording):
    for statement in recording:
        if statement.blockers:
            what = _("the statement waited %(ms)d ms for a lock of %(holders)s.") % {
                "ms": statement.execute_ns / 1e6,
                "holders": "; ".join(map(str, statement.blockers)),
            }
            cure = _(
                "Shorten the transaction that holds it, take locks in one order, or ask with "
                "select_for_update(nowait=True) or skip_locked=True."
            )
            yield finding(LOCKED, what, cure, [statement])
    for statement in recording.control:
        # SQLite has one lock for writing, and does not tell who has it.
        waited = statement.vendor == "sqlite" and statement.execute_ns / 1e6 >= WAITED_MS
        if waited and statement.sql.startswith("BEGIN"):
            what = _("BEGIN waited %(ms)d ms for another to finish writing.") % {
                "ms": statement.execute_ns / 1e6
            }
            cure = _("Shorten the transactions that write; SQLite has one lock for all of them.")
            yield finding(LOCKED, what, cure, [statement])
