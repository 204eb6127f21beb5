"""What a dispatch did, for people and for machines."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from dispatch.day.day import Day
from dispatch.day.reasons import Unassigned, describe_excluded, describe_reason, translated
from dispatch.day.travel_times import driving, say_driving
from dispatch.models import DispatchRun
from dispatch.planner.explain.reasons import Reason
from dispatch.planner.measures import measure
from dispatch.planner.problem import Plan
from dispatch.runs.difference import Broken, Difference
from dispatch.runs.figures import figures, loaded_m, what_stands
from dispatch.runs.parts import parts_of, placements_alone
from drivers.times import moment


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a run or a preview. `timings` are seconds; `run` is None for a preview
    that is not kept.

    `changes` counts trips by what happened to them; `by_driver` names drivers with the trips
    they gained and lost. `broken` are the promises that do not hold: whom to call. `before` are
    the figures of what stood, of those names in `metrics`. `parts` of a preview can be applied by
    themselves, and so can the bookings of `placements` (see `runs.parts`).
    """

    run: int | None
    company: str
    company_name: str
    day: date
    status: str
    bookings: int
    assigned: int
    unassigned: tuple[Unassigned, ...]
    metrics: dict[str, Any]
    changes: dict[str, int]
    by_driver: tuple[tuple[str, int, int], ...]
    broken: tuple[dict[str, Any], ...]
    notices: tuple[str, ...]
    statements: int
    timings: dict[str, float] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    parts: tuple[dict[str, list[int]], ...] = ()
    placements: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "company": self.company,
            "day": self.day.isoformat(),
            "status": self.status,
            "bookings": self.bookings,
            "assigned": self.assigned,
            "unassigned": [row.as_dict() for row in self.unassigned],
            "metrics": self.metrics,
            "changes": self.changes,
            "drivers": self.drivers(),
            "broken": list(self.broken),
            "notices": list(self.notices),
            "statements": self.statements,
            "timings": self.timings,
            "before": self.before,
            "parts": list(self.parts),
            "placements": list(self.placements),
        }

    def drivers(self) -> list[dict[str, Any]]:
        return [
            {"driver": name, "gained": gained, "lost": lost}
            for name, gained, lost in self.by_driver
        ]

    @property
    def driving(self) -> str:
        """Say where drives and kilometres come from; older runs did not note it."""
        return say_driving(self.metrics["driving"]) if "driving" in self.metrics else ""

    def summary(self) -> str:
        """Return the report as lines of text."""
        metrics, timings = self.metrics, self.timings
        title = (
            _("Preview for %(company)s on %(day)s (nothing was written)")
            if self.status == "preview"
            else _("Dispatch #%(run)s for %(company)s on %(day)s")
        )
        lines = [
            title
            % {"run": self.run, "company": self.company_name, "day": f"{self.day:%a %Y-%m-%d}"},
            "",
            _("  Bookings    %(bookings)5d   assigned %(assigned)d, unassigned %(unassigned)d")
            % {
                "bookings": self.bookings,
                "assigned": self.assigned,
                "unassigned": len(self.unassigned),
            },
            _(
                "  Changes             placed %(placed)d, moved %(moved)d, new times %(retimed)d, "
                "kept %(kept)d, released %(released)d, untouchable %(left)d"
            )
            % self.changes,
            _(
                "  Drivers     %(drivers_used)5d   of %(drivers_on_duty)d on duty; "
                "reserve %(emergency_drivers)d"
            )
            % metrics,
            _(
                "  Kilometres  %(total)5.0f   with passengers %(passenger_km).0f, "
                "without %(deadhead_km).0f"
            )
            % (metrics | {"total": metrics["passenger_km"] + metrics["deadhead_km"]}),
            *([f"  {self.driving}"] if self.driving else []),
            _("  Statements  %(statements)5d") % {"statements": self.statements},
            _(
                "  Seconds     %(total_s)5.2f   load %(load_s).2f, plan %(plan_s).2f, "
                "check and reasons %(check_s).2f, apply %(apply_s).2f"
            )
            % timings,
        ]
        if self.by_driver and self.changes["moved"] + self.changes["released"]:
            lines += ["", _("Drivers whose trips change")]
            lines += [f"  {name:24} +{gained} -{lost}" for name, gained, lost in self.by_driver]
        lines += self._told()
        if self.unassigned:
            lines += ["", _("Unassigned")]
        for row in self.unassigned:
            lines.append(f"  {row.reference}  {row.detail}")
            lines += [f"      {blocker}" for blocker in row.blockers[:1]]
            if row.suggestion:
                lines.append(f"      → {row.suggestion}")
        if self.unassigned:
            lines.append(_("  What would help as the day stands: on the board"))
        if self.notices:
            lines += ["", *self.notices]
        return "\n".join(lines)

    def told(self) -> dict[str, int]:
        """Return how many promises do not hold: of a driver, of a time, confirmed ones."""
        return {
            kind: sum(bool(row[kind]) for row in self.broken)
            for kind in ("driver", "time", "confirmed")
        }

    def _told(self) -> list[str]:
        """Return the lines of what was told and does not hold: the confirmed trips one by one."""
        if not any(self.told().values()):
            return []
        lines = [
            "",
            _(
                "Told otherwise      another driver %(driver)d, another time %(time)d, "
                "confirmed %(confirmed)d"
            )
            % self.told(),
        ]
        confirmed = [row["reference"] for row in self.broken if row["confirmed"]]
        if confirmed:
            lines.append(
                _("  Confirmed before, to be called: %(trips)s") % {"trips": ", ".join(confirmed)}
            )
        return lines


