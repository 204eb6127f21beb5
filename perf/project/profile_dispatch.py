"""Profile a whole dispatch."""

from datetime import date, datetime

from django.utils.translation import gettext as _

from bookings.models import Actor, Door
from dispatch.runs.options import RunOptions
from dispatch.runs.run import run_dispatch
from drivers.models import Company
from perf.measuring.taken_back import kept
from perf.profiling.profile import Profile, profile_block


def profile_dispatch(
    company: Company,
    day: date,
    *,
    now: datetime,
    apply: bool = False,
    time_limit_s: float | None = None,
    **options,
) -> Profile:
    """Profile one whole dispatch; without `apply` all its work is taken back.

    A rehearsal comes before it in both cases, and is taken back. Neither that nor what takes
    back is recorded. `options` are those of `profile_block`. Raises what `run_dispatch` raises.
    """
    actor = Actor(Door.COMMAND, name="profile_dispatch")

    def dispatch():
        options = RunOptions(time_limit_s=time_limit_s)
        return run_dispatch(company, day, now=now, actor=actor, options=options)

    return profile_block(
        _("Dispatch of %(company)s on %(day)s") % {"company": company.slug, "day": day},
        dispatch,
        now=now,
        rehearse=True,
        around=lambda rehearsal: kept(apply and not rehearsal),
        describe=_described,
        **options,
    )


def _described(report):
    phases = {name[:-2]: seconds * 1000 for name, seconds in report.timings.items()}
    phases.pop("total", None)
    outcome = {
        _("Statements of the dispatch itself"): report.statements,
        _("Bookings"): report.bookings,
        _("Assignments created"): sum(
            report.changes[name] for name in ("placed", "moved", "retimed")
        ),
        _("Assigned"): report.assigned,
        _("Unassigned"): len(report.unassigned),
        _("Drives"): report.driving,
    }
    return phases, outcome
