"""The maps of the report: what was searched and found, what may remain, and where to go next.

Reads   an `Assessment` (survey, gridded arrays, posterior, hazardous area, next boxes)
Gives   `draw`: one `MapPicture` (an SVG with its words) for each map, all of the same extent and scale
Knows   nothing of pages; `jobs/report.py` places the pictures
Start   at `draw`; the paper around a map is in `jobs/sheet.py`

Colours, symbols and class breaks are fixed (`jobs/map_marks.py`), so that two maps can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fadeout.jobs import phrasing
from fadeout.jobs.assessment import Assessment
from fadeout.jobs.map_marks import (
    AREA_LINE,
    DENSITY_BREAKS,
    EVIDENCE,
    P_BREAKS,
    RAMP,
    UNSEARCHED,
    add,
    draw_classes,
    draw_effort,
    draw_evidence,
    draw_hazard,
    draw_outline_of_search,
    draw_strikes,
    effort_legend,
    hatched,
    hazard_legend,
    outline_legend,
    point_legend,
    searched,
    searched_legend,
    unsearched_legend,
)
from fadeout.jobs.map_scene import Part, Scene
from fadeout.jobs.sheet import Entry, Sheet


@dataclass(frozen=True)
class MapPicture:
    """One finished map: an inline SVG and the words beside it."""

    key: str
    title: str
    svg: str
    description: str
    cannot_say: str
    width_mm: float
    height_mm: float

    @property
    def alt(self) -> str:
        """The map in words, for those who do not see it."""
        return f"Map. {self.title}. {self.description} This map cannot say: {self.cannot_say}"


def draw(
    assessment: Assessment, parts: Sequence[Part], stamps: tuple[str, ...] = ()
) -> dict[str, MapPicture]:
    """Draw every map of the report.

    Parameters
    ----------
    assessment : jobs.assess.Assessment
        What is drawn.
    parts : sequence of Part
        The polygons of the hazardous area with their ids.
    stamps : tuple of str
        Words that must stand in every picture, such as "SIMULATED ...".

    Returns
    -------
    dict of str to MapPicture
        Keys "glance", "effort", "remaining", "chance", "area", in the order of the report.
    """
    scene = Scene(assessment, tuple(parts), stamps)
    return {picture.key: picture for picture in (at_a_glance(scene), *small_multiples(scene))}


def small_multiples(scene: Scene) -> tuple[MapPicture, ...]:
    """The four maps that stand side by side."""
    return finds_and_effort(scene), expected_remaining(scene), chance_of_any(scene), hazardous_area(scene)


# ---- the maps -------------------------------------------------------------------------------


def finds_and_effort(scene: Scene) -> MapPicture:
    """Where search was done and what was found; ground never searched stays cross-hatched."""
    legend = [Entry("not searched", "fill", hatched(UNSEARCHED)), *effort_legend(scene), *point_legend(scene)]
    words = scene.words(
        f"What was searched and found, to {scene.date}",
        "what lies in ground that nobody searched. No find there says nothing.",
    )
    sheet = Sheet("effort", words, legend, scene.extent)
    draw_effort(sheet, scene)
    draw_strikes(sheet, scene)
    draw_evidence(sheet, scene)
    area = float(scene.survey.area.area)
    done = float(scene.searched_ground.intersection(scene.survey.area).area)
    share = f"Searched: {phrasing.hectares(done)} of {phrasing.hectares(area)} in the assessed area."
    return finish(scene, sheet, "effort", f"{share} {count_evidence(scene)}")


def expected_remaining(scene: Scene) -> MapPicture:
    """Expected remaining items per hectare, in fixed classes."""
    per_hectare = scene.assessment.posterior.expected_remaining / (scene.cell_m**2 / 1e4)
    labels = [f"{b:g}" for b in DENSITY_BREAKS] + ["more"]
    legend = [
        Entry("expected items remaining per hectare", "ramp", {"colours": RAMP, "breaks": labels}),
        *outline_legend(scene),
    ]
    words = scene.words(
        f"Where items are expected to remain, {scene.date}",
        "where each item lies. It shows averages that rest on the search records and the prior.",
    )
    sheet = Sheet("remaining", words, legend, scene.extent)
    draw_classes(sheet, scene, per_hectare, DENSITY_BREAKS, np.mean, labelled=(0.01, 0.2, 3.0))
    draw_outline_of_search(sheet, scene)
    return finish(
        scene,
        sheet,
        "remaining",
        f"The densest cell holds {phrasing.number(float(per_hectare.max()))} per hectare.",
    )


def chance_of_any(scene: Scene) -> MapPicture:
    """Chance that at least one item remains in a cell, with the finds."""
    side = f"{scene.cell_m:g} m"
    legend = [
        Entry(
            f"chance that at least one item remains in a cell of {side} × {side}",
            "ramp",
            {"colours": RAMP, "breaks": [f"{b:g}" for b in P_BREAKS] + ["1"]},
        ),
        *outline_legend(scene),
        *[entry for entry in point_legend(scene) if entry.label == EVIDENCE["item"][0]],
    ]
    words = scene.words(
        f"How likely it is that anything remains, {scene.date}",
        "that a light cell is free of items. A low chance is not zero, and an estimate releases no ground.",
    )
    sheet = Sheet("chance", words, legend, scene.extent)
    chance = scene.assessment.posterior.p_any_remaining
    draw_classes(sheet, scene, chance, P_BREAKS, np.max, labelled=(0.01, 0.2))
    draw_outline_of_search(sheet, scene)
    draw_evidence(sheet, scene, kinds=("item",), size=0.75)
    return finish(
        scene, sheet, "chance", f"The highest chance of a cell is {phrasing.number(float(chance.max()))}."
    )


def hazardous_area(scene: Scene) -> MapPicture:
    """The suspected hazardous area with ids and hectares, and the next boxes with their ranks."""
    legend = [*hazard_legend(scene), *searched_legend(scene, ""), *unsearched_legend()]
    words = scene.words(
        f"The hazardous area and the next boxes, {scene.date}",
        "that ground outside the area is released. It is advice; a person decides, with authority and date.",
    )
    sheet = Sheet("area", words, legend, scene.extent)
    add(sheet, scene.survey.area, zorder=1, **UNSEARCHED)
    add(sheet, scene.searched_ground, zorder=1.2, **searched())
    draw_hazard(sheet, scene)
    return finish(scene, sheet, "area", describe_hazard(scene))


def at_a_glance(scene: Scene) -> MapPicture:
    """The one map of the first page: what was searched and found, the hazardous area, the next boxes."""
    legend = [
        *hazard_legend(scene),
        *point_legend(scene),
        *searched_legend(scene, "...."),
        *unsearched_legend(),
    ]
    words = scene.words(
        f"Where remnants may remain, and where to search next, {scene.date}",
        "where each item lies, or that ground outside the area is released.",
    )
    sheet = Sheet("glance", words, legend, scene.extent, width_mm=178.0, legend_beside=True)
    add(sheet, scene.survey.area, zorder=1, **UNSEARCHED)
    add(sheet, scene.searched_ground, zorder=1.2, **searched(hatch="...."))
    draw_hazard(sheet, scene, evidence=True)
    return finish(scene, sheet, "glance", f"{describe_hazard(scene)} {count_evidence(scene)}")


def finish(scene: Scene, sheet: Sheet, key: str, description: str) -> MapPicture:
    """Close a sheet: the outline of the assessed ground, the stamp across the picture, and the SVG."""
    add(sheet, scene.survey.area, zorder=4, **AREA_LINE)
    for stamp in scene.stamps[:1]:
        sheet.watermark(stamp.split(":")[0][:40])
    words = sheet.words
    return MapPicture(
        key, words.title, sheet.svg(), description, words.cannot_say, sheet.width_mm, sheet.height_mm
    )


# ---- words and shapes -----------------------------------------------------------------------


def count_evidence(scene: Scene) -> str:
    """How many of each kind of evidence, in words."""
    counts = [
        (sum(e.count for e in scene.survey.evidence if e.kind == kind), words)
        for kind, (words, _) in EVIDENCE.items()
    ]
    told = [f"{words}: {count}" for count, words in counts if count]
    strikes = f"strike records: {len(scene.survey.strikes)}" if scene.survey.strikes else "no strike records"
    return f"Evidence: {', '.join(told) or 'none'}; {strikes}."


def describe_hazard(scene: Scene) -> str:
    """The parts of the hazardous area and the next boxes, in words."""
    if not scene.parts:
        return (
            f"No suspected hazardous area follows from the finds. Next boxes: {len(scene.assessment.boxes)}."
        )
    total = phrasing.hectares(sum(part.shape.area for part in scene.parts))
    boxes = len(scene.assessment.boxes)
    return f"Suspected hazardous area: {total} in {len(scene.parts)} parts. Next boxes: {boxes}."
