"""Measure the advice of seeded days, and print what came of it."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dispatch.runs.run import run_dispatch
from tests.support import builders as make
from tests.support.advice.better import IMPROVE, compared
from tests.support.advice.day import ACTOR, seeded
from tests.support.advice.press import Outcome, press_day

Tallies = defaultdict[str, Counter[str]]


def measure_days(
    *,
    days: int,
    bookings: int,
    drivers: int,
    seed: int,
    at: Sequence[str],
    panels: int,
    judged: int,
    iterations: int | None,
    shared: bool,
) -> bool:
    """Print each failure and the figures of so many days; return whether nothing failed.

    A driver who lowers the objective is "taken" if no other one of the trip does after a run that
    improves the day, of so many `iterations` or by its default time.
    """
    pressed, offered = Tallies(Counter), Tallies(Counter)
    size = f"--days 1 --bookings {bookings} --drivers {drivers} --panels {panels}"
    size += f" --judged {judged}"
    size += "" if iterations is None else f" --iterations {iterations}"
    size += " --shared" * shared
    failures = 0
    for number in range(seed, seed + days):
        began = time.perf_counter()
        company = seeded(bookings, drivers, number, shares_rides=shared)
        for clock in at:
            for where, one in press_day(company, make.at(clock), panels=panels):
                for row in (f"{where}: {one.kind}", "all"):
                    pressed[row].update(["pressed", one.outcome])
                if one.outcome != Outcome.SUCCEEDED:
                    failures += 1
                    print(f"FAILED ({size} --seed {number} --at {clock}) {where}: {one}")
        improve = replace(IMPROVE, iterations=iterations)
        found = list(compared(company, make.NOW, most=judged))
        for when in ("as planned", "improved"):
            run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=improve)
            then = list(compared(company, make.NOW, most=judged))
            left = {other.row.id for other in then if other.lowers}
            for other in found:
                is_taken = other.lowers and other.row.id not in left
                claims = {
                    "offered": True,
                    "save": other.saves,
                    "better": other.candidate.is_better,
                    "lower": other.lowers,
                    "taken": is_taken,
                    "wrong": not other.is_right,
                }
                offered[when].update(claims)
                if not other.is_right or is_taken != other.lowers:
                    failures += 1
                    print(f"FAILED ({size} --seed {number} --at) {when}: {other}")
            found = then
        so_far = f"{pressed['all']['pressed']} pressed so far, {failures} failures"
        print(f"Day {number}: {time.perf_counter() - began:.0f} s; {so_far}.", flush=True)
    _print_table("suggestions", ("pressed", *Outcome), pressed)
    _print_table("other drivers", ("offered", "save", "better", "lower", "taken", "wrong"), offered)
    return not failures


def _print_table(head: str, columns: Sequence[str], rows: Mapping[str, Counter[str]]) -> None:
    print(f"\n{head:24}" + "".join(f"{column:>11}" for column in columns))
    for name, tally in sorted(rows.items()):
        print(f"{name:24}" + "".join(f"{tally[column]:11}" for column in columns))
