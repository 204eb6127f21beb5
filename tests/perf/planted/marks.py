"""Where the planted faults stand, and whether a finding is the one that was wanted."""

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


@cache
def marks():
    """Return {mark: "file:line"} of all that is marked here."""
    found = {}
    for file in [*HERE.glob("*.py"), *HERE.glob("templates/planted/*.html")]:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if match := re.search(r"# fault (\w+)", line):
                found[match[1]] = f"{file.relative_to(ROOT)}:{number}"
    return found


def place_of(fault):
    """Return the "file:line" of a fault, or the class and part of one without a line."""
    return marks().get(fault.place, fault.place)


def is_it(fault, one):
    """Say whether a finding is of the fault's kind, at its place, with its cure."""
    also = fault.also.format_map(marks()) if "{" in fault.also else fault.also
    return (
        one.kind == fault.kind
        and re.match(rf"{re.escape(place_of(fault))}(?!\d)", one.place) is not None
        and fault.cure in one.cure
        and also in str(one)
    )
