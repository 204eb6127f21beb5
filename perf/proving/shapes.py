"""Compare what was measured of the same indexes on several shapes of data.

Works on the reports alone (`indexes.prove_indexes`). A verdict flips where an index is shown to be
needed on one shape, and useless on another: then it is the data that decide, and not the schema.
"""

from enum import StrEnum

USELESS = {"drop", "better"}


class Change(StrEnum):
    """What becomes of an index's verdict from shape to shape."""

    FLIPS = "FLIPS"
    NOT_EVERYWHERE = "not shown everywhere"
    SAME = "the same"


def change_of(shown) -> Change:
    """Return how the verdicts differ that were shown ("keep", "drop", "better", "undecided")."""
    found = set(shown)
    if "keep" in found and found & USELESS:
        return Change.FLIPS
    kinds = {"drop" if one in USELESS else one for one in found}
    return Change.SAME if len(kinds) == 1 else Change.NOT_EVERYWHERE


def compare_shapes(results: dict[str, dict]) -> dict:
    """Return what the reports say of each index, {shape: report} of one database and commit.

    Plans and statements are left out; the comparisons keep every raw value.
    """
    first = next(iter(results.values()))
    return {
        "kind": "benchmark_indexes_shapes",
        "began_at": first["began_at"],
        "ended_at": [result["ended_at"] for result in results.values()][-1],
        "machine": first["machine"],
        "weights": first["weights"],
        "shapes": {name: _shape(result) for name, result in results.items()},
        "indexes": _indexes(results),
        "missing": _missing(results),
    }


def _shape(result):
    kept = ("about", "tables", "filling_s", "comparisons", "schema", "load_average_before")
    return {name: result[name] for name in kept}


def _indexes(results):
    found: dict[str, dict] = {}
    for shape, result in results.items():
        for entry in result["indexes"]:
            if entry["constraint"] or entry["unique"]:
                continue
            facts = {name: entry[name] for name in ("name", "table", "columns", "condition")}
            of_it = found.setdefault(entry["name"], {**facts, "shapes": {}})
            of_it["shapes"][shape] = {
                name: entry[name] for name in ("verdict", "shown", "reads", "writes", "net_s")
            } | {"used_by": len(entry["used_by"])}
    for entry in found.values():
        entry["change"] = change_of(one["shown"] for one in entry["shapes"].values())
    return sorted(found.values(), key=lambda entry: (list(Change).index(entry["change"]),
                                                     entry["name"]))  # fmt: skip


def _missing(results):
    """Return which indexes each shape is without, {as Django writes it: {shape: saved seconds}}."""
    found: dict[str, dict[str, float]] = {}
    for shape, result in results.items():
        net_s = {entry["django"]: entry["net_s"] for entry in result["missing"]["measured"]}
        for name in result["schema"]["missing"]:
            found.setdefault(name, {})[shape] = net_s[name]
    return found
