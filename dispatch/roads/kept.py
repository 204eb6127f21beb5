"""Keep driving times between runs, in files: matrices of days, and single legs.

Places are known by numbers that nobody can turn back into coordinates without the key. Files are
written whole and renamed, so that readers never see half of one; what is lost is asked again.
"""

import logging
import shutil
import uuid
import zipfile
from hashlib import blake2b
from pathlib import Path
from time import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatch.planner.travel import Coordinates, Whole

logger = logging.getLogger(__name__)
MATRICES = 4  # of a company
LEGS = 50_000  # of a company, beside its matrices
KEPT_S = 30 * 86_400
UNFINISHED_S = 3_600
# A file that was removed meanwhile, or cut short by a full disk: its legs are asked for again.
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
UNKNOWN = -1  # of seconds and metres

Keys = npt.NDArray[np.int64]


class Matrix(NamedTuple):
    """Seconds and metres by the keys of origins (n,) and destinations (m,): int32, (n, m).

    UNKNOWN where nobody has been asked. `from_off_m` (n,) and `to_off_m` (m,) as in `Table`.
    """

    origins: Keys
    destinations: Keys
    seconds: Whole
    metres: Whole
    from_off_m: Whole
    to_off_m: Whole


class Legs(NamedTuple):
    """Seconds and metres (n,) of single legs by the keys of their ends, (n, 2).

    UNKNOWN where nobody has been asked. `from_off_m` and `to_off_m` (n,) are how far their ends are
    from the road. `at` (n,) are the seconds of the clock when they were asked.
    """

    ends: Keys
    seconds: Whole
    metres: Whole
    from_off_m: Whole
    to_off_m: Whole
    at: npt.NDArray[np.float64]

    def only(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Legs":
        """Return the legs at these indices, or of this mask."""
        return Legs(
            self.ends[which],
            self.seconds[which],
            self.metres[which],
            self.from_off_m[which],
            self.to_off_m[which],
            self.at[which],
        )


def unknown_legs(ends: Keys) -> Legs:
    """Return legs of which nothing is known yet, as of now."""
    unknown = np.full(len(ends), UNKNOWN, dtype=np.int32)
    off_m = np.zeros(len(ends), dtype=np.int32)
    now = np.full(len(ends), time())
    return Legs(ends, unknown, unknown.copy(), off_m, off_m.copy(), now)


NO_LEGS = unknown_legs(np.empty((0, 2), dtype=np.int64))


class Kept:
    """What one company has asked of one server, in a folder of its own.

    `secret` is what the numbers of places are made with, as bytes.
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._secret = blake2b(secret, digest_size=32).digest()

    def keys(self, places: Coordinates) -> Keys:
        """Return the numbers of n places (n, 2) in degrees, told apart to 1e-5 degrees (1 m)."""
        rounded = np.rint(places * 1e5).astype("<i8")
        keys = [
            int.from_bytes(
                blake2b(place.tobytes(), digest_size=8, key=self._secret).digest(),
                "little",
                signed=True,
            )
            for place in rounded
        ]
        return np.array(keys, dtype=np.int64)

    def fill(self, wanted: Matrix) -> float:
        """Write into a matrix of unknown legs what is known of them, the newest first.

        Return when the oldest of it was asked, in seconds of the clock; now if nothing is known.
        """
        oldest = time()
        for folder in self._recent():
            if not (wanted.seconds == UNKNOWN).any():
                return oldest
            try:
                known = _read(folder)
            except UNREADABLE:
                continue
            _o, here, there = np.intersect1d(
                wanted.origins, known.origins, assume_unique=True, return_indices=True
            )
            _d, along, across = np.intersect1d(
                wanted.destinations, known.destinations, assume_unique=True, return_indices=True
            )
            if not here.size or not along.size:
                continue
            off = wanted.from_off_m
            off[here] = np.maximum(off[here], known.from_off_m[there])
            off = wanted.to_off_m
            off[along] = np.maximum(off[along], known.to_off_m[across])
            open_ = wanted.seconds[np.ix_(here, along)] == UNKNOWN
            for values, kept in (
                (wanted.seconds, known.seconds),
                (wanted.metres, known.metres),
            ):
                found = kept[there][:, across]
                if not open_.all():
                    found = np.where(open_, found, values[np.ix_(here, along)])
                values[np.ix_(here, along)] = found
            oldest = min(oldest, _asked_at(folder))

        unknown = wanted.seconds == UNKNOWN
        if np.count_nonzero(unknown) > LEGS:  # before their indices: 16 bytes for each of them
            return oldest
        rows, columns = np.nonzero(unknown)
        ends = np.stack([wanted.origins[rows], wanted.destinations[columns]], axis=1)
        legs = self._find_legs(ends)
        wanted.seconds[rows, columns], wanted.metres[rows, columns] = legs.seconds, legs.metres
        np.maximum.at(wanted.from_off_m, rows, legs.from_off_m)
        np.maximum.at(wanted.to_off_m, columns, legs.to_off_m)
        return min(oldest, float(legs.at.min(initial=oldest)))

    def find(self, ends: Keys) -> Legs:
        """Return what is kept of legs by the keys of their ends (n, 2)."""
        legs = self._find_legs(ends)
        for folder in self._recent():
            open_ = np.flatnonzero(legs.seconds == UNKNOWN)
            if not open_.size:
                break
            try:
                known = _read(folder)
            except UNREADABLE:
                continue
            rows, has_row = _places(known.origins, ends[open_, 0])
            columns, has_column = _places(known.destinations, ends[open_, 1])
            here = has_row & has_column
            cells = rows[here], columns[here]
            legs.seconds[open_[here]] = known.seconds[cells]
            legs.metres[open_[here]] = known.metres[cells]
            legs.from_off_m[open_[here]] = known.from_off_m[rows[here]]
            legs.to_off_m[open_[here]] = known.to_off_m[columns[here]]
            legs.at[open_[here]] = _asked_at(folder)
        return legs

    def _find_legs(self, ends: Keys) -> Legs:
        wanted = unknown_legs(ends)
        legs = self.legs()
        if legs.at.size:
            number = {pair: k for k, pair in enumerate(map(tuple, legs.ends.tolist()))}
            found = np.array([number.get((a, b), -1) for a, b in ends.tolist()], dtype=np.intp)
            known = found >= 0
            for name in Legs._fields[1:]:
                getattr(wanted, name)[known] = getattr(legs, name)[found[known]]
        return wanted

    def save(self, matrix: Matrix, asked_at: float) -> None:
        """Keep a matrix, with what is UNKNOWN in it; the oldest go, and those it replaces.

        `asked_at` is when the oldest of it was asked: it is kept no longer than the rest of that.
        What cannot be written is asked again: the answer is there.
        """
        try:
            self._save(matrix, asked_at)
        except OSError as error:
            logger.warning("Driving times cannot be kept: %s", error)

    def _save(self, matrix: Matrix, asked_at: float) -> None:
        part = self._folder / f"new-{uuid.uuid4().hex}"
        part.mkdir(parents=True)
        for name, values in matrix._asdict().items():
            np.save(part / f"{name}.npy", values)
        self._clear_unfinished()
        older = self._matrices()
        part.rename(self._folder / f"matrix-{asked_at:017.6f}-{uuid.uuid4().hex[:8]}")
        others = [folder for folder in older if not _replaces(matrix, folder)]
        kept = [folder for folder in others[: MATRICES - 1] if _age_s(folder) < KEPT_S]
        for folder in older:
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _clear_unfinished(self) -> None:
        """Remove what processes that died left half written."""
        for part in self._folder.glob("new-*"):
            try:
                is_old = time() - part.stat().st_mtime > UNFINISHED_S
            except FileNotFoundError:  # finished meanwhile
                continue
            if is_old and part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            elif is_old:
                part.unlink(missing_ok=True)

    def legs(self) -> Legs:
        """Return the single legs that are kept."""
        try:
            with np.load(self._folder / "legs.npz") as found:
                legs = Legs(*(found[name] for name in Legs._fields))
        except UNREADABLE:  # or nothing was kept yet
            return NO_LEGS
        recent = legs.at > time() - KEPT_S
        return legs.only(recent)

    def save_legs(self, legs: Legs) -> None:
        """Keep single legs beside those that are kept: the newest LEGS of all.

        What cannot be written is asked again.
        """
        known = self.legs()
        both = {
            name: np.concatenate([getattr(legs, name), getattr(known, name)])[:LEGS]
            for name in Legs._fields
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f"new-{uuid.uuid4().hex}.npz"
            np.savez(part, allow_pickle=False, **both)
            part.rename(self._folder / "legs.npz")
        except OSError as error:
            logger.warning("Driving times cannot be kept: %s", error)

    def _recent(self) -> list[Path]:
        return [folder for folder in self._matrices() if _age_s(folder) < KEPT_S]

    def _matrices(self) -> list[Path]:
        return sorted(self._folder.glob("matrix-*"), reverse=True)


def _read(folder: Path) -> Matrix:
    return Matrix(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in Matrix._fields))


def _places(among: Keys, keys: Keys) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return (where each key stands in `among`, whether it is there)."""
    order = np.argsort(among)
    at = np.minimum(np.searchsorted(among, keys, sorter=order), len(among) - 1)
    return order[at], among[order[at]] == keys


def _age_s(folder: Path) -> float:
    return time() - _asked_at(folder)


def _asked_at(folder: Path) -> float:
    return float(folder.name.split("-")[1])


def _replaces(matrix: Matrix, folder: Path) -> bool:
    """Say whether nearly all that the folder keeps is in the matrix: a day planned again."""
    for name in ("origins", "destinations"):
        try:
            before = np.load(folder / f"{name}.npy")
        except UNREADABLE:
            return True
        if np.isin(before, getattr(matrix, name)).mean() < 0.9:
            return False
    return True
