"""Run a command as manage.py was asked to; what it cannot do is told in a sentence.

A use-case refused it, or the database is without its tables. Here rather than in the commands, so
that none is forgotten and Django's own say the same.
"""

import sys

from django.core.management import execute_from_command_line
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from drivers.db.lock_timeout import is_lock_timeout
from drivers.refused import Refused


def run(arguments):
    """Run the command; a refusal, or missing migrations, become one sentence and 1."""
    try:
        execute_from_command_line(arguments)
    except Refused as refusal:
        if "--traceback" in arguments:
            raise
        print(refusal, file=sys.stderr)
        sys.exit(1)
    except (DatabaseError, SystemExit) as problem:
        error = _of_database(problem)
        if error is not None and is_lock_timeout(error.__cause__):
            print(
                "Another statement kept a table for too long. The migration that waited for it has "
                "changed nothing: run manage.py migrate again.",
                file=sys.stderr,
            )
            sys.exit(1)
        if error is None or arguments[1] == "migrate" or "--traceback" in arguments:
            raise
        todo = [f"manage.py migrate{_option(alias)}" for alias in connections if _is_behind(alias)]
        if not todo:
            raise
        cause = " ".join(str(error).partition("\n")[0].split()).rstrip(".:")
        print(
            f"The database lacks migrations ({cause}): run {' and '.join(todo)}.", file=sys.stderr
        )
        sys.exit(1)


def _of_database(problem):
    """Return the error of the database that a command failed for, or None."""
    while problem is not None and not isinstance(problem, DatabaseError):
        problem = problem.__cause__ or problem.__context__
    return problem


def _option(alias):
    return "" if alias == "default" else f" --database {alias}"


def _is_behind(alias):
    """Tell whether a database has migrations to come; one that does not answer is not asked."""
    connections[alias].close()  # whatever the command left open
    try:
        executor = MigrationExecutor(connections[alias])
    except DatabaseError:
        return False
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
