"""Tell an index benchmark to people, from its JSON alone."""

import re

from perf.recording.finding import COVERED, INDEX, UNUSED
from perf.recording.notes import Note

AT = re.compile(r"^(?P<file>.+):(?P<line>\d+) ")


def notes(result: dict) -> list[Note]:
    """Return a note for each index that keeps the schema from being clean, at its line."""
    schema = result["schema"]
    found = [
        _note(entry, COVERED if entry["covered_by"] else UNUSED, entry["verdict"], "Take it out.")
        for entry in result["indexes"]
        if entry["name"] in schema["useless"]
    ]
    for entry in result["missing"]["measured"]:
        if entry["django"] in schema["missing"]:
            what = (
                f"{entry['reason']}; reads {ratio_of(entry['reads'])}, "
                f"writes {ratio_of(entry['writes'])}, {entry['net_s']:+.2f} s a day"
            )
            found.append(_note(entry, INDEX, what, f"Add {entry['django']} to Meta.indexes."))
    return found


def _note(entry, kind, what, cure):
    place = entry.get("declared_at", entry["table"])
    at = AT.match(place)
    file, line = (at["file"], int(at["line"])) if at else ("", 0)
    told = f"{entry['name']}: {what}." if kind != INDEX else f"{what}."
    return Note(what=told, kind=kind, place=place, cure=cure, file=file, line=line)


def table(result: dict) -> str:
    """Return a line for each index: size, use, what it saves and costs, verdict."""
    lines = [f"{'index':<42} {'size':>9} {'used':>4}  {'reads':<22} {'writes':<22} verdict"]
    for entry in _judged(result):
        lines.append(
            f"{entry['name']:<42} {_size(entry['bytes']):>9} {len(entry['used_by']):>4}  "
            f"{ratio_of(entry.get('reads')):<22} {ratio_of(entry.get('writes')):<22} "
            f"{entry['verdict']}"
        )
    for name in ("reads", "writes"):
        together = result["together"][name]
        verdict = together["verdict"] if together else "no statement was recorded"
        lines.append(f"all against a stock project's, {name}: {ratio_of(together)} {verdict}")
    for entry in result["missing"]["measured"]:
        lines.append(
            f"missing? {entry['django']}: reads {ratio_of(entry['reads'])}, "
            f"writes {ratio_of(entry['writes'])}, {entry['net_s']:+.2f} s a day"
        )
    return "\n".join([*lines, *schema_lines(result["schema"]), stability(result)])


def schema_lines(schema):
    """Return in words whether the schema is clean, and where the guide's indexes lose."""
    lines = [
        "The schema is clean: no index of it was shown to be useless or redundant, and none that "
        "was tried to be missing."
    ]
    if not schema["clean"]:
        lines = [
            f"The schema is not clean: {', '.join(schema[name])} {said}."
            for name, said in (("useless", "to go"), ("missing", "missing"))
            if schema[name]
        ]
    if schema["undecided"]:
        lines.append(f"Undecided: {', '.join(schema['undecided'])}.")
    if schema["guide_loses"]:
        lines.append(
            f"Asked for by the guide, but not shown to help: {', '.join(schema['guide_loses'])}."
        )
    return lines


def stability(result):
    """Return how the comparisons were judged, and how many of the controls were unstable."""
    counts = result["comparisons"]
    return (
        f"{counts['all']} comparisons were judged together: in 95 % of such reports none is "
        f"falsely called different (Holm). {counts['unstable']} A/A controls were unstable "
        f"(beyond ±10 %), and {counts['second_attempts']} comparisons were made a second time "
        "because their control failed: there only effects beyond the control were called."
    )


def markdown(result: dict) -> str:
    """Return INDEX_REPORT.md."""
    machine = result["machine"]
    settings = ", ".join(f"{k} {v}" for k, v in machine["database_settings"].items())
    load = " → ".join(
        " ".join(f"{value:.2f}" for value in result[f"load_average_{when}"])
        for when in ("before", "after")
    )
    rows = ", ".join(f"{count:,} {name}" for name, count in result["tables"].items() if count)
    parts = [
        f"""# Index report: {machine["database"]}

Every number here is in `indexes.json` beside this file, with every raw value.

| | |
|---|---|
| measured | {result["began_at"]} to {result["ended_at"]} |
| commit | {machine["commit"] or "unknown"}, {machine["changed_files"]} changed files |
| database | {machine["database"]} ({settings}) |
| machine | {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gb"]} GB |
| load average | {load} |
| rows | {rows} |
| filled and recorded in | {result["filling_s"]:.0f} s and {result["recording_s"]:.0f} s |

All of this holds for {result["about"]}. Ratios are
with/without the index: below 1 it helps. In brackets the 95 % interval of interleaved pairs,
then the A/A control. An index is kept where the statements of the doors that use it, or the
writes to its table, are shown to be faster with it, and the readers of a day win more than its
writers lose; {result["weights"]}.

{chr(10).join(schema_lines(result["schema"]))}

{stability(result)}

## Verdicts

| index | on | size | build | used by | reads | A/A | writes | A/A | saves a day | verdict |
|---|---|---|---|---|---|---|---|---|---|---|"""
    ]
    for entry in _judged(result):
        parts.append(
            f"| {entry['name']} | {on_what(entry)} | {_size(entry['bytes'])} | "
            f"{entry['build_s']:.2f} s | {len(entry['used_by'])} | {ratio_of(entry['reads'])} | "
            f"{ratio_of(entry['reads'], 'control')} | {ratio_of(entry['writes'])} | "
            f"{ratio_of(entry['writes'], 'control')} | {entry['net_s']:+.2f} s | {_told(entry)} |"
        )
    parts += [_together(result), _rules(result), _missing(result), _users(result), _doors(result)]
    return "\n".join(parts) + "\n"


