"""Take back what is written inside of a block, on every database of the project."""

from contextlib import ExitStack, contextmanager

from django.db import connections, transaction

from perf.recording.record import NOT_RECORDED


@contextmanager
def taken_back():
    """Roll the block back; what commits durably may lie inside it. on_commit() calls nothing."""
    aliases = [alias for alias in connections if alias not in NOT_RECORDED]
    with ExitStack() as stack:
        for alias in aliases:
            block = transaction.atomic(using=alias)
            block._from_testcase = True  # as around a test: a durable block may lie inside it
            stack.enter_context(block)
        yield
        for alias in aliases:
            transaction.set_rollback(True, using=alias)


@contextmanager
def kept(keep):
    """Take back what is written inside, unless it is to be kept."""
    if keep:
        yield
        return
    with taken_back():
        yield
