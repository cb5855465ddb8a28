"""Bars and curves as SVG, written by hand: no library is worth two pictures."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _LEFT, _BAR, _GAP, _TOP = 640, 110, 26, 12, 44
_COLOURS = {"ideal": "#9aa0a6", "ours": "#1a73e8", "kopf": "#e8710a"}
_OTHER = ("#1a73e8", "#e8710a", "#188038", "#9334e6")
_STYLE = "<style>text{font:13px sans-serif;fill:#5f6368}.title{font-weight:bold}</style>"


def _svg(height: int, body: Sequence[str]) -> str:
    lines = "\n".join(body)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">\n{_STYLE}\n{lines}\n</svg>\n'


def bars(title: str, values: Mapping[str, float]) -> str:
    """One horizontal bar for each value."""
    longest = max(values.values()) or 1.0
    body = [f'<text class="title" x="10" y="24">{escape(title)}</text>']
    for index, (name, value) in enumerate(values.items()):
        y, length = _TOP + index * (_BAR + _GAP), (_WIDTH - _LEFT - 80) * value / longest
        colour = _COLOURS.get(name, _OTHER[index % len(_OTHER)])
        body += [
            f'<text x="{_LEFT - 10}" y="{y + 18}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LEFT + length + 8:.1f}" y="{y + 18}">{value:.3g}</text>',
        ]
    return _svg(_TOP + len(values) * (_BAR + _GAP), body)


def curves(title: str, across: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Curves over a logarithmic axis; each point is drawn and carries its value."""
    height, bottom = 340, 290
    points = [point for line in lines.values() for point in line]
    low, high = math.log10(min(x for x, _ in points)), math.log10(max(x for x, _ in points))
    top = max(y for _, y in points) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - low) / (high - low or 1.0)
        return _LEFT + share * (_WIDTH - _LEFT - 60), bottom - (bottom - _TOP - 30) * y / top

    body = [
        f'<text class="title" x="10" y="24">{escape(title)}</text>',
        f'<path d="M{_LEFT - 20} {bottom}H{_WIDTH - 20}" stroke="#9aa0a6" fill="none"/>',
        f'<text x="{_WIDTH / 2}" y="{height - 8}" text-anchor="middle">{escape(across)}</text>',
    ]
    body += [
        f'<text x="{place(x, 0)[0]:.0f}" y="{bottom + 18}" text-anchor="middle">{x:g}</text>'
        for x in sorted({x for x, _ in points})
    ]
    for index, (name, line) in enumerate(lines.items()):
        colour, placed = _OTHER[index % len(_OTHER)], [place(*point) for point in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        body.append(f'<polyline points="{path}" stroke="{colour}" stroke-width="2" fill="none"/>')
        body += [
            f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle">{value:.3g}</text>'
            for (x, y), (_, value) in zip(placed, line, strict=True)
        ]
        body.append(f'<text x="{_LEFT}" y="{_TOP + 16 * index}" style="fill:{colour}">{escape(name)}</text>')
    return _svg(height, body)
