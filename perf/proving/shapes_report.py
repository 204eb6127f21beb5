"""Tell to people how the verdicts on indexes differ from shape to shape, from the JSON alone."""

from perf.proving.report import on_what, ratio_of
from perf.proving.shapes import Change
from perf.recording.notes import Note


def table(result: dict) -> str:
    """Return a line for each index with what was shown on each shape, those that flip first."""
    shapes = list(result["shapes"])
    lines = [f"{'index':<42} {''.join(f'{name:<11}' for name in shapes)}"]
    for entry in result["indexes"]:
        shown = "".join(f"{_shown(entry, name):<11}" for name in shapes)
        lines.append(f"{entry['name']:<42} {shown}{entry['change']}")
    return "\n".join([*lines, *sentences(result)])


def notes(result: dict) -> list[Note]:
    """Return a note for each verdict that flips."""
    return [
        Note(what=f"{entry['name']}: its verdict flips with the shape of the data.", kind="shapes")
        for entry in result["indexes"]
        if entry["change"] == Change.FLIPS
    ]


def sentences(result):
    """Return in words which verdicts flip, and what is missing on some shapes only."""
    flip = [entry["name"] for entry in result["indexes"] if entry["change"] == Change.FLIPS]
    lines = [
        f"Verdicts that flip with the shape: {', '.join(flip)}."
        if flip
        else "No verdict flips: no index is needed on one shape and useless on another."
    ]
    for name, saved in result["missing"].items():
        some = ", ".join(f"{shape} ({net_s:+.2f} s a day)" for shape, net_s in saved.items())
        everywhere = len(saved) == len(result["shapes"])
        lines.append(f"Missing {'everywhere' if everywhere else 'on some'}: {name}: {some}.")
    return lines


def markdown(result: dict) -> str:
    """Return INDEX_SHAPES.md."""
    machine, shapes = result["machine"], result["shapes"]
    changed = machine["changed_files"]
    parts = [
        f"# Indexes on {len(shapes)} shapes of data: {machine['database']}\n",
        "Every number here is in `index_shapes.json` beside this file, with every raw value.\n",
        "| | |",
        "|---|---|",
        f"| measured | {result['began_at']} to {result['ended_at']} |",
        f"| commit | {machine['commit'] or 'unknown'}, "
        f"{f'{changed} changed files' if changed else 'clean'} |",
        f"| machine | {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB |\n",
        "| shape | what it is | load average | comparisons | A/A controls unstable |",
        "|---|---|---|---|---|",
    ]
    parts += [
        f"| {name} | {shape['about']} | {shape['load_average_before'][0]:.2f} | "
        f"{shape['comparisons']['all']} | {shape['comparisons']['unstable']} |"
        for name, shape in shapes.items()
    ]
    parts += ["", *(f"{sentence}\n" for sentence in sentences(result))]
    parts += [
        "An index *flips* that is shown to be needed on one shape and useless on another: its "
        "data decide. It is *not shown everywhere* where some shape leaves it undecided. Below, "
        "the ratio with/without of reads and of writes with their 95 % intervals (below 1 it "
        "helps), and how many statements use it. Each report is judged as a whole (Holm); "
        "how often something is read and written is a day's: "
        f"{result['weights']}.\n",
        f"| index | {' | '.join(shapes)} | from shape to shape |",
        f"|---|{'---|' * len(shapes)}---|",
    ]
    for entry in result["indexes"]:
        cells = (_cell(entry, name) for name in shapes)
        changes = entry["change"]
        told = f"**{changes}**" if changes == Change.FLIPS else changes
        parts.append(f"| {entry['name']}<br>{on_what(entry)} | {' | '.join(cells)} | {told} |")
    return "\n".join(parts) + "\n"


def _shown(entry, shape):
    return entry["shapes"][shape]["shown"] if shape in entry["shapes"] else "—"


def _cell(entry, shape):
    one = entry["shapes"].get(shape)
    if one is None:
        return "—"
    return (
        f"**{one['shown']}**, used by {one['used_by']}<br>r {ratio_of(one['reads'])}<br>"
        f"w {ratio_of(one['writes'])}<br>{one['verdict']}"
    )
