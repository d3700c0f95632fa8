"""Charts as the coordinates of SVG: what is drawn where. The templates write the markup.

Bars are one path a series, a stroke each, so that half a year of days is two kilobytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pyfcrawl.core.versions import sort_key
from pyfcrawl.stores.history import CountedDay
from pyfcrawl.web.shown import short

WIDTH, HEIGHT = 720, 200
_LEFT, _TOP, _BOTTOM = 44, 16, 24
_BASE = HEIGHT - _BOTTOM
_MOST_VERSIONS = 5
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Series:
    """One series of bars: its path, and the sum of its values."""

    label: str
    path: str
    total: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over time. `rows` has the same as a table: a label and a value for each series."""

    series: list[Series]
    bar: float
    across: list[Tick]
    up: list[Tick]
    marks: list[Tick]
    rows: list[tuple[str, list[int]]]

    @property
    def total(self) -> int:
        """The sum of everything shown."""
        return sum(each.total for each in self.series)


def bars(
    labels: Sequence[str],
    values: Mapping[str, Sequence[int]],
    ticks: Mapping[int, str],
    marks: Mapping[int, str] | None = None,
) -> Chart:
    """Bars for each label, the series stacked in their order; `ticks` and `marks` by position."""
    step = (WIDTH - _LEFT) / max(1, len(labels))
    heights = [sum(some[n] for some in values.values()) for n in range(len(labels))]
    highest, up = _scale(max(heights, default=0))
    below = [0] * len(labels)
    series = []
    for name, some in values.items():
        path = []
        for n, value in enumerate(some):
            if value:
                start, below[n] = below[n], below[n] + value
                x = _LEFT + (n + 0.5) * step
                path.append(f"M{x:.1f} {_y(start, highest)}V{_y(below[n], highest)}")
        series.append(Series(name, "".join(path), sum(some)))
    return Chart(
        series=series,
        bar=round(max(1.0, step * 0.72), 2),
        across=[Tick(round(_LEFT + (n + 0.5) * step, 1), text) for n, text in ticks.items()],
        up=[Tick(_y(value, highest), short(value)) for value in up],
        marks=[Tick(round(_LEFT + n * step, 1), text) for n, text in (marks or {}).items()],
        rows=[(label, [some[n] for some in values.values()]) for n, label in enumerate(labels)],
    )


def _y(value: int, highest: int) -> float:
    return round(_BASE - (_BASE - _TOP) * value / highest, 1)


def _scale(most: int) -> tuple[int, list[int]]:
    """The top of the scale, and some round values up to it."""
    step, power = 1, 1
    while step * 4 < most:
        for each in _STEPS:
            step = each * power
            if step * 4 >= most:
                break
        power *= 10
    count = max(1, -(-most // step))
    return step * count, [step * n for n in range(count + 1)]


def daily(days: Sequence[CountedDay], changes: Sequence[str]) -> Chart | None:
    """Downloads day by day, and where counting changed."""
    counted = {each.day: each.downloads for each in days}
    if not counted:
        return None
    labels = _calendar(min(counted), max(counted))
    marks = {labels.index(each): each for each in changes if each in labels}
    values = {"Downloads": [counted.get(each, 0) for each in labels]}
    return bars(labels, values, _months(labels), marks)


def by_version(days: Sequence[CountedDay], changes: Sequence[str]) -> Chart | None:
    """Downloads week by week, of the versions downloaded most and of all others."""
    totals: dict[str, int] = {}
    for each in days:
        totals[each.version] = totals.get(each.version, 0) + each.downloads
    if not totals:
        return None
    weeks = _weeks(min(each.day for each in days), max(each.day for each in days))
    most = sorted(totals, key=lambda each: (-totals[each], each))[:_MOST_VERSIONS]
    names = sorted(most, key=sort_key, reverse=True)
    if len(totals) > len(most):
        names.append("others")
    values = {name: [0] * len(weeks) for name in names}
    places = {week: n for n, week in enumerate(weeks)}
    for each in days:
        name = each.version if each.version in most else "others"
        values[name][places[_week(each.day)]] += each.downloads
    marks = {places[_week(each)]: each for each in changes if _week(each) in places}
    return bars(weeks, values, _months(weeks), marks)


def weekly_rows(days: Sequence[CountedDay]) -> list[tuple[str, list[int]]]:
    """The sum of each week, by its Monday: what a table of days would be too long for."""
    sums: dict[str, int] = {}
    for each in days:
        week = _week(each.day)
        sums[week] = sums.get(week, 0) + each.downloads
    return [(week, [count]) for week, count in sorted(sums.items())]


def monthly(counts: Mapping[str, int], first: str, last: str, name: str) -> Chart:
    """What was counted by month, YYYY-MM, between two months."""
    labels = months_between(first, last)
    ticks = {n: each[:4] for n, each in enumerate(labels) if each.endswith("-01")}
    return bars(labels, {name: [counts.get(each, 0) for each in labels]}, _thinned(ticks))


def growth(added: Mapping[str, int], first: str, last: str) -> Chart:
    """How many there were by the end of each month."""
    total = sum(count for month, count in added.items() if month < first)
    sums: dict[str, int] = {}
    for each in months_between(first, last):
        total += added.get(each, 0)
        sums[each] = total
    return monthly(sums, first, last, "Packages")


def distribution(scores: Sequence[int]) -> Chart:
    """Health scores in tens."""
    counts = [0] * 10
    for each in scores:
        counts[min(9, max(0, each) // 10)] += 1
    labels = [f"{n * 10} to {n * 10 + (9 if n < 9 else 10)}" for n in range(10)]
    return bars(labels, {"Packages": counts}, {n: str(n * 10) for n in range(10)})


def months_between(first: str, last: str) -> list[str]:
    """Months from one to another, both included, as YYYY-MM."""
    year, month = map(int, first.split("-"))
    found: list[str] = []
    while (text := f"{year:04}-{month:02}") <= last and len(found) < 1200:
        found.append(text)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def _thinned(ticks: Mapping[int, str]) -> dict[int, str]:
    every = -(-len(ticks) // 12) or 1
    return {n: text for place, (n, text) in enumerate(ticks.items()) if place % every == 0}


def _calendar(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def _week(day: str) -> str:
    """The Monday of a day's week."""
    found = date.fromisoformat(day)
    return (found - timedelta(days=found.weekday())).isoformat()


def _weeks(first: str, last: str) -> list[str]:
    return _calendar(_week(first), last)[::7]


def _months(days: Sequence[str]) -> dict[int, str]:
    """Where months begin."""
    ticks: dict[int, str] = {}
    for n, each in enumerate(days):
        if n and each[:7] != days[n - 1][:7]:
            ticks[n] = date.fromisoformat(each).strftime("%b %Y" if each[5:7] == "01" else "%b")
    return _thinned(ticks)
