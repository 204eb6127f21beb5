"""Compile functions with Numba, and keep the machine code between processes.

Numba notices a change only in the file of the compiled function, not in those it calls, so
the cache lies in a directory named by a digest of all files that kernels are made of. Where
the package is not writable, the directory is the user's.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numba
from numba import njit
from numba.extending import register_jitable

PACKAGE = Path(__file__).parent
SOURCES = (
    "alternatives.py",
    "arrays.py",
    "compiled.py",
    "desk.py",
    "ejections.py",
    "labels.py",
    "moves.py",
    "parts.py",
    "search.py",
    "survey.py",
    "tours.py",
)


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
        digest.update((PACKAGE / source).read_bytes())
    name = f"planner-{digest.hexdigest()[:16]}"
    private = Path(tempfile.gettempdir()) / f"dispatch-{os.getuid()}"
    parents = [PACKAGE / "__pycache__", Path.home() / ".cache" / "dispatch", private]
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
