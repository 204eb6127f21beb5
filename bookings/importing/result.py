"""The result of an import or of its dry run, for the command and the admin."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.guards import Broken
from bookings.importing.rows import BookingRow, RowError, shown
from bookings.pickup_times import caveat
from bookings.places.known import Place
from bookings.places.many import Found

NAMED = 3  # places that an error names
CUSTOMERS = 20  # that a summary names
NOT_SEARCHED = gettext_lazy("it was not searched for in this round: preview or import again")
DELIMITER_NAMES = {",": ",", ";": ";", "\t": "tab", "|": "|"}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that differs from a booking that can no longer be changed."""

    line: int
    reference: str
    reason: str

    def __str__(self) -> str:
        return _("line %(line)s, booking %(reference)s: %(reason)s") % self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        return {"line": self.line, "reference": shown(self.reference), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row with which the driver could not drive the trip of its booking any more."""

    line: int
    reference: str
    trip: Broken

    def __str__(self) -> str:
        return _("line %(line)s, trip %(reference)s of %(driver)s at %(at)s: %(why)s") % {
            **self.as_dict(),
            "at": self.clock,
        }

    @property
    def clock(self) -> str:
        """Return the planned pickup in the company's zone."""
        return f"{self.trip.pickup_at:%Y-%m-%d %H:%M}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "reference": shown(self.reference),
            "assignment": self.trip.assignment_id,
            "driver": self.trip.driver,
            "pickup_at": self.trip.pickup_at.isoformat(),
            "why": self.trip.why,
        }


@dataclass(frozen=True, slots=True)
class AskedRow:
    """A row with something that may be a slip, and the question whether it is meant."""

    line: int
    reference: str
    question: str

    def __str__(self) -> str:
        return _("line %(line)s, booking %(reference)s: %(question)s") % self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        return {"line": self.line, "reference": shown(self.reference), "question": self.question}


