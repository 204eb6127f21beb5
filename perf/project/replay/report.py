"""Say what replayed days were like: values for machines, tables for people, a drawing."""

from collections import Counter
from statistics import median
from typing import Any

from perf.project.charts import AMBER, BLUE, PALE, RED, Dots, Line, Panel, draw
from perf.project.replay.figures import difference
from perf.project.replay.office import Follows

COLORS = {Follows.NONE: RED, Follows.OPEN: AMBER, Follows.ALL: BLUE}
COLUMNS = {
    "late_min": "minutes late",
    "late": "late",
    "very_late": "> 15 min",
    "unserved": "unserved",
    "moved": "moved",
    "late_or_unserved_min": "late or unserved, min",
}


def result_of(company, rows, how):
    """Return all numbers of [(day, seed, {follows: (figures, followed)})] as plain values."""
    days: dict[str, list[dict[str, Any]]] = {}
    for day, seed, found in rows:
        run = {"seed": seed}
        for follows, (figures, did) in found.items():
            counts = {f"{what_for}: {kind}": n for (what_for, kind), n in sorted(did.items())}
            run[follows.value] = {**figures.as_dict(), "followed": counts}
        days.setdefault(day.isoformat(), []).append(run)
    result = {"company": company, **how, "days": days}
    ways = ways_of(result)
    if len(ways) > 1:
        runs = [run for of_day in days.values() for run in of_day]
        result["differences"] = {
            way: {
                name: {day: _difference(of_day, name, way) for day, of_day in days.items()}
                | {"all": _difference(runs, name, way)}
                for name in COLUMNS
            }
            for way in ways[:-1]
        }
    return result


def ways_of(result):
    """Return what the offices of a result follow, in the order of `Follows`."""
    first = next(iter(result["days"].values()))[0]
    return [way.value for way in Follows if way.value in first]


def _difference(runs, name, way):
    """Return how much the office that follows everything differs from this one."""
    sides = ([run[of][name] for run in runs] for of in (way, Follows.ALL.value))
    return difference(*sides).as_dict()


def tables(result):
    """Return the tables of a result: medians of each day, and the mean differences of pairs."""
    ways = ways_of(result)
    lines = _table("day", "follows", "seeds", "trips", *COLUMNS.values())
    for day, runs in result["days"].items():
        for way in ways:
            medians = (f"{median(run[way][name] for run in runs):.0f}" for name in COLUMNS)
            lines.append(_row(day, way, len(runs), runs[0][way]["trips"], *medians))
    for way, found in result.get("differences", {}).items():
        lines += ["", f"Follows all less follows {way}, means of pairs [95 % interval]:", ""]
        lines += _table("day", "pairs", *COLUMNS.values())
        for day, first in found["late_min"].items():
            cells = (_said(found[name][day]) for name in COLUMNS)
            lines.append(_row(day, first["pairs"], *cells))
    followed: Counter[str] = Counter()
    for runs in result["days"].values():
        for run in runs:
            followed.update(run[ways[-1]]["followed"])
    if followed:
        said = ", ".join(f"{what} {n}" for what, n in sorted(followed.items()))
        lines += ["", f"Carried out by who follows {ways[-1]}: {said}"]
    return "\n".join(lines)


def _said(found):
    if found["low"] is None:
        return f"{found['mean']:+.1f}"
    return f"{found['mean']:+.1f} [{found['low']:+.1f}, {found['high']:+.1f}]"


def _table(*names):
    return [_row(*names), _row(*("---" for _name in names))]


def _row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def draw_days(result, path):
    """Draw the minutes late of each day and seed; what belongs to one seed is joined."""
    panels = [_panel(result, name) for name in ("late_min", "late_or_unserved_min")]
    draw(path, panels, width=10.5, height=3.4, legend_beside=True)


def _panel(result, name):
    days, ways = result["days"], ways_of(result)
    lines: list[Line] = []
    dots: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in ways}
    for place, runs in enumerate(days.values()):
        at = [place - 0.2 + 0.2 * number for number in range(len(ways))]
        for run in runs:
            lines.append(Line(at, [run[way][name] for way in ways], PALE, style="-", width=0.7))
            for x, way in zip(at, ways, strict=True):
                dots[way][0].append(x)
                dots[way][1].append(run[way][name])
    marks = [Dots(*dots[way], COLORS[Follows(way)], f"follows {way}") for way in ways]
    names = {place: day[5:] for place, day in enumerate(days)}
    return Panel(COLUMNS[name], [*lines, *marks], x_at=names)
