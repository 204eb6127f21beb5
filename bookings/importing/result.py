"""The result of an import or of its dry run, for the command and the admin."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.guards import Broken
from bookings.importing.rows import BookingRow, RowError, shown

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
class FarRow:
    """A row with a new place far from the depot, and the question whether it is meant."""

    line: int
    reference: str
    question: str

    def __str__(self) -> str:
        return _("line %(line)s, booking %(reference)s: %(question)s") % self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        return {"line": self.line, "reference": shown(self.reference), "question": self.question}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Counts of bookings, in a dry run of those that would be written.

    `refused`: rows are invalid and nothing was written. `broken`: rows left out because they break
    a trip. `released`: rows whose trip was released because they break it. `kept`: lines whose
    blank cells left a stored value. `far_away`: one for each new place far from the depot, no
    error: to import after the dry run confirms it. `sample`: the first rows created or updated,
    with the names of the changed fields.
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
    far_away: tuple[FarRow, ...] = ()
    sample: tuple[tuple[BookingRow, tuple[str, ...]], ...] = ()

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
        if self.far_away:
            yield ngettext(
                "%(count)s place is far from the depot: are latitude and longitude swapped?",
                "%(count)s places are far from the depot: are latitude and longitude swapped?",
                len(self.far_away),
            ) % {"count": len(self.far_away)}
            if self.dry_run:
                yield _("To import the file confirms them.")

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
        }
