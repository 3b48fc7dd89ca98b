"""The comparisons as a bar chart in SVG."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from local.bench.measure import Comparison, Figure

WIDTH, LABEL, LINE, BAR = 760, 290, 24, 16
STYLE = "font-family='sans-serif' font-size='13' fill='#333'"


def plot(file: Path, comparisons: Sequence[Comparison]) -> None:
    """Draw a group of bars per comparison: the median, with a thin line from min to max."""
    rows: list[str] = []
    for comparison in comparisons:
        rows.append(_text(0, len(rows), comparison.title, "font-weight='bold'"))
        longest = max(figure.ratio.most for figure in comparison.figures)
        for figure in comparison.figures:
            rows.append("".join(_bar(len(rows), figure, longest)))
        rows.append("")
    height = LINE * len(rows)
    file.write_text(
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' {STYLE}>"
        f"<rect width='{WIDTH}' height='{height}' fill='#fff'/>{''.join(rows)}</svg>\n"
    )


def _bar(row: int, figure: Figure, longest: float) -> Iterator[str]:
    def scaled(ratio: float) -> float:
        return round((WIDTH - LABEL - 70) * ratio / longest, 1)

    ratio, top = figure.ratio, row * LINE + (LINE - BAR) / 2
    colour = "#1db954" if figure.name.startswith("sparkify") else "#9aa5b1"
    yield _text(10, row, figure.name)
    yield (
        f"<rect x='{LABEL}' y='{top}' width='{scaled(ratio.median)}' height='{BAR}' "
        f"fill='{colour}'/>"
    )
    yield (
        f"<path d='M{LABEL + scaled(ratio.least)} {top + BAR / 2}H{LABEL + scaled(ratio.most)}' "
        "stroke='#333'/>"
    )
    times = "\N{MULTIPLICATION SIGN}"
    yield _text(LABEL + scaled(ratio.most) + 8, row, f"{ratio.median:.3g} {times}")


def _text(left: float, row: int, text: str, more: str = "") -> str:
    return f"<text x='{left}' y='{row * LINE + 17}' {more}>{escape(text)}</text>"
