"""Read an uploaded file in a process of its own, with limits on its time and memory.

What a small file makes a parser do cannot be told from its size: 20 kB of a workbook took 38 s and
1.4 GB. The process is forked, so that the usual file is not slower; it touches no database.
"""

import gc
import math
import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from bookings.importing.csv_file import FileRefusedError, Table

MB = 1 << 20
# The usual file of a MB takes 3 s and 50 MB.
CPU_S, CPU_S_OF_MB = 1, 20
MEMORY, MEMORY_OF_BYTE, MEMORY_AT_MOST = 256 * MB, 60, 2048 * MB
WALL_OF_CPU = 3  # where other processes want the processor too
OF_REQUEST_S = 24  # a web server's worker may not take 30 s
OF_COMMAND_S = 1_800


def read_apart(
    read: Callable[..., Table], data: bytes, *, longest_s: float, **options: Any
) -> Table:
    """Return what `read(data, **options)` returns. Raises FileRefusedError as it does, and if the
    file takes more time or memory than files of its size do; `longest_s` ends it anyway.
    """
    cpu_s = math.ceil(CPU_S + CPU_S_OF_MB * len(data) / MB)
    memory = min(MEMORY + MEMORY_OF_BYTE * len(data), MEMORY_AT_MOST)
    wall_s = min(WALL_OF_CPU * cpu_s, longest_s)
    answer, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        _read_and_exit(told, lambda: read(data, **options), cpu_s, memory)
    os.close(told)
    try:
        received = _receive(answer, time.monotonic() + wall_s)
    finally:
        os.close(answer)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not received:
        raise FileRefusedError(
            _(
                "The file takes more than %(seconds)d s or %(size)d MB of memory to read: split "
                "it, or save it as CSV."
            )
            % {"seconds": min(cpu_s, wall_s), "size": memory // MB}
        )
    answered: tuple[Table, str] = pickle.loads(received)  # noqa: S301  our own child wrote it
    table, refusal = answered
    if refusal:
        raise FileRefusedError(refusal)
    return table


def _read_and_exit(told: int, read: Callable[[], Table], cpu_s: int, memory: int) -> NoReturn:
    """Write the pickled (table, refusal) to the pipe, or nothing beyond a limit, and exit."""
    try:
        gc.freeze()  # what was there before belongs to the parent, connections above all
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        limit = _address_space() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            answer: tuple[Table | None, str] = read(), ""
        except FileRefusedError as refused:
            answer = None, str(refused)
        with os.fdopen(told, "wb") as pipe:
            pickle.dump(answer, pipe, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)


def _address_space() -> int:
    """Return the bytes of addresses that this process has now."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _receive(pipe: int, until_s: float) -> bytes:
    """Return all that comes out of the pipe; nothing if it is not all there by `until_s`."""
    parts: list[bytes] = []
    while True:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not select.select([pipe], [], [], left_s)[0]:
            return b""
        part = os.read(pipe, MB)
        if not part:
            return b"".join(parts) if parts and parts[-1].endswith(pickle.STOP) else b""
        parts.append(part)