@dataclass(frozen=True, slots=True)
class AddressOfFile:
    """An address without a position, the lines that have it, and what it is taken for.

    `place` is None while somebody has to choose; `is_chosen` if somebody has chosen it.
    """

    address: str
    lines: tuple[int, ...]
    found: Found
    place: Place | None
    is_chosen: bool = False

    def __str__(self) -> str:
        if self.place is None:
            return f"{self.address}: {self.problem()}"
        values = {"address": self.address, "place": self.place.address, "score": self.score}
        if self.score is None:
            return _("%(address)s: %(place)s, as chosen") % values
        return _("%(address)s: %(place)s, score %(score)s") % values

    @property
    def score(self) -> float | None:
        """Return how well the place fits; None of one that no search has offered."""
        found = (
            m.score for m in self.found.matches if Place(m.address, m.lat, m.lon) == self.place
        )
        return next(found, None)

    def problem(self) -> str:
        """Return what to do, while the place is not known."""
        named = [f"{m.address} ({m.lat}, {m.lon})" for m in self.found.matches[:NAMED]]
        if named:
            return _(
                "it is not sure which place this is: choose one in the preview, or write its "
                "latitude and longitude, such as of %(places)s"
            ) % {"places": "; ".join(named)}
        if not self.found.is_asked:
            return str(NOT_SEARCHED)
        return _("no place has this address: correct it, or write its latitude and longitude")

    def as_dict(self) -> dict[str, object]:
        return {
            "address": self.address,
            "lines": list(self.lines),
            "place": self.place
            and {"address": self.place.address, "lat": self.place.lat, "lon": self.place.lon},
            "is_chosen": self.is_chosen,
            "matches": [match.as_dict() for match in self.found.matches],
        }


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Counts of bookings, in a dry run of those that would be written.

    `refused`: rows are invalid and nothing was written. `broken`: rows left out because they break
    a trip. `released`: rows whose trip was released because they break it. `kept`: lines whose
    blank cells left a stored value. `far_away`: one for each new place far from the depot,
    `overlapping`: for each trip at the same time as another one of its client, no error: to import
    after the dry run confirms it. `computed`: rows written whose pickup is computed. `addresses`:
    those that had no position and were searched. `sample`: the first rows created or updated, with
    the names of the changed fields. `customers`: bookings written of each, where rows name them.
    """

    filename: str
    encoding: str
    delimiter: str
    rows: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: tuple[Skipped, ...] = ()
    broken: tuple[BrokenRow, ...] = ()
    released: tuple[BrokenRow, ...] = ()
    errors: tuple[RowError, ...] = ()
    refused: bool = False
    dry_run: bool = False
    kept: tuple[int, ...] = ()
    far_away: tuple[AskedRow, ...] = ()
    overlapping: tuple[AskedRow, ...] = ()
    computed: int = 0
    addresses: tuple[AddressOfFile, ...] = ()
    sample: tuple[tuple[BookingRow, tuple[str, ...]], ...] = ()
    customers: Mapping[str, int] = field(default_factory=dict)

    @property
    def bad_rows(self) -> int:
        return len({error.line for error in self.errors})

    def summary(self) -> str:
        """Return the result as a few lines of text, without the list of errors."""
        shape = (
            _("separated by “%(delimiter)s”")
            % {"delimiter": DELIMITER_NAMES.get(self.delimiter, self.delimiter)}
            if self.delimiter
            else _("first sheet")
        )
        lines = [
            ngettext(
                "%(file)s: %(rows)s row (%(encoding)s, %(shape)s).",
                "%(file)s: %(rows)s rows (%(encoding)s, %(shape)s).",
                self.rows,
            )
            % {
                "file": self.filename or _("The file"),
                "rows": self.rows,
                "encoding": self.encoding,
                "shape": shape,
            }
        ]
        counts = {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": len(self.skipped),
            "bad": self.bad_rows,
        }
        if self.refused:
            lines.append(_("Nothing was imported: %(bad)s rows have errors.") % counts)
        elif self.dry_run:
            lines.append(
                _(
                    "Would be created: %(created)s, updated: %(updated)s. Unchanged: "
                    "%(unchanged)s, skipped: %(skipped)s, invalid: %(bad)s. Nothing was "
                    "written."
                )
                % counts
            )
        else:
            lines.append(
                _(
                    "Created: %(created)s, updated: %(updated)s, unchanged: "
                    "%(unchanged)s, skipped: %(skipped)s, invalid: %(bad)s."
                )
                % counts
            )
        lines += self._remarks()
        return "\n".join(lines)

    def _remarks(self) -> Iterator[str]:
        if self.customers:
            named = list(self.customers.items())
            shown = [f"{name} ({count})" for name, count in named[:CUSTOMERS]]
            more = [] if len(named) <= CUSTOMERS else ["…"]
            yield _("Of customers: %(customers)s.") % {"customers": ", ".join(shown + more)}
        if self.broken:
            yield ngettext(
                "%(count)s row would break a trip that has a driver (line %(line)s): it is "
                "left out.",
                "%(count)s rows would break trips that have drivers (the first: line %(line)s): "
                "they are left out.",
                len(self.broken),
            ) % {"count": len(self.broken), "line": self.broken[0].line}
        if self.released:
            yield self._releases() % {"count": len(self.released), "line": self.released[0].line}
        if self.kept:
            yield ngettext(
                "%(count)s row leaves a cell blank where its booking has a value (line "
                "%(line)s): the value stays. To clear it, write “-”.",
                "%(count)s rows leave cells blank where their bookings have values (the "
                "first: line %(line)s): the values stay. To clear one, write “-”.",
                len(self.kept),
            ) % {"count": len(self.kept), "line": self.kept[0]}
        if self.addresses:
            known = sum(one.place is not None for one in self.addresses)
            yield ngettext(
                "%(count)s address without a position was searched: the places of %(known)s are "
                "known.",
                "%(count)s addresses without positions were searched: the places of %(known)s are "
                "known.",
                len(self.addresses),
            ) % {"count": len(self.addresses), "known": known}
        if self.computed:
            said = ngettext(
                "%(count)s pickup is computed from its appointment.",
                "%(count)s pickups are computed from their appointments.",
                self.computed,
            ) % {"count": self.computed}
            yield " ".join(filter(None, (said, caveat())))
        if self.far_away:
            yield ngettext(
                "%(count)s place is far from the depot or from any road: are latitude and "
                "longitude swapped?",
                "%(count)s places are far from the depot or from any road: are latitude and "
                "longitude swapped?",
                len(self.far_away),
            ) % {"count": len(self.far_away)}
            if self.dry_run:
                yield _("To import the file confirms them.")
        if self.overlapping:
            yield ngettext(
                "%(count)s row has a trip at the same time as another trip of its client (line "
                "%(line)s): no plan drives both at once, unless it is for somebody else "
                "(overlap_meant).",
                "%(count)s rows have trips at the same time as another trip of their client (the "
                "first: line %(line)s): no plan drives both at once, unless one is for somebody "
                "else (overlap_meant).",
                len(self.overlapping),
            ) % {"count": len(self.overlapping), "line": self.overlapping[0].line}

    def _releases(self) -> str:
        if self.dry_run:
            return ngettext(
                "%(count)s trip would be released, because its driver could not drive it any more "
                "(line %(line)s).",
                "%(count)s trips would be released, because their drivers could not drive them any "
                "more (the first: line %(line)s).",
                len(self.released),
            )
        return ngettext(
            "%(count)s trip was released, because its driver could not drive it any more (line "
            "%(line)s): dispatch its day again.",
            "%(count)s trips were released, because their drivers could not drive them any more "
            "(the first: line %(line)s): dispatch their days again.",
            len(self.released),
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "file": self.filename,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "rows": self.rows,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "dry_run": self.dry_run,
            "bad_rows": self.bad_rows,
            "skipped": [row.as_dict() for row in self.skipped],
            "broken": [row.as_dict() for row in self.broken],
            "released": [row.as_dict() for row in self.released],
            "errors": [error.as_dict() for error in self.errors],
            "kept": list(self.kept),
            "far_away": [row.as_dict() for row in self.far_away],
            "addresses": [one.as_dict() for one in self.addresses],
            "customers": dict(self.customers),
            "overlapping": [row.as_dict() for row in self.overlapping],
        }
