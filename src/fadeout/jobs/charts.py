"""Charts: parties over time, a map of states by status, area by year and kind of release, what is left and until when.

Reads   plain figures
Gives   each chart as one SVG, its title a sentence, with a text for screen readers
Knows   marks that are told apart without colour; nothing of where figures come from
Start   at `parties`, `states_map`, `releases`, `remaining`
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from textwrap import wrap
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.jobs.report import labelled
from fadeout.treaty.dates import say

INK, QUIET = "#1a1a1a", "#5a5a5a"
SERIES = (("#1c3157", ""), ("#7d93bf", "///"), ("#dfe5f0", "..."))  # dark to light, and a hatch each
STATUS = {  # fill and hatch: no red, no green; told apart in a photocopy
    "party": ("#2f4a78", ""),
    "signatory": ("#a9bcdc", "////"),
    "withdrawn": ("#ffffff", "xxxx"),
    "non_signatory": ("#e6e6e6", "...."),
}
UNPLACED = "#f7f7f7"  # what is drawn without a standing
EQUAL_EARTH = "ESRI:54035"  # an equal-area projection (Šavrič, Patterson, Jenny 2019)
KM2 = 1e6
DOTS_PER_INCH = 150  # of pictures for a word processor
ANTARCTICA = "ATA"  # not drawn: it is large in every projection of equal areas


@dataclass(frozen=True)
class Chart:
    """One picture: its SVG, the sentence it says, and a longer text for those who do not see it."""

    key: str
    title: str
    alt: str
    svg: str
    png: bytes = b""


def parties(history: Sequence[tuple[date, int, int]]) -> Chart:
    """Parties by deposit, and those in force, from the first to the last day: (day, parties, in force)."""
    last, by_deposit, in_force = history[-1]
    title = f"{by_deposit} parties by deposit, {in_force} of them in force, on {say(last)}"
    figure, axes = _axes(7.2, 3.0)
    days = [day for day, _, _ in history]
    axes.step(days, [one for _, one, _ in history], where="post", color=INK, lw=1.6, label="by deposit")
    axes.step(
        days, [one for _, _, one in history], where="post", color=QUIET, lw=1.4, ls="--", label="in force"
    )
    axes.set_ylim(0, max(by_deposit, max(one for _, one, _ in history)) * 1.12)
    axes.set_ylabel("States")
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    told = ", ".join(f"{say(day)}: {one}" for day, one, _ in history[:: max(len(history) // 8, 1)])
    return _chart("parties", title, f"{title}. By deposit: {told}.", figure, axes)


def states_map(
    statuses: Mapping[str, str], shapes: Mapping[str, BaseGeometry], as_of: date, note: str
) -> Chart:
    """The world by status. States without a shape are not drawn; the tables hold them.

    Shapes that are no state's are drawn pale, without a standing, and the legend says so.
    """
    from matplotlib.patches import Patch, PathPatch
    from pyproj import Transformer

    number = {status: sum(one == status for one in statuses.values()) for status in STATUS}
    title = f"{number['party']} parties and {number['signatory']} signatories on {say(as_of)}"
    figure, axes = _axes(7.6, 4.0, bare=True)
    move = Transformer.from_crs("EPSG:4326", EQUAL_EARTH, always_xy=True).transform
    for code, shape in shapes.items():
        if code == ANTARCTICA:
            continue
        fill, hatch = STATUS[statuses[code]] if code in statuses else (UNPLACED, "")
        flat = shapely.transform(
            shapely.simplify(shapely.segmentize(shape, 5.0), 0.1), lambda xy: np.column_stack(move(*xy.T))
        )
        path = _path(flat)
        if path is not None:
            axes.add_patch(PathPatch(path, fc=fill, ec="#555555", lw=0.25, hatch=hatch))
    axes.set_aspect("equal")
    axes.margins(0.01)
    axes.autoscale_view()
    names = {"party": "party", "signatory": "signatory", "withdrawn": "withdrawn", "non_signatory": "neither"}
    handles = [
        Patch(fc=fill, ec="#555555", hatch=hatch, lw=0.5, label=f"{names[status]} ({number[status]})")
        for status, (fill, hatch) in STATUS.items()
    ]
    handles.append(Patch(fc=UNPLACED, ec="#555555", lw=0.5, label="drawn without a standing"))
    axes.legend(
        handles=handles, loc="upper center", ncols=5, frameon=False, fontsize=8, bbox_to_anchor=(0.5, 0.0)
    )
    alt = f"World map. {title}; {number['withdrawn']} withdrawn, {number['non_signatory']} neither. {note}"
    return _chart("states", title, alt, figure, axes, note)


def releases(rows: Sequence[tuple[int, int, int, int]]) -> Chart:
    """Area released by year and kind: (year, cancelled, reduced, cleared), m²."""
    total = sum(sum(row[1:]) for row in rows)
    title = f"{total / KM2:.3g} km² released from {rows[0][0]} to {rows[-1][0]}"
    figure, axes = _axes(7.2, 3.0)
    base = np.zeros(len(rows))
    years = [row[0] for row in rows]
    for i, (name, (fill, hatch)) in enumerate(zip(("cleared", "reduced", "cancelled"), SERIES, strict=True)):
        height = np.array([row[3 - i] for row in rows]) / KM2
        axes.bar(years, height, bottom=base, color=fill, hatch=hatch, ec=INK, lw=0.5, label=name)
        base += height
    axes.set_ylim(0, max(float(base.max()), 1e-9) * 1.25)  # room for the legend
    axes.set_ylabel("km²")
    axes.set_xticks(years)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper left")
    told = "; ".join(f"{y}: cancelled {a:,}, reduced {b:,}, cleared {c:,} m²" for y, a, b, c in rows)
    return _chart("releases", title, f"{title}. {told}.", figure, axes)


def remaining(closings: Sequence[tuple[int, int]], deadline: date | None, yearly_m2: float) -> Chart:
    """Area open at each year's end, and where the output of recent years leads: (year, m²); the deadline as a line."""
    year, left = closings[-1]
    needed = left / yearly_m2 if yearly_m2 > 0 else None
    when = f"about {year + 1 + needed:.0f}" if needed is not None and needed < 200 else "not in 200 years"
    title = f"{left / KM2:.3g} km² open at the end of {year}; at the output of recent years done {when}"
    figure, axes = _axes(7.2, 3.0)
    axes.plot(
        [y for y, _ in closings],
        [m2 / KM2 for _, m2 in closings],
        color=INK,
        lw=1.6,
        marker="o",
        ms=3,
        label="open at the end of the year",
    )
    end = deadline.year if deadline else year + 5
    if yearly_m2 > 0:
        until = min(year + (needed or 0), max(end, year) + 5)
        axes.plot(
            [year, until],
            [left / KM2, max(left - yearly_m2 * (until - year), 0) / KM2],
            color=QUIET,
            lw=1.3,
            ls="--",
            label="at the output of recent years",
        )
    if deadline:
        axes.axvline(
            deadline.year + (deadline.timetuple().tm_yday - 1) / 365.25,
            color=INK,
            lw=1,
            ls=":",
            label=f"deadline, {say(deadline)}",
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("km²")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    told = "; ".join(f"{y}: {m2:,} m²" for y, m2 in closings)
    return _chart(
        "remaining",
        title,
        f"{title}. {told}. Deadline: {say(deadline) if deadline else 'not known'}.",
        figure,
        axes,
    )


# --- drawing ---------------------------------------------------------------------------------------------------------


def _axes(width: float, height: float, bare: bool = False) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=72, layout="constrained")
    axes = figure.add_subplot()
    if bare:
        axes.set(xticks=(), yticks=(), frame_on=False)  # axis("off") would take the title's room as well
    else:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.grid(axis="y", color="#d9d9d9", lw=0.5)
        axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    return figure, axes


