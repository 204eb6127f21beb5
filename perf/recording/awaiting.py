"""Find the coroutines that await what runs in a thread: where async code calls the ORM.

Django's ORM asks synchronously: `await queryset.acount()` counts in a thread of asgiref, and the
stack of that thread ends there. The coroutine that awaits it stands still meanwhile. It is a task
of the event loop, and is known by the function that it has handed over to the thread.
"""

import asyncio
import gc
import sys
import weakref
from contextvars import ContextVar
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from asgiref.sync import SyncToAsync

IN_THREAD = SyncToAsync.thread_handler.__code__
AWAITS = SyncToAsync.__call__.__code__
AWAITABLE = CoroutineType, AsyncGeneratorType, GeneratorType
ATTEMPTS = 3  # the thread may begin before the coroutine stands still, and both run meanwhile


# Which task awaited last in this context: asgiref hands the context of a thread back to its task,
# and most statements of a request are awaited by one.
_task: ContextVar[weakref.ref] = ContextVar("perf.recording.awaiting", default=lambda: None)


def awaiting_frames(frame):
    """Yield the frames of the coroutines that await the call of a thread, the innermost first.

    `frame` is that of IN_THREAD. After those of the task itself come those of the task that waits
    for it, where it waits by `await`, `gather`, `wait`, `wait_for` or at the end of a TaskGroup.
    """
    call, loop = frame.f_locals.get("func"), frame.f_locals.get("loop")
    if call is None or loop is None:  # another asgiref: whoever is recorded must not fail of it
        return
    for _attempt in range(ATTEMPTS):
        task = _awaiting_task(call, loop)
        if task is not None:
            others = None
            while task is not None:
                yield from reversed(_frames(task.get_coro())[0])
                if others is None:
                    others = asyncio.all_tasks(loop)
                others.discard(task)
                task = next((other for other in others if _waits_for(other, task)), None)
            return
        running = _running(call)
        if running:
            yield from running
            return


def _awaiting_task(call, loop):
    """Return the task that stands still until the call has ended, or None."""
    known = _task.get()()
    if known is not None and _is_awaiting(known, call):
        return known
    for task in asyncio.all_tasks(loop):
        if _is_awaiting(task, call):
            _task.set(weakref.ref(task))
            return task
    return None


def _is_awaiting(task, call):
    frames = _frames(task.get_coro())[0]
    return bool(frames) and _awaits(frames[-1], call)


def _awaits(frame, call):
    return frame.f_code is AWAITS and frame.f_locals.get("func") is call


def _frames(awaitable):
    """Return the frames of a coroutine and of what it awaits, and what the last of them awaits."""
    frames = []
    while awaitable is not None:
        if isinstance(awaitable, CoroutineType):
            frame, inner = awaitable.cr_frame, awaitable.cr_await
        elif isinstance(awaitable, AsyncGeneratorType):
            frame, inner = awaitable.ag_frame, awaitable.ag_await
        elif isinstance(awaitable, GeneratorType):
            frame, inner = awaitable.gi_frame, awaitable.gi_yieldfrom
        else:
            # What `async for` awaits does not tell its generator, but refers to it.
            inside = [one for one in gc.get_referents(awaitable) if isinstance(one, AWAITABLE)]
            if not inside:
                break
            awaitable = inside[0]
            continue
        if frame is None:  # it has ended
            return frames, None
        frames.append(frame)
        awaitable = inner
    return frames, awaitable


def _running(call):
    """Return the frames up from the coroutine that hands over the call, where it still runs."""
    for frame in sys._current_frames().values():
        while frame is not None and not _awaits(frame, call):
            frame = frame.f_back
        frames = []
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        if frames:
            return frames
    return []


def _waits_for(other, task):
    """Say whether another task stands still until this one has ended."""
    frames, leaf = _frames(other.get_coro())
    held = gc.get_referents(leaf)  # the future that it waits for
    for frame in frames:
        if "/asyncio/" in frame.f_code.co_filename:
            held += frame.f_locals.values()
    return any(_holds(thing, task) for thing in held)


def _holds(thing, task):
    if thing is task:
        return True
    for group in (thing, getattr(thing, "_children", None), getattr(thing, "_tasks", None)):
        if isinstance(group, list | tuple | set | frozenset) and task in group:
            return True
    return False
