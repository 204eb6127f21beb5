from datetime import timedelta
from time import perf_counter

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from drivers.models import Company
from perf.measuring.machine import load_average
from perf.measuring.scratch import scratch_database
from perf.measuring.statistics import (
    Verdict,
    judge,
    judge_together,
    order_of_arms,
    paired_ratio,
)
from perf.project.benchmarks.variants import ACTOR, DAY, NOW
from perf.project.scenarios.company import seed_scenario


class Command(BaseCommand):
    help = (
        "Measures how often the method of the benchmarks calls two identical arms different: "
        "both load the same day. Run it while the machine is busy. Trials are counted one by one, "
        "and as reports that are judged together."
    )

    def add_arguments(self, parser):
        parser.add_argument("--trials", type=int, default=40, help="Trials (default: 40).")
        parser.add_argument("--pairs", type=int, default=20, help="Pairs a trial (default: 20).")
        parser.add_argument(
            "--report", type=int, default=20, help="Trials of one report (default: 20)."
        )
        parser.add_argument(
            "--bookings", type=int, default=100, help="Bookings of the day (default: 100)."
        )

    def handle(self, *, trials, pairs, report, bookings, **options):
        if min(trials, pairs, report, bookings) < 1:
            raise CommandError(_("Every number must be at least 1."))
        before, found = load_average(), []
        with scratch_database():
            with transaction.atomic():
                seed_scenario(
                    "control",
                    day=DAY,
                    bookings=bookings,
                    drivers=max(1, bookings // 9),
                    history=0,
                    seed=1,
                    events=False,
                    now=NOW - timedelta(days=2),
                    actor=ACTOR,
                )
            company = Company.objects.get()
            for _trial in range(trials):
                found.append(_one_trial(company, pairs))
        reports = [found[n : n + report] for n in range(0, trials - report + 1, report)]
        ratios = [ratio.ratio for ratio, _control in found]
        return _(
            "%(different)d of %(trials)d trials called two identical arms different, and "
            "%(spoilt)d of %(reports)d reports of %(size)d held a false verdict; ratios from "
            "%(low).3f to %(high).3f; load average %(before)s → %(after)s."
        ) % {
            "different": _called_different(judge(*both) for both in found),
            "trials": trials,
            "spoilt": sum(_called_different(judge_together(one)) > 0 for one in reports),
            "reports": len(reports),
            "size": report,
            "low": min(ratios),
            "high": max(ratios),
            "before": before[0],
            "after": load_average()[0],
        }


def _called_different(judgements):
    return sum(judgement.verdict is not Verdict.NOT_SHOWN for judgement in judgements)


def _one_trial(company, pairs):
    """Return the ratio of B to A, which are the same, and the control's."""
    seconds: dict[str, list[float]] = {"a": [], "b": [], "control": []}
    for number in range(pairs):
        for name in order_of_arms(list(seconds), number):
            began = perf_counter()
            load_problem(company, DAY, now=NOW, leeway=Leeway())
            seconds[name].append(perf_counter() - began)
    return (
        paired_ratio(seconds["a"], seconds["b"]),
        paired_ratio(seconds["b"], seconds["control"]),
    )
