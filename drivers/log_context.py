"""What each line of the log says of itself: which request and which run it belongs to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_facts: ContextVar[Mapping[str, object]] = ContextVar("facts", default=MappingProxyType({}))


def facts() -> Mapping[str, object]:
    """Return what is known here, such as {"request": "5f3a...", "run": 17}."""
    return _facts.get()


@contextmanager
def logged_with(**more: object) -> Iterator[None]:
    """Let every line that is logged within the block, by this thread, carry these facts."""
    token = _facts.set({**_facts.get(), **more})
    try:
        yield
    finally:
        _facts.reset(token)
