"""Compile functions with Numba, and cache the machine code on disk.

Numba notices a change only in the file of the compiled function, not in those it calls, so
the directory of the cache is named by a digest of all files that may hold kernels. If the
package is not writable, the cache lies in a directory of the user.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, overload

import numba
from numba.core import config as numba_config
from numba.core.registry import cpu_target
from numba.extending import register_jitable

config: Any = numba_config  # its options are set at run time, so that no type knows them

# Any parameters: a decorator takes every function, and object would be too narrow for them.
Function = TypeVar("Function", bound=Callable[..., Any])

PLANNER = Path(__file__).parent.parent
# Every file of the folders that hold kernels, so that no new one can be forgotten.
SOURCES = sorted(
    file for room in ("search", "shared", "explain") for file in (PLANNER / room).glob("*.py")
)


@overload
def kernel(function: Function, /) -> Function: ...
@overload
def kernel(**options: object) -> Callable[[Function], Function]: ...
def kernel(function: Callable[..., Any] | None = None, /, **options: object) -> Callable[..., Any]:
    """Compile a function: it runs without the interpreter lock, and is cached.

    Kernels allocate nothing. In return they count no references (`_nrt`): counting those of
    forty arrays at every call made the search fifty times slower. The options are those of
    `numba.njit`. Numba reads the types of arguments at the call and ignores annotations.
    """
    if function is None:
        return lambda wrapped: _compile(wrapped, options)
    return _compile(function, options)


def _compile(function: Function, options: dict[str, object]) -> Function:
    # Any: Numba's own types for njit know neither `_nrt` nor that the signature is kept.
    njit: Any = numba.njit
    before = config.CACHE_DIR
    config.CACHE_DIR = CACHE
    try:
        compiled: Function = njit(function, cache=bool(CACHE), nogil=True, _nrt=False, **options)
    finally:
        config.CACHE_DIR = before
    return compiled


def callable_from_kernels(*functions: Callable[..., Any]) -> None:
    """Let kernels call these plain functions; they stay plain for every other caller."""
    for function in functions:
        register_jitable(forceinline=True, _nrt=False)(function)


def _cache_directory() -> str:
    """Return a writable directory, or the empty string if there is none: nothing is cached."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    name = f"planner-{digest.hexdigest()[:16]}"
    private = Path(tempfile.gettempdir()) / f"dispatch-{os.getuid()}"
    parents = [PLANNER / "__pycache__", Path.home() / ".cache" / "dispatch", private]
    if chosen := config.CACHE_DIR:
        parents.insert(0, Path(chosen))
    for parent in parents:
        try:
            (parent / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(parent / name, os.W_OK):
            return str(parent / name)
    return ""


CACHE = _cache_directory()


def mark(name: str) -> None:
    """Note in the cache that machine code of this name is in it, for this Python and processor."""
    if CACHE:
        _marker(name).touch()


def is_marked(name: str) -> bool:
    """Return whether the cache holds machine code of this name for this Python and processor."""
    return bool(CACHE) and _marker(name).exists()


def _marker(name: str) -> Path:
    machine: Any = cpu_target.target_context.codegen().magic_tuple()  # as in Numba's own index
    key = repr((sys.implementation.cache_tag, machine))
    return Path(CACHE) / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
