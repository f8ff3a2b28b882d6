"""Pictures of measurements as SVG: panels of bars, with colours for light and dark screens. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from hack.bench.measured import Spread, short


class Bar(NamedTuple):
    """One line of the picture."""

    name: str
    spread: Spread
    pale: bool = False


STYLE = """
text { font: 13px sans-serif; fill: #24292f } .title { font-weight: bold }
.bar { fill: #0969da } .pale { fill: #7db3f0 } .range { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .bar { fill: #4493f8 } .pale { fill: #2a5a9c } .range { stroke: #e6edf3 }
}
"""
WIDTH, NAMES, BARS, LINE = 820, 260, 400, 22


def svg(name: str, panels: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """The picture of that name; the bars of a panel share a scale."""
    parts: list[str] = []
    y = 0
    for title, bars in panels:
        y += LINE + 8
        parts.append(f'<text class="title" x="0" y="{y}">{escape(title)}</text>')
        y += 8
        longest = max(bar.spread.high for bar in bars) or 1
        for bar in bars:
            parts += _bar(bar, y, BARS / longest)
            y += LINE
    height = y + 8
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img"><title>{escape(name)}</title>\n<style>{STYLE}</style>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _bar(bar: Bar, y: int, scale: float) -> Iterable[str]:
    """Draw the median as a bar, the range as a line on it, and the median as a number."""
    middle = y + LINE / 2
    low, median, high = (
        NAMES + value * scale for value in (bar.spread.low, bar.spread.median, bar.spread.high)
    )
    kind = "pale" if bar.pale else "bar"
    yield f'<text x="{NAMES - 8}" y="{middle + 4:.0f}" text-anchor="end">{escape(bar.name)}</text>'
    yield f'<rect class="{kind}" x="{NAMES}" y="{y + 4}" width="{median - NAMES:.1f}" height="{LINE - 8}"/>'
    yield f'<path class="range" d="M{low:.1f} {middle:.0f}H{high:.1f}"/>'
    yield f'<text x="{max(median, high) + 8:.0f}" y="{middle + 4:.0f}">{short(bar.spread.median)}</text>'