def stored_report(report: Report, plan: Plan) -> dict[str, Any]:
    """Return the fields of a run in which its report is kept, for `read_report`."""
    return {
        "metrics": report.metrics
        | {
            "bookings": report.bookings,
            "assigned": report.assigned,
            "changes": report.changes,
            "statements": report.statements,
            "search": plan.search,
        },
        "unassigned": [row.as_dict() for row in report.unassigned],
        "timings": report.timings,
        "outcome": {
            "drivers": report.drivers(),
            "broken": list(report.broken),
            "notices": list(report.notices),
            "before": report.before,
            "parts": list(report.parts),
            "placements": list(report.placements),
        },
    }


def read_report(run: DispatchRun) -> Report:
    """Return the report of a run, or of a preview, as it was kept. No query beside its company."""
    counts = ("bookings", "assigned", "changes", "statements")
    return Report(
        run=run.id,
        company=run.company.slug,
        company_name=run.company.name,
        day=run.day,
        status=run.status,
        unassigned=tuple(
            Unassigned(**row | {"blockers": tuple(row["blockers"])})
            for row in map(translated, run.unassigned)
        ),
        metrics={
            name: value for name, value in run.metrics.items() if name not in (*counts, "search")
        },
        by_driver=tuple(
            (row["driver"], row["gained"], row["lost"]) for row in run.outcome.get("drivers", ())
        ),
        broken=tuple(run.outcome.get("broken", ())),
        notices=tuple(run.outcome.get("notices", ())),
        before=run.outcome.get("before", {}),
        parts=tuple(run.outcome.get("parts", ())),
        placements=tuple(run.outcome.get("placements", ())),
        timings=run.timings,
        **{name: run.metrics[name] for name in counts},
    )


def build_report(
    day: Day,
    plan: Plan,
    diff: Difference,
    reasons: tuple[Reason, ...],
    *,
    run_id: int | None,
    status: str,
    statements: int,
    timings: dict[str, float],
    notices: tuple[str, ...] = (),
    changed: frozenset[int] = frozenset(),
) -> Report:
    """Put a report together from the finished plan; `changed` bookings are not in it."""
    unassigned = [
        describe_reason(day, reason) for reason in reasons if reason.trip_id not in changed
    ]
    unassigned += [
        describe_excluded(day, i, code) for i, code in day.left_out.items() if i not in changed
    ]
    measures = measure(day.problem, plan)
    is_preview = status == "preview"
    today = [row for row in diff.left if row.id in day.bookings]
    assigned = len(plan.trips) + len(today)
    names = {driver.id: driver.name for driver in day.problem.drivers}
    return Report(
        run=run_id,
        company=day.company.slug,
        company_name=day.company.name,
        day=day.day,
        status=status,
        bookings=assigned + len(unassigned),
        assigned=assigned,
        unassigned=tuple(sorted(unassigned, key=lambda row: row.booking)),
        metrics={
            "passenger_km": round(loaded_m(day, plan, today) / 1000, 1),
            **figures(day, plan, measures, unkept=len(day.too_late)),
            "drivers_on_duty": len({duty.driver_id for duty in day.problem.duties}),
            "emergency_drivers": measures.emergency_drivers,
            "missed_preferences": measures.missed_preferences,
            "load_sd": measures.load_sd,
            "objective": measures.objective,
            "driving": driving(day.problem.travel),
        },
        changes=diff.counts(),
        by_driver=tuple(
            (names.get(driver_id) or f"#{driver_id}", gained, lost)
            for driver_id, (gained, lost) in diff.of_drivers().items()
        ),
        broken=tuple(_as_values(day, row) for row in diff.broken(day)),
        notices=notices,
        statements=statements,
        timings=timings,
        before=_before(day, stood=what_stands(day), assigned=len(today)),
        parts=tuple(parts_of(day, diff)) if is_preview else (),
        placements=tuple(placements_alone(day, diff)) if is_preview else (),
    )


def _before(day: Day, *, stood: Plan, assigned: int) -> dict[str, Any]:
    """Return the figures of what stood; `assigned` trips stay whatever the plan."""
    driven = {trip.trip_id for trip in stood.trips}
    lost = {trip.id for trip in day.problem.trips if trip.standing} - driven
    unkept = lost | day.freed | day.too_late.keys()
    counted = figures(day, stood, measure(day.problem, stood), unkept=len(unkept))
    return {"assigned": assigned + len(driven), **counted}


def _as_values(day: Day, broken: Broken) -> dict[str, Any]:
    trip = broken.trip
    return {
        "booking": broken.row.id,
        "reference": broken.row.label,
        "driver": broken.driver,
        "time": broken.time,
        "confirmed": broken.confirmed,
        "told_at": moment(broken.row.planned()[0]),
        "pickup_at": moment(day.moment(trip.pickup_s)) if trip else None,
    }
