"""One map sheet: title, stamp, frame, scale bar, north, legend, and what the map cannot say.

Reads   the words of a map, its extent in CRS metres, its legend entries
Gives   `Sheet`, whose `ground` takes the map's own drawing; `Sheet.svg` gives one small SVG, text as outlines
Knows   nothing of assessments; `jobs/maps.py` decides what is drawn
Start   at `Sheet`

Everything is laid out in millimetres of the printed page, from the top left corner. matplotlib is imported
inside functions, so that commands which draw nothing do not wait for it.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MM = 1 / 25.4  # inches
POINT_MM = 25.4 / 72
INK, QUIET = "#1a1a1a", "#4d4d4d"
HATCH_WIDTH = 0.35
TITLE, TEXT, SMALL = 7.8, 6.5, 6.0  # type sizes in points at printed size


@dataclass(frozen=True)
class Entry:
    """One legend entry: a label, and kind and style of its sample (fill, mark, line, plus, rank, ramp)."""

    label: str
    kind: str
    style: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Words:
    """The words every map carries."""

    title: str  # a sentence
    cannot_say: str
    crs: str
    date: str
    sources: str
    stamps: tuple[str, ...] = ()


def text_width_mm(text: str, size: float, bold: bool = False) -> float:
    """Width in millimetres of one line of `text` at `size` points."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    font.set_size(size * 8, 72)  # eight times as large: less rounding
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / 8 * POINT_MM


def wrap(text: str, width_mm: float, size: float, bold: bool = False) -> list[str]:
    """Break `text` into lines no wider than `width_mm`; words that are too long are broken anywhere."""
    lines: list[str] = []
    for word in text.split():
        trial = f"{lines[-1]} {word}" if lines else word
        if lines and text_width_mm(trial, size, bold) <= width_mm:
            lines[-1] = trial
            continue
        while text_width_mm(word, size, bold) > width_mm and len(word) > 1:
            keep = max(1, int(len(word) * width_mm / text_width_mm(word, size, bold)))
            lines.append(word[:keep])
            word = word[keep:]
        lines.append(word)
    return lines


def shorten(text: str, most: int) -> str:
    """`text`, cut to at most `most` characters with an ellipsis; control characters dropped."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return clean if len(clean) <= most else clean[: most - 1].rstrip() + "…"


def round_length(metres: float) -> float:
    """The largest of 1, 2 or 5 × a power of ten that is not above `metres`."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(step * power for step in (1, 2, 5) if step * power <= metres * (1 + 1e-9))


