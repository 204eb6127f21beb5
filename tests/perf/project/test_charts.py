"""Charts of reports: any values can be drawn, and are labelled with numbers that people read."""

import pytest
from matplotlib.figure import Figure

from perf.project.charts import BLUE, Bars, Dots, During, Interval, Level, Line, Panel, draw

EVERY_MARK = (
    Line([1, 10], [2, 3], BLUE, "line", low=[1, 3], high=[2, 4]),
    Dots([1], [2], BLUE, "dots"),
    Dots([], [], BLUE, wrong=True),
    Bars([0, 1], [3, 4], BLUE, "bars", ["3", "4"]),
    Interval(1, 1.0, 0.9, 1.1, BLUE),
    Level(1),
    During(0, 2, "a dispatch"),
)


@pytest.mark.parametrize(("name", "begins"), [("chart.png", b"\x89PNG"), ("chart.svg", b"<?xml")])
def test_every_mark_is_drawn_into_a_file_of_its_kind(tmp_path, name, begins):
    panel = Panel("all", EVERY_MARK, x_label="x", y_label="y", legend=True)
    lying = Panel("lying", [Bars([0], [1], BLUE, texts=["1 s"], is_lying=True)], y_at={0: "tuned"})
    draw(
        tmp_path / name, [panel, lying], width=8, height=3, title="t", origin="o",
        legend_beside=True,
    )  # fmt: skip
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_drawing_does_not_hold_its_date(tmp_path):
    draw(tmp_path / "a.svg", [Panel("one", [Level(1)])], width=3, height=2)
    assert "<dc:date>" not in (tmp_path / "a.svg").read_text()


def labels_of(*marks):
    axes = Figure().subplots()
    Panel("", marks, y_log=True).draw(axes)
    axes.figure.draw_without_rendering()
    low, high = axes.get_ylim()
    return [
        label.get_text()
        for label in axes.get_yticklabels()
        if low <= label.get_position()[1] <= high
    ]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0.8, 1.5), ["0.5", "1", "2"]),  # a narrow axis has more than one label
        ((0.03, 1.2), ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]),
        ((12, 106_965), ["10", "100", "1,000", "10,000", "100,000"]),  # none over another
    ],
)
def test_logarithms_are_labelled_with_plain_numbers(values, labels):
    assert labels_of(Dots([0, 1], values, BLUE)) == labels


def test_the_shortest_of_bars_is_seen():
    axes = Figure().subplots()
    Panel("", [Bars([0, 1], [12, 100_000], BLUE)], y_log=True).draw(axes)
    assert axes.get_ylim()[0] < 12 / 3


def test_a_chart_of_nothing_but_noughts_begins_at_nought():
    axes = Figure().subplots()
    Panel("", [Bars([0], [0], BLUE)]).draw(axes)
    assert axes.get_ylim() == (0, 1)
