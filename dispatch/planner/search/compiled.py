"""Compile functions with Numba, and keep the machine code between processes.

Numba notices a change only in the file of the compiled function, not in those it calls, so
the cache lies in a directory named by a digest of all files that kernels may be made of. Where
the package is not writable, the directory is the user's.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numba
from numba import njit
from numba.extending import register_jitable

PLANNER = Path(__file__).parent.parent
# The rooms with kernels: every file of theirs, so that no new one can be forgotten.
SOURCES = sorted(file for room in ("search", "explain") for file in (PLANNER / room).glob("*.py"))


def kernel(function=None, **options):
    """Compile a function: it runs without the interpreter lock, and is cached.

    Kernels allocate nothing. In return they count no references (`_nrt`): counting those of
    forty arrays at every call made the search fifty times slower.
    """
    if function is None:
        return lambda wrapped: kernel(wrapped, **options)
    standing = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = CACHE
    try:
        return njit(function, cache=bool(CACHE), nogil=True, _nrt=False, **options)
    finally:
        numba.config.CACHE_DIR = standing


def callable_from_kernels(*functions):
    """Let kernels call these plain functions; they stay plain for everybody else."""
    for function in functions:
        register_jitable(forceinline=True, _nrt=False)(function)


def _cache_directory():
    """Return a writable directory, or the empty string: then nothing is cached."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    name = f"planner-{digest.hexdigest()[:16]}"
    private = Path(tempfile.gettempdir()) / f"dispatch-{os.getuid()}"
    parents = [PLANNER / "__pycache__", Path.home() / ".cache" / "dispatch", private]
    if numba.config.CACHE_DIR:
        parents.insert(0, Path(numba.config.CACHE_DIR))
    for parent in parents:
        try:
            (parent / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(parent / name, os.W_OK):
            return str(parent / name)
    return ""


CACHE = _cache_directory()