def _told(entry):
    after = entry.get("judged_without")
    return entry["verdict"] + (f" (judged without {', '.join(after)})" if after else "")


def _judged(result):
    """Return what may be dropped: no primary keys, no indexes behind constraints."""
    return [e for e in result["indexes"] if not e["constraint"] and not e["unique"]]


def _together(result):
    together = result["together"]
    lines = [
        "\n## All together against a stock project's\n",
        f"The {len(together['indexes'])} indexes of `Meta.indexes` against the "
        f"{len(together['stock'])} that Django makes for foreign keys by itself:\n",
        "| statements | with, median | without, median | ratio | A/A | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("reads", "writes"):
        facts = together[name]
        if not facts:
            lines.append(f"| no {name} were recorded | — | — | — | — | |")
            continue
        stopped = f", {facts['stopped']} stopped after 1 s" if facts["stopped"] else ""
        lines.append(
            f"| {facts['statements']} {name} | {_median(facts['with_s']):.3f} s | "
            f"{_median(facts['without_s']):.3f} s{stopped} | {ratio_of(facts)} | "
            f"{ratio_of(facts, 'control')} | {facts['verdict']} {_why(facts)} |"
        )
    return "\n".join(lines)


def _rules(result):
    kept = [e for e in result["indexes"] if e["constraint"] or e["unique"]]
    lines = ["\n## Behind constraints\n", "They are rules first, and stay.\n"]
    lines += ["| index | on | size | used by |", "|---|---|---|---|"]
    lines += [
        f"| {e['name']} | {on_what(e)} | {_size(e['bytes'])} | {len(e['used_by'])} |" for e in kept
    ]
    return "\n".join(lines)


def _missing(result):
    missing = result["missing"]
    lines = [
        "\n## Missing ones\n",
        f"{len(missing['considered'])} were considered for the statements that take "
        f"{missing['worth_ms']:.0f} ms or more, and tried where their table has "
        f"{missing['smallest_table']} rows or more; measured further are those with which a "
        f"statement was shown to take at most {missing['faster']:.0%} of its time.\n",
    ]
    if missing["measured"]:
        lines += [
            "| index | why | size | build | reads | A/A | writes | A/A | saves a day |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
    for e in missing["measured"]:
        lines.append(
            f"| `{e['django']}` | {e['reason']} | {_size(e['bytes'])} | {e['build_s']:.2f} s | "
            f"{ratio_of(e['reads'])} | {ratio_of(e['reads'], 'control')} | "
            f"{ratio_of(e['writes'])} | {ratio_of(e['writes'], 'control')} | {e['net_s']:+.2f} s |"
        )
        lines += [f"| | serves: {_clipped(text)} | | | | | | | |" for text in e["used_by"]]
    lines += ["", "| considered | why | what became of it |", "|---|---|---|"]
    lines += [
        f"| `{e['django']}` | {e['reason']} | {e['outcome']}{': ' if e['error'] else ''}"
        f"{e['error']} |"
        for e in missing["considered"]
    ] or ["| none | no index that is known here would serve more of them | |"]
    lines += [
        f"\n### Still open: reads of {missing['worth_ms']:.0f} ms or more\n",
        "With the indexes that there are, and what to write otherwise, as far as it is known.\n",
    ]
    doors = {s["sql"]: ", ".join(s["doors"]) for s in result["statements"]}
    for e in missing["open"]:
        lines.append(f"- {e['ms']:.1f} ms, {doors[e['sql']]}: {_clipped(e['sql'])}")
        lines += [f"  - {sentence}" for sentence in e["rewriting"]]
    return "\n".join(lines if missing["open"] else [*lines, "None."])


def _users(result):
    lines = ["\n## Who uses what\n"]
    statements = {s["sql"]: s for s in result["statements"]}
    for entry in _judged(result):
        lines.append(f"### {entry['name']}\n")
        if not entry["used_by"]:
            lines.append("No recorded statement.\n")
            continue
        without = {plan["sql"]: plan["without"] for plan in entry["read_plans"]}
        for text in entry["used_by"]:
            s = statements[text]
            lines.append(f"- {', '.join(s['doors'])} ({s['site']}): {_clipped(text)}")
            lines.append(f"  - with: {_plan(s['plan'])}")
            if text in without:
                lines.append(f"  - without: {_plan(without[text])}")
        lines.append("")
    return "\n".join(lines)


def _doors(result):
    lines = ["## Doors\n", "| door | statements | in the database |", "|---|---|---|"]
    lines += [
        f"| {d['name']} | {d['statements']} | {d['database_ms']:.1f} ms |" for d in result["doors"]
    ]
    return "\n".join(lines)


def _plan(plan):
    return "; ".join(" ".join(node.split()) for node in plan["nodes"][:6]) or plan["error"]


def _clipped(text):
    """Return the statement without its list of columns."""
    _select, found, rest = text.partition(" FROM ")
    shown = f"SELECT … FROM {rest}" if found and text.startswith("SELECT") else text
    return f"`{shown[:220]}{'…' if len(shown) > 220 else ''}`".replace("|", "\\|")


def on_what(entry):
    where = f" where {entry['condition']}" if entry["condition"] else ""
    return f"{entry['table']} ({', '.join(entry['columns'])}){where}"


def _size(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def ratio_of(comparison, which="ratio"):
    if not comparison:
        return "—"
    ratio = comparison[which]
    shown = f"{ratio['ratio']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]"
    if which == "ratio":
        return shown
    again = ", second attempt" if comparison["attempts"] > 1 else ""
    return shown + (", unstable" if ratio["unstable"] else "") + again


def _why(facts):
    return f"({facts['why']})" if facts["why"] else ""


def _median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
