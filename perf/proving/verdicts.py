"""Judge what a benchmark of the indexes measured: which to keep, which to drop, which are missing.

Works on the report alone (`indexes.prove_indexes`); seconds are those of a day.
"""

from statistics import median

from perf.indexes.missing import SMALLEST_TABLE
from perf.measuring.statistics import Verdict, judge_report

WORTH_S = 0.2  # an index is missing if it saves so much in a day, its writers' loss taken off


def settle_report(result):
    """Judge all comparisons of the report together; those that are unstable are marked so."""
    measured = [*result["indexes"], *result["missing"]["measured"], result["together"]]
    compared = [
        found for one in measured for kind in ("reads", "writes") if (found := one.get(kind))
    ]
    told = [{**one["ratio"]} for one in compared]
    judge_report([(ratio, one["control"]) for ratio, one in zip(told, compared, strict=True)])
    for one, ratio in zip(compared, told, strict=True):
        one |= {name: ratio[name] for name in ("verdict", "why")}
    result["comparisons"] = {
        "all": len(compared),
        "unstable": sum(one["control"]["unstable"] for one in compared),
        "second_attempts": sum(one["attempts"] > 1 for one in compared),
    }


def judge_index(entry: dict) -> str:
    """Return "keep", "drop" or "undecided", with the reason after a colon.

    What it saves its readers in a day has to be more than it costs its writers.
    """
    if entry["constraint"] or entry["unique"]:
        return "keep: it is a rule"
    reads, writes = entry.get("reads"), entry.get("writes")
    faster = reads is not None and reads["verdict"] == Verdict.FASTER
    if entry["covered_by"] and not faster:
        return f"drop: {entry['covered_by']} covers it"
    if entry["rows"] < SMALLEST_TABLE:
        used = "used" if entry["used_by"] else "not used"
        return f"undecided: {used}, and its table has only {entry['rows']} rows"
    if faster:
        if writes and writes["verdict"] == Verdict.SLOWER and entry["net_s"] < 0:
            return (
                f"undecided: reads are faster with it, but its writers lose "
                f"{-entry['net_s'] * 1000:.0f} ms a day more than its readers win"
            )
        return "keep: reads are faster with it"
    if writes and writes["verdict"] == Verdict.FASTER:
        return "keep: writes are faster with it"
    if not entry["used_by"] and not entry["declared"]:
        return (
            "undecided: no recorded statement uses it, and it comes with its field: that of a "
            "foreign key is read when what it points to is deleted"
        )
    if not entry["used_by"] and entry["key_served"]:
        return (
            f"undecided: no recorded statement uses it, and no other index begins with "
            f"{entry['key_served']}: it is read when what that points to is deleted"
        )
    if not entry["used_by"]:
        return "drop: no recorded statement uses it"
    if reads and reads["verdict"] == Verdict.SLOWER:
        return "drop: reads are slower with it"
    return "undecided: used, but no difference shown"


def drop_in_turn(entries, drop, judged_again) -> list[str]:
    """Drop what is to go one after the other; return the names in that order.

    Twins stand in for each other: after each one that goes, what is to go or was covered in its
    table is judged anew. `drop(name)` drops; `judged_again(entry)` returns a verdict, measured
    on the database as it is by then.
    """
    gone = []

    def to_go(entry):
        return (
            entry["verdict"].startswith("drop")
            and not entry["asked_for"]
            and entry["name"] not in gone
        )

    while waiting := sorted(filter(to_go, entries), key=lambda e: not e["covered_by"]):
        victim = waiting[0]
        drop(victim["name"])
        gone.append(victim["name"])
        for entry in entries:
            if entry["table"] == victim["table"] and to_go(entry):
                entry["verdict"] = judged_again(entry)
                entry["judged_without"] = list(gone)
    return gone


def tell_shown(result):
    """Note what was shown of each index, whatever is said of it for its size or its owner."""
    for entry in result["indexes"]:
        entry["shown"] = entry["verdict"].partition(":")[0]


def refuse_too_small(result, too_small):
    """Call nothing useless with data that are `too_small`: an index earns with the rows."""
    for entry in result["indexes"]:
        if too_small and entry["verdict"].startswith("drop"):
            entry["verdict"] = f"undecided {too_small} ({entry['verdict'].replace(': ', ', ')})"


def name_better(result):
    """Say of each index whether a measured candidate takes all its statements from it."""
    for entry in result["indexes"]:
        for candidate in result["missing"]["measured"]:
            takes_all = entry["used_by"] and set(entry["used_by"]) <= set(candidate["used_by"])
            faster = candidate["reads"] and candidate["reads"]["verdict"] == Verdict.FASTER
            if takes_all and faster and candidate["table"] == entry["table"]:
                entry["better_as"] = candidate["django"]
                entry["shown"] = "better"
                entry["verdict"] = f"better as {candidate['django']}"
        if entry["asked_for"] and not entry["verdict"].startswith("keep"):
            entry["verdict"] = f"keep, the owner asked for it ({entry['verdict']})"


def saved_s(measured):
    """Return what the statements take less with the index in a day; below 0 for more."""
    if not measured:
        return 0.0
    return median(measured["without_s"]) - median(measured["with_s"])


def judge_schema(result) -> dict:
    """Return what keeps the declared indexes from being clean, and where the guide's lose.

    Clean: none was shown to be redundant or useless, and none to be missing; what is undecided
    is listed beside. The guide's five stay in any case; that one of them loses is said, not held
    against the schema.
    """
    declared = [entry for entry in result["indexes"] if entry["declared"]]
    useless = [
        entry["name"]
        for entry in declared
        if not entry["asked_for"] and entry["verdict"].startswith(("drop", "better"))
    ]
    undecided = [entry["name"] for entry in declared if entry["verdict"].startswith("undecided")]
    missing = [
        candidate["django"]
        for candidate in result["missing"]["measured"]
        if candidate["reads"] and candidate["reads"]["verdict"] == Verdict.FASTER
        if candidate["net_s"] >= WORTH_S
    ]
    return {
        "clean": not useless and not missing,
        "useless": useless,
        "undecided": undecided,
        "missing": missing,
        "guide_loses": [
            entry["name"]
            for entry in declared
            if entry["asked_for"] and entry["verdict"].startswith("keep, the owner")
        ],
    }
