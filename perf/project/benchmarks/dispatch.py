"""Benchmark the dispatch: two arms in interleaved pairs at several sizes, on scratch databases.

A round runs every arm once; rounds alternate their order. The `after` arm runs twice a round:
its two values are the A/A control. Before the rounds every arm warms up on a recorded run,
whose time is not used: it gives the statements, which do not vary. Another run under
tracemalloc gives the peak of Python's memory.
"""

import math
import tracemalloc
from datetime import UTC, datetime

from perf.measuring.machine import describe_machine, load_average
from perf.measuring.scratch import scratch_database
from perf.measuring.statistics import (
    FEWEST_PAIRS,
    growth,
    judge_report,
    order_of_arms,
    paired_ratio,
    summarize,
)
from perf.project.benchmarks.variants import ALONE, ARMS, prepared_case, record_once, run_once

VERSION = 2
CONTROL = "control"
SHORTEST_S = 0.05  # shorter work is repeated within one measurement
REPEATS_AT_MOST = 5
# Bookings. Above, the single steps are left out, and arms that read in loops run FEWEST_PAIRS
# rounds: they take long and say the same.
ALONE_UP_TO = 1_000
TIMES = ("load_s", "apply_s", "total_s")


def benchmark(*, sizes, iterations, compare, history, seed, step) -> dict:
    """Measure, and return everything as plain values; `step(label)` is told what begins."""
    before, after = compare
    result = {
        "kind": "benchmark_dispatch",
        "version": VERSION,
        "began_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "compare": [before, after],
        "iterations": iterations,
        "history": history,
        "seed": seed,
        "load_average_before": load_average(),
        "sizes": {},
    }
    for size in sizes:
        step(f"{size} bookings: inventing a company and its past")
        with scratch_database() as scratch:
            result.setdefault("machine", describe_machine())
            with prepared_case(scratch, bookings=size, history=history, seed=seed) as case:
                result["sizes"][str(size)] = _measure(case, before, after, iterations, step)
    _settle(result)
    result["growth"] = _growth(result["sizes"], (before, after))
    result["load_average_after"] = load_average()
    result["ended_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    return result


def steps_of(*, sizes, iterations, compare):
    """Return how often `benchmark` calls `step`."""
    return sum(1 + (3 + len(_alone(size, compare))) + iterations for size in sizes)


def _alone(size, compare):
    """Return the arms with one optimisation each, measured where naive meets tuned."""
    if list(compare) != ["naive", "tuned"] or size > ALONE_UP_TO:
        return ()
    return ALONE


def _measure(case, before, after, iterations, step):
    alone = _alone(case.bookings, (before, after))
    arms = {name: ARMS[name] for name in (before, *alone, after)}
    recorded, values, repeats = {}, {}, {}
    for name, arm in arms.items():
        step(f"{case.bookings} bookings: recording {name}")
        recorded[name] = record_once(arm, case)
    step(f"{case.bookings} bookings: measuring memory")
    peaks = {name: _peak_bytes(arms[name], case) for name in (before, after)}
    for name, arm in arms.items():
        once = sum(run_once(arm, case)[key] for key in TIMES[:2]) if name == after else math.inf
        repeats[name] = min(REPEATS_AT_MOST, max(1, math.ceil(SHORTEST_S / once)))
    arms[CONTROL] = arms[after]
    repeats[CONTROL] = repeats[after]
    seldom = {*alone}
    if case.bookings > ALONE_UP_TO:
        seldom |= {name for name, arm in arms.items() if arm.loops}
    for number in range(iterations):
        step(f"{case.bookings} bookings: round {number + 1} of {iterations}")
        names = [name for name in arms if name not in seldom or number < FEWEST_PAIRS]
        for name in order_of_arms(names, number):
            _append(values.setdefault(name, {}), _timed(arms[name], case, repeats[name]))
    control = _ratio(values[after], values[CONTROL], "total_s")
    return {
        "bookings": case.bookings,
        "drivers": case.drivers,
        "history": case.history,
        "assigned": len(case.plan.trips),
        "planning": case.planning,
        "arms": {
            name: {
                "values": values[name],
                "summary": {key: summarize(values[name][key]).as_dict() for key in TIMES},
                "recorded": recorded.get(name),
                "peak_bytes": peaks.get(name),
                "repeats": repeats[name],
            }
            for name in arms
        },
        "control": control.as_dict(),
        "ratios": {
            name: {key: _ratio(values[before], values[name], key).as_dict() for key in TIMES}
            for name in (*alone, after)
        },
    }


def _settle(result):
    """Judge all ratios of all sizes together."""
    judge_report(
        [
            (ratio, size["control"])
            for size in result["sizes"].values()
            for times in size["ratios"].values()
            for ratio in times.values()
        ]
    )


def _timed(arm, case, repeats):
    """Return the mean times of so many runs."""
    runs = [run_once(arm, case) for _ in range(repeats)]
    load_s = sum(run["load_s"] for run in runs) / repeats
    apply_s = sum(run["apply_s"] for run in runs) / repeats
    return {"load_s": load_s, "apply_s": apply_s, "total_s": load_s + apply_s}


def _append(lists, values):
    for key, value in values.items():
        lists.setdefault(key, []).append(value)


def _ratio(before, after, key):
    """Return the ratio over the rounds that both arms ran."""
    pairs = min(len(before[key]), len(after[key]))
    return paired_ratio(before[key][:pairs], after[key][:pairs])


def _peak_bytes(arm, case):
    tracemalloc.start()
    try:
        run_once(arm, case)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _growth(sizes, names):
    found = {}
    for name in names:
        times = {int(size): facts["arms"][name]["values"] for size, facts in sizes.items()}
        for key in TIMES:
            slope = growth({size: values[key] for size, values in times.items()})
            if slope:
                found.setdefault(name, {})[key] = slope.as_dict()
    return found


def against(new: dict, old: dict) -> list[dict]:
    """Compare two results of the same arms and sizes, such as those of two commits.

    Sessions are not paired, so times are not compared with times: each session's ratio
    after/before has the machine's speed divided out, and two ratios differ only if their
    intervals are apart. Statements are compared as they are.
    """
    if new["compare"] != old["compare"] or database_kind(new) != database_kind(old):
        raise ValueError("The two results compare different arms or different databases.")
    after = new["compare"][1]
    rows = []
    for size in new["sizes"].keys() & old["sizes"].keys():
        facts = {}
        for which, result in (("old", old), ("new", new)):
            measured = result["sizes"][size]
            facts[which] = {
                "statements": statements(measured["arms"][after]),
                "ratio": {key: measured["ratios"][after]["total_s"][key]
                          for key in ("ratio", "low", "high")},
            }  # fmt: skip
        apart = (
            facts["new"]["ratio"]["low"] > facts["old"]["ratio"]["high"]
            or facts["new"]["ratio"]["high"] < facts["old"]["ratio"]["low"]
        )
        verdict = "no difference shown"
        if apart:
            slower = facts["new"]["ratio"]["ratio"] > facts["old"]["ratio"]["ratio"]
            verdict = "slower" if slower else "faster"
        rows.append({"bookings": int(size), **facts, "verdict": verdict})
    return sorted(rows, key=lambda row: row["bookings"])


def database_kind(result):
    return result["machine"]["database"].split()[0]


def statements(arm):
    return sum(phase["statements"] for phase in arm["recorded"].values())
