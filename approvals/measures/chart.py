"""The picture of a measure: requests by day, as columns of whole units that a template can draw."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.measures.contracts import Day

HEIGHT = 100
STEP = 20
WIDTH = 14
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a day's column: ``kind`` is approved, denied, expired or rest."""

    kind: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    day: Day
    x: int
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Chart:
    width: int
    height: int
    bar_width: int
    most: int  # requests of the fullest day
    columns: list[Column]


def chart(days: list[Day]) -> Chart:
    most = max((day.requests.total for day in days), default=0)
    columns = [Column(day, index * STEP + (STEP - WIDTH) // 2, _bars(day, most)) for index, day in enumerate(days)]
    return Chart(len(days) * STEP, HEIGHT, WIDTH, most, columns)


def _bars(day: Day, most: int) -> list[Bar]:
    """Return the parts from the ground up; what there is of a kind is never too small to see."""
    requests = day.requests
    counts = {"approved": requests.approved, "denied": requests.denied, "expired": requests.expired}
    heights = {
        kind: max(_LEAST, round(HEIGHT * count / most))
        for kind, count in {**counts, "rest": requests.rest}.items()
        if count
    }
    if heights:
        tallest = max(heights, key=lambda kind: heights[kind])
        heights[tallest] -= max(0, sum(heights.values()) - HEIGHT)
    bars: list[Bar] = []
    top = HEIGHT
    for kind, height in heights.items():
        top -= height
        bars.append(Bar(kind, top, height))
    return bars
