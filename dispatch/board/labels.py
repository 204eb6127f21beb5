"""Find room for the labels of a driver's bars; positions and lengths in percent of the timeline.

A bar is often too short for its own text. Where rows are comfortable, labels stand above and below
the bars in turn, so that each has room until the bar after the next. Where rows are compact, the
bars themselves take turns in two lanes, and each label begins on its bar: the same room.
"""


def place_labels(bars: list[dict]) -> None:
    """Add to each bar its label's side (`above`) and the `room` there."""
    ordered = sorted(bars, key=lambda bar: bar["left"])
    for i, bar in enumerate(ordered):
        bar["above"] = i % 2 == 0
        bar["room"] = round(_until(ordered, i + 2) - bar["left"], 3)


def _until(ordered, i):
    return ordered[i]["left"] if i < len(ordered) else 100
