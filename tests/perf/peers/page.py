"""The page of the comparison: one table of faults and tools, totals, and how it was judged."""

from collections import Counter

from tests.perf.peers.judging import CURED, CURES, FOUND, MISSED, by_row, false_reports, judge
from tests.perf.peers.tools import TOOLS
from tests.perf.planted.faults import ALL_ROWS, CLEAN, CLEAN_PLANS, EVERY

TWINS = [*CLEAN, *CLEAN_PLANS]


def applying(result):
    """Return the faults of the database that was asked."""
    found = [fault for fault in EVERY if fault.only in ("", result["database"])]
    return sorted(found, key=lambda fault: fault.row)


def judged(result):
    """Return {tool: {fault: Judgement}} of the tools that were asked."""
    return {
        name: {
            fault: judge(fault, result["places"][fault.number], one["said"].get(fault.path, []))
            for fault in applying(result)
        }
        for name, one in result["tools"].items()
        if one["version"]
    }


def behind(result):
    """Return (fault, tool) wherever another tool did better than the workbench."""
    found = judged(result)
    return [
        (str(fault), name)
        for name, judgements in found.items()
        for fault, judgement in judgements.items()
        if judgement.rank > found["perf"][fault].rank
    ]


def as_markdown(result):
    """Return the page of a comparison (what `compare_with_peers` wrote as JSON)."""
    found = judged(result)
    missing = [name for name, one in result["tools"].items() if not one["version"]]
    heads = [
        name if name == "perf" else f"{name} {result['tools'][name]['version']}" for name in found
    ]
    lines = [
        "# The workbench beside its peers",
        "",
        "Written by `manage.py compare_with_peers --settings tests.settings`; the words of each "
        "tool are in",
        f"`peers.json` beside it. {result['database_version']}, Python {result['python']}, "
        f"Django {result['django']}, {result['rows']:,} rows in",
        "the tables of which indexes are asked. `perf` is this workbench.",
        "",
    ]
    if missing:
        lines += [f"Not installed, and not asked: {', '.join(missing)}.", ""]
    lines += [
        "✔ found with line and cure; ◐ found, and what it lacks; – nothing said of it.",
        "",
        _row("", "fault", *heads),
        _row(*["---"] * (len(found) + 2)),
    ]
    for fault in applying(result):
        what = f"{fault.kind}: `{fault.path or fault.place}`"
        lines.append(_row(fault.number, what, *(found[name][fault] for name in found)))
    lines += ["", "## Totals", "", _row("", *heads), _row(*["---"] * (len(found) + 1))]
    ranks = {name: by_row(judgements) for name, judgements in found.items()}
    for rank, label in (
        (CURED, "with line and cure"),
        (FOUND, "found, not all of it"),
        (MISSED, "missed, or a part of it"),
    ):
        counts = [
            Counter(rank for row, rank in rows.items() if row <= ALL_ROWS)[rank]
            for rows in ranks.values()
        ]
        lines.append(_row(f"of {_rows(result)} faults: {label}", *counts))
    false = [false_reports(result["tools"][name]["said"], TWINS) for name in found]
    lines.append(_row(f"of {len(TWINS)} clean twins: something said of", *(n for n, _all in false)))
    lines.append(_row("false reports in them", *(count for _n, count in false)))
    lines += ["", "## How it was judged", ""]
    lines += [
        "- A fault in several parts counts by its worst part. Those that are no request's (24 to "
        "26, 38) have",
        "  the tables of the app as their place: a tool that is asked of requests alone says "
        "nothing of them.",
        "- *Found*: the tool said something of the request that may mean this kind of fault; which "
        "of its own kinds",
        "  may mean what is written in `tests/perf/peers/tools.py`, in its favour.",
        "- *Line*: a report names the marked file and line; where no line of the project stands "
        "between, the class",
        "  and the field or column.",
        "- *Cure*: the words of those reports hold a pattern, the same for all tools (below).",
        "- *False*: whatever is said of a clean twin, of any kind.",
        "",
        "Each tool is set up as its documentation says, in a process of its own, in a small "
        "project with nothing else:",
        "",
    ]
    lines += [f"- {name}: {TOOLS[name].setup}." for name in result["tools"]]
    lines += ["", "| fault | pattern of its cure |", "|---|---|"]
    lines += [
        f"| {fault.number} | `{CURES[fault.number].replace('|', chr(92) + '|')}` |"
        for fault in applying(result)
    ]
    return "\n".join(lines) + "\n"


def _rows(result):
    return len({fault.row for fault in applying(result) if fault.row <= ALL_ROWS})


def _row(*cells):
    return f"| {' | '.join(map(str, cells))} |"