def _path(shape: BaseGeometry) -> Any:
    """One compound path of a shape's rings."""
    from matplotlib.path import Path

    rings = [
        np.asarray(ring.coords)
        for polygon in getattr(shape, "geoms", (shape,))
        if polygon.geom_type == "Polygon"
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    return Path.make_compound_path(*(Path(ring, closed=True) for ring in rings)) if rings else None


def _chart(key: str, title: str, alt: str, figure: Any, axes: Any, note: str = "") -> Chart:
    axes.set_title(
        "\n".join(wrap(title, 78)), fontsize=10, fontweight="bold", loc="left", color=INK, parse_math=False
    )
    if note:
        figure.supxlabel(note, fontsize=7, color=QUIET)
    return Chart(key, title, alt, labelled(_svg(figure, key), f"chart-{key}", alt), _png(figure))


def _png(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    out = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    figure.set_dpi(DOTS_PER_INCH)
    canvas.print_png(out, metadata={"Software": None})
    return out.getvalue()


def _svg(figure: Any, key: str) -> str:
    """The figure as one SVG element, the same bytes each time."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": key, "hatch.linewidth": 0.5}):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r'\bid="', f'id="{key}-', text)
    text = re.sub(r'href="#', f'href="#{key}-', text)
    text = re.sub(r"url\(#", f"url(#{key}-", text)
    return re.sub(r' d="[^"]*"', lambda path: re.sub(r"(?<=\.\d\d)\d+", "", path[0]), text)