class Sheet:
    """A sheet `width_mm` wide; its height follows from what it holds.

    `extent` is (west, south, east, north) in CRS metres; `legend_beside` puts the legend to the right of the
    map instead of below it. Draw into `ground` (axes in CRS metres), then call `svg`.
    """

    def __init__(
        self,
        name: str,
        words: Words,
        legend: Sequence[Entry],
        extent: tuple[float, float, float, float],
        *,
        width_mm: float = 87.0,
        legend_beside: bool = False,
    ):
        from matplotlib.figure import Figure

        self.name, self.words, self.extent, self.width_mm = name, words, extent, width_mm
        self.beside = legend_beside
        west, south, east, north = extent
        left = 4.2  # room for northings, written upwards
        self.map_w = width_mm * 0.645 - left if legend_beside else width_mm - left - 0.4
        self.map_h = self.map_w * (north - south) / (east - west)
        self.left = left
        self._items: list[tuple[Any, ...]] = []  # (call, arguments) drawn once the height is known
        self._top = self._plan_head()
        side_w = width_mm - left - self.map_w - 4.0
        foot = self._top + self.map_h + 7.2
        if legend_beside:
            self._plan_legend(legend, width_mm - side_w, self._top, side_w, columns=1)
            foot = max(foot, self._legend_end)
        else:
            self._plan_legend(legend, 0.4, foot, width_mm - 0.4, columns=2)
            foot = self._legend_end + 0.8
        self.height_mm = self._plan_foot(foot) + 0.6
        self.figure = Figure(figsize=(width_mm * MM, self.height_mm * MM), dpi=72)
        self.page = self._axes(0, 0, width_mm, self.height_mm)
        self.page.set_xlim(0, width_mm)
        self.page.set_ylim(self.height_mm, 0)
        self.page.axis("off")
        self.page.set_zorder(10)  # words and ranks lie over the map
        self.ground = self._axes(left, self._top, self.map_w, self.map_h)
        self._frame()
        for call, arguments in self._items:
            call(*arguments)

    # ---- where things go ---------------------------------------------------------------------

    def _axes(self, x: float, y: float, w: float, h: float) -> Any:
        page_h = self.height_mm
        return self.figure.add_axes(
            (x / self.width_mm, 1 - (y + h) / page_h, w / self.width_mm, h / page_h), facecolor="white"
        )

    def _plan_head(self) -> float:
        y = 0.6
        for line in wrap(self.words.title, self.width_mm - 0.8, TITLE, bold=True):
            self._items.append((self.write, (0.4, y, line, TITLE, "bold")))
            y += TITLE * POINT_MM * 1.22
        y += 0.7
        for stamp in self.words.stamps:
            lines = wrap(stamp, self.width_mm - 3.4, TEXT, bold=True)
            height = len(lines) * TEXT * POINT_MM * 1.25 + 1.1
            self._items.append((self._band, (y, height, lines)))
            y += height + 0.7
        return y + 0.2

    def _plan_legend(self, legend: Sequence[Entry], x: float, y: float, width: float, columns: int) -> None:
        step, sample = TEXT * POINT_MM * 1.22, 6.2
        ramps = [entry for entry in legend if entry.kind == "ramp"]
        for entry in ramps:
            for line in wrap(entry.label, width - 1, TEXT):
                self._items.append((self.write, (x, y, line, TEXT, "normal")))
                y += step
            self._items.append((self._ramp, (x, y + 0.5, min(width - 1, 84.0), entry.style)))
            y += 7.2
        column_w = width / columns
        others = [
            (entry, wrap(entry.label, column_w - sample - 1.6, TEXT))
            for entry in legend
            if entry not in ramps
        ]
        heights = [len(lines) * step + 0.75 for _, lines in others]
        column, top, self._legend_end = 0, y, y
        for (entry, lines), height in zip(others, heights, strict=True):
            if column < columns - 1 and top - y + height / 2 > sum(heights) / columns:
                column, top = column + 1, y
            left = x + column * column_w
            self._items.append((self._sample, (left, top, entry)))
            for number, line in enumerate(lines):
                self._items.append((self.write, (left + sample, top + number * step, line, TEXT, "normal")))
            top += height
            self._legend_end = max(self._legend_end, top)

    def _plan_foot(self, y: float) -> float:
        words = self.words
        for text, size, colour in (
            (f"This map cannot say: {words.cannot_say}", TEXT, INK),
            (f"{words.crs}. Information to {words.date}. Sources: {words.sources}", SMALL, QUIET),
        ):
            for line in wrap(text, self.width_mm - 0.8, size):
                self._items.append((self.write, (0.4, y, line, size, "normal", colour)))
                y += size * POINT_MM * 1.25
            y += 0.5
        return y

    # ---- drawing on the page -----------------------------------------------------------------

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        weight: str = "normal",
        colour: str = INK,
        ha: str = "left",
        va: str = "top",
        **more: Any,
    ) -> None:
        """Write one line on the page at millimetres (x, y); never read as a formula, whatever it holds."""
        if text:
            self.page.text(
                x,
                y,
                text,
                fontsize=size,
                fontweight=weight,
                color=colour,
                ha=ha,
                va=va,
                parse_math=False,
                **more,
            )

    def _band(self, y: float, height: float, lines: list[str]) -> None:
        from matplotlib.patches import Rectangle

        box = Rectangle(
            (0.4, y), self.width_mm - 0.8, height, facecolor="white", edgecolor=INK, linewidth=1.1
        )
        self.page.add_patch(box)
        for number, line in enumerate(lines):
            self.write(1.7, y + 0.75 + number * TEXT * POINT_MM * 1.25, line, TEXT, "bold")

    def _sample(self, x: float, y: float, entry: Entry) -> None:
        from matplotlib.patches import Rectangle

        if entry.kind == "fill":
            patch = Rectangle((x, y), 5.0, 2.6, **entry.style)
            patch.set_hatch_linewidth(HATCH_WIDTH)
            self.page.add_patch(patch)
        elif entry.kind == "line":
            self.page.plot([x, x + 5.0], [y + 1.3, y + 1.3], **entry.style)
        elif entry.kind == "plus":
            self.page.plot(
                [x + 2.5], [y + 1.3], marker="o", markersize=7, linestyle="none", **entry.style["ring"]
            )
            self.page.plot([x + 2.5], [y + 1.3], linestyle="none", **entry.style["mark"])
        elif entry.kind == "rank":
            self.rank_mark(x + 2.5, y + 1.3, "1")
        else:
            self.page.plot([x + 2.5], [y + 1.3], linestyle="none", **entry.style)

    def _ramp(self, x: float, y: float, width: float, style: dict[str, Any]) -> None:
        from matplotlib.patches import Rectangle

        colours, breaks = style["colours"], style["breaks"]
        step = (width - 4) / len(colours)
        for number, colour in enumerate(colours):
            box = Rectangle(
                (x + 1 + number * step, y), step, 2.8, facecolor=colour, edgecolor=INK, linewidth=0.4
            )
            self.page.add_patch(box)
        for number, label in enumerate(breaks):
            self.write(x + 1 + number * step, y + 3.3, label, SMALL, ha="center")

    def rank_mark(self, x: float, y: float, rank: str) -> None:
        """A small white square with a black outline and the rank inside, centred on millimetres (x, y)."""
        from matplotlib.patches import Rectangle

        w = 2.9 if len(rank) < 3 else 3.9
        self.page.add_patch(
            Rectangle(
                (x - w / 2, y - 1.35), w, 2.7, facecolor="white", edgecolor="black", linewidth=0.8, zorder=6
            )
        )
        self.write(x, y + 0.06, rank, 5.4, "bold", "black", ha="center", va="center_baseline", zorder=7)

    def _frame(self) -> None:
        west, south, east, north = self.extent
        self.ground.set_xlim(west, east)
        self.ground.set_ylim(south, north)
        for side in self.ground.spines.values():
            side.set_linewidth(0.7)
        step = round_length((east - west) / 2.5)
        xs = [x * step for x in range(math.ceil(west / step), math.floor(east / step) + 1)]
        ys = [y * step for y in range(math.ceil(south / step), math.floor(north / step) + 1)]
        xs = [x for x in xs if west + 0.09 * (east - west) < x < east - 0.09 * (east - west)]
        ys = [y for y in ys if south + 0.09 * (north - south) < y < north - 0.09 * (north - south)]
        self.ground.set_xticks(xs, [])
        self.ground.set_yticks(ys, [])
        self.ground.tick_params(length=2.0, width=0.6, direction="in", top=True, right=True, zorder=9)
        foot = self._top + self.map_h
        for x in xs:
            self.write(self.on_page(x, north)[0], foot + 0.5, f"{x:,.0f}".replace(",", " "), 5.2, ha="center")
        for y in ys:
            spot = self.on_page(west, y)[1]
            label = f"{y:,.0f}".replace(",", " ")
            self.write(2.9, spot, label, 5.2, ha="center", va="center", rotation=90)
        self._scale_and_north(foot + 3.4)

    def _scale_and_north(self, y: float) -> None:
        from matplotlib.patches import Polygon, Rectangle

        west, _, east, _ = self.extent
        metres = round_length((east - west) * 0.32)
        half = metres / (east - west) * self.map_w / 2
        for number, colour in enumerate(("black", "white")):
            box = Rectangle(
                (self.left + number * half, y + 0.5), half, 1.1, facecolor=colour, edgecolor="black"
            )
            box.set_linewidth(0.6)
            self.page.add_patch(box)
        length = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        self.write(self.left + 2 * half + 1.0, y + 0.1, length, TEXT)
        x = self.left + self.map_w - 2.0
        tip = Polygon([(x, y - 0.6), (x + 1.1, y + 2.3), (x, y + 1.6), (x - 1.1, y + 2.3)], facecolor="black")
        tip.set_linewidth(0)
        self.page.add_patch(tip)
        self.write(x - 2.2, y + 0.1, "grid north", TEXT, ha="right")

    # ---- helpers for what is drawn on the ground ---------------------------------------------

    def on_page(self, x: float, y: float) -> tuple[float, float]:
        """Millimetres on the page of a place in CRS metres."""
        west, south, east, north = self.extent
        return (
            self.left + (x - west) / (east - west) * self.map_w,
            self._top + (north - y) / (north - south) * self.map_h,
        )

    def watermark(self, text: str) -> None:
        """Write `text` faintly across the map, so that a cut-out picture still carries it."""
        size = min(34.0, 0.9 * self.map_w / max(text_width_mm(text, 1.0, bold=True), 1e-6))
        x, y = self.left + self.map_w / 2, self._top + self.map_h / 2
        self.write(
            x, y, text, size, "bold", "#000000", ha="center", va="center", rotation=28, alpha=0.12, zorder=5
        )

    def svg(self) -> str:
        """The sheet as one SVG element without prologue, its ids made its own by the sheet's name."""
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        settings: Any = {"svg.fonttype": "path", "svg.hashsalt": self.name, "path.simplify_threshold": 0.2}
        out = io.StringIO()
        with matplotlib.rc_context(settings):
            canvas: Any = FigureCanvasSVG(self.figure)
            canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        text = out.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
        text = re.sub(r'\bid="', f'id="{self.name}-', text)
        text = re.sub(r'href="#', f'href="#{self.name}-', text)
        text = re.sub(r"url\(#", f"url(#{self.name}-", text)
        text = re.sub(r"<pattern.*?</pattern>", light_dots, text, flags=re.S)
        return re.sub(r' d="[^"]*"', lambda path: re.sub(r"(?<=\.\d\d)\d+", "", path[0]), text)

    def png(self, dots_per_inch: int = 150) -> bytes:
        """The sheet as a picture for a word processor."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        out = io.BytesIO()
        canvas: Any = FigureCanvasAgg(self.figure)
        self.figure.set_dpi(dots_per_inch)
        canvas.print_png(out, metadata={"Software": None})
        return out.getvalue()


def light_dots(pattern: re.Match[str]) -> str:
    """Replace matplotlib's tile of some hundred dots (100 kB) by a tile of two; other patterns stay."""
    text = pattern[0]
    dots = len(re.findall(r"\sz", text))
    if dots < 40:
        return text
    rows = round(math.sqrt(dots))
    gap = 72 / rows
    colour = re.search(r"fill: (#\w+)", text[text.index("<path") :])
    head = re.sub(
        r'width="72" height="72"', f'width="{gap:.3f}" height="{2 * gap:.3f}"', text[: text.index("<path")]
    )
    spots = "".join(
        f'<circle cx="{x * gap:.3f}" cy="{y * gap:.3f}" r="0.42" fill="{colour[1] if colour else INK}"/>'
        for x, y in ((0.25, 0.5), (0.75, 1.5))
    )
    return f"{head}{spots}</pattern>"


def free_spot(
    anchor: tuple[float, float],
    size: tuple[float, float],
    taken: list[tuple[float, float, float, float]],
    bounds: tuple[float, float, float, float],
) -> tuple[float, float]:
    """Give the centre nearest to `anchor` where a label of `size` overlaps no rectangle in `taken` (mm).

    The anchor is tried first, then rings around it; the anchor is the answer too where nothing is free.

    Examples
    --------
    >>> free_spot((10, 10), (2, 2), [], (0, 0, 20, 20))
    (10.0, 10.0)
    """
    w, h = size[0] / 2, size[1] / 2
    for ring in range(16):
        for turn in range(16 if ring else 1):
            angle = math.tau * turn / 16
            x = anchor[0] + math.cos(angle) * (w + ring) * (ring > 0)
            y = anchor[1] - math.sin(angle) * (h + ring) * (ring > 0)
            if not (bounds[0] + w <= x <= bounds[2] - w and bounds[1] + h <= y <= bounds[3] - h):
                continue
            if all(x + w < a or x - w > c or y + h < b or y - h > d for a, b, c, d in taken):
                return float(x), float(y)
    return float(anchor[0]), float(anchor[1])
