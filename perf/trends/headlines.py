"""The few figures of each measuring command that are worth following over time.

They go into the history when a command is told to keep them (`perf.trends.store`); everything else
is in the files that the commands write.
"""

from datetime import datetime

from perf.models import Kind
from perf.trends.store import remember


def remember_profile(profile):
    """Keep a profile of one dispatch."""
    figures = {
        "total_ms": round(profile.total_ms, 1),
        "database_ms": round(profile.database_ms, 1),
        "statements": profile.statements,
        "slow": profile.slow,
        "findings": len(profile.findings),
        "rows": profile.rows,
    }
    return remember(Kind.PROFILE, figures, at=profile.at, size=profile.result.bookings)


def remember_dispatch(result):
    """Keep a benchmark of the dispatch: a row for each size."""
    _before, after = result["compare"]
    for size in result["sizes"].values():
        arm = size["arms"][after]
        figures = {
            f"{name.removesuffix('_s')}_ms": round(summary["median"] * 1000, 2)
            for name, summary in arm["summary"].items()
        }
        figures["ratio"] = round(size["ratios"][after]["total_s"]["ratio"], 4)
        for name in ("statements", "slow_50"):
            figures[name] = sum(phase[name] for phase in arm["recorded"].values())
        figures["peak_mb"] = round(arm["peak_bytes"] / 1e6, 1)
        remember(
            Kind.DISPATCH,
            figures,
            at=datetime.fromisoformat(result["ended_at"]),
            size=size["bookings"],
            machine=result["machine"],
        )


def remember_indexes(result):
    """Keep a benchmark of the indexes, with a verdict on each."""
    together = result["together"]
    figures = {
        **{
            f"all_{name}_ratio": round(together[name]["ratio"]["ratio"], 4)
            for name in ("reads", "writes")
            if together[name]
        },
        "to_drop": sum(entry["verdict"].startswith("drop") for entry in result["indexes"]),
        "missing": len(result["missing"]["measured"]),
        "megabytes": round(sum(entry["bytes"] for entry in result["indexes"]) / 1e6, 1),
        "indexes": [
            {
                "name": entry["name"],
                "table": entry["table"],
                "size_mb": round(entry["bytes"] / 1e6, 2),
                "used": len(entry["used_by"]),
                "read_ratio": _interval(entry.get("reads")),
                "write_ratio": _interval(entry.get("writes")),
                "verdict": entry["verdict"],
            }
            for entry in result["indexes"]
        ],
    }
    return remember(
        Kind.INDEXES,
        figures,
        at=datetime.fromisoformat(result["ended_at"]),
        size=result.get("bookings"),
        machine=result["machine"],
    )


def _interval(compared):
    if not compared:
        return None
    ratio = compared["ratio"]
    return [round(ratio[name], 4) for name in ("ratio", "low", "high")]
