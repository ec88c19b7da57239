"""Small SVG charts, made on the server, with a table of the same values. They need no script and no inline style."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ...money import EXACT

WIDTH, HEIGHT = 3000, 1000
"""The size of a chart in its own units. The stylesheet stretches the chart to the width of the page."""

Value = int | Decimal | None


@dataclass(frozen=True, slots=True)
class Series:
    """One row of bars or one line. ``values`` has one value for each label of the chart. None means: not known."""

    name: str
    values: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Plot:
    """What a chart shows. ``description`` says it in a sentence, for people who do not see the chart.

    ``name`` is used in ids, so it must be unique on the page. ``text`` formats a value.
    """

    name: str
    title: str
    description: str
    labels: Sequence[str]
    series: Sequence[Series]
    text: Callable[[Value], str] = str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and the texts of its values.

    ``rows`` are the rows of the table behind the chart: the label and the text of each value. ``legend`` contains the
    number and the name of each series.
    """

    title: str
    svg: SafeString
    highest: str
    first_label: str
    last_label: str
    legend: list[tuple[int, str]]
    rows: list[list[str]]


def bar_chart(plot: Plot) -> Chart:
    """Return a chart with bars. The bars of the second series are narrower and stand in front of the first."""
    low, high = _range(plot.series)
    step = WIDTH // len(plot.labels)
    marks = []
    for number, each in enumerate(plot.series):
        width = step * (3 - number) // 4
        for position, value in enumerate(each.values):
            if value:
                zero, end = _y(0, low, high), _y(value, low, high)
                left = position * step + (step - width) // 2
                marks.append((left, min(zero, end), width, max(abs(zero - end), 1), number + 1))
    drawn = format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" class="skinsback-series-{}"/>', marks)
    return _chart(plot, drawn)


def line_chart(plot: Plot) -> Chart:
    """Return a chart with one line for each series. A line has a gap where a value is not known."""
    low, high = _range(plot.series)
    step = WIDTH // len(plot.labels)
    lines = []
    for number, each in enumerate(plot.series):
        points: list[str] = []
        for position, value in enumerate([*each.values, None]):
            if value is not None:
                x, y = position * step, _y(value, low, high)
                points += [f"{x + step // 4},{y}", f"{x + step * 3 // 4},{y}"]
            elif points:
                lines.append((" ".join(points), number + 1))
                points = []
    drawn = format_html_join("", '<polyline points="{}" class="skinsback-line-{}"/>', lines)
    return _chart(plot, drawn)


def _chart(plot: Plot, drawn: SafeString) -> Chart:
    low, high = _range(plot.series)
    svg = format_html(
        '<svg role="img" aria-labelledby="{name}-title {name}-description" class="skinsback-chart" '
        'viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
        '<title id="{name}-title">{title}</title><desc id="{name}-description">{description}</desc>{drawn}'
        '<line x1="0" x2="{width}" y1="{zero}" y2="{zero}" class="skinsback-axis"/></svg>',
        name=f"skinsback-chart-{plot.name}",
        width=WIDTH,
        height=HEIGHT,
        title=plot.title,
        description=plot.description,
        drawn=drawn,
        zero=_y(0, low, high),
    )
    return Chart(
        title=plot.title,
        svg=svg,
        highest=plot.text(high),
        first_label=plot.labels[0],
        last_label=plot.labels[-1],
        legend=[(number, each.name) for number, each in enumerate(plot.series, 1)],
        rows=[
            [label, *map(plot.text, values)]
            for label, *values in zip(plot.labels, *(each.values for each in plot.series), strict=True)
        ],
    )


def _range(series: Sequence[Series]) -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest value of the chart. Zero is always between them."""
    known = [Decimal(value) for each in series for value in each.values if value is not None]
    return min(known, default=Decimal(0)).min(Decimal(0)), max(known, default=Decimal(0)).max(Decimal(0))


def _y(value: int | Decimal, low: Decimal, high: Decimal) -> int:
    """Return the distance of a value from the top of the chart."""
    if low == high:
        return HEIGHT
    share = EXACT.divide(EXACT.subtract(high, Decimal(value)), EXACT.subtract(high, low))
    return int(EXACT.multiply(share, Decimal(HEIGHT)))
