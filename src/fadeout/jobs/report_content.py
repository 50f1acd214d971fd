"""What the report says, in an order and in blocks that HTML and PDF share.

Reads   an `Assessment` and its summary dictionary
Gives   `build`: title, stamps, and six sections of blocks (text, figures, tables, maps) as plain JSON values
Knows   nothing of HTML, Typst or matplotlib
Start   at `build`

Numbers have at most three significant digits and a unit; totals are medians with a 90 % interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fadeout.jobs.assessment import Assessment
from fadeout.jobs.maps import MapPicture
from fadeout.jobs.phrasing import chance, day, hectares, interval, listed, number, percent, say
from fadeout.jobs.report_blocks import Block, column, section, table, text
from fadeout.jobs.report_learned import contamination, what_was_taught
from fadeout.jobs.sentences import to_depth

MOST_ROWS = 12  # of parts and strikes; the GeoPackage holds all
HANDLING = (
    "For survey, clearance and information staff: exact positions are not for the public. An estimate and "
    "advice; only a named person with authority cancels, reduces or releases ground."
)


def build(
    assessment: Assessment,
    summary: Mapping[str, Any],
    pictures: Mapping[str, MapPicture],
    paper_mm: float = 297.0,
) -> dict[str, Any]:
    """Give the whole report as JSON values, for paper `paper_mm` high; the templates only lay it out."""
    marks = summary["stamps"]
    area = summary["area"]
    sections = [
        section("glance", "At a glance", at_a_glance(summary)),
        section(
            "maps", "The maps", [{"kind": "maps", "keys_": ["effort", "remaining", "chance", "area"]}], True
        ),
        section("boxes", "Where to search next", next_boxes(summary), True),
        section("completion", "Is it complete?", completion(summary)),
        section("sure", "How sure this is", how_sure(summary)),
        section("sources", "Where every number came from", sources(assessment, summary)),
    ]
    for count, one in enumerate(sections, start=1):
        one["number"] = f"{count}"
    return {
        "lang": "en",
        "title": summary["title"],
        "subtitle": f"Estimate of cluster munition remnants. "
        f"Information to {day(summary['information_date'])}. "
        f"{hectares(area['assessed_m2'])} assessed, {area['crs']}, cells of {number(area['cell_m'])} m.",
        "stamps": list(marks),
        "stamp_lines": sum(1 + len(mark) // 105 for mark in marks),
        "handling": HANDLING,
        "widths": widths(pictures, marks, paper_mm),
        "sections": sections,
        "maps": {
            key: {"svg": picture.svg, "alt": picture.alt, "caption": picture.description}
            for key, picture in pictures.items()
        },
    }


def widths(pictures: Mapping[str, MapPicture], marks: Sequence[str], paper_mm: float) -> dict[str, float]:
    """Widths in millimetres that put the first map on page 1 and the four others on page 2."""
    body = paper_mm - 25 - 6.5 * len(marks)
    glance, *others = pictures.values()
    tall = glance.height_mm / glance.width_mm
    rows = sum(max(p.height_mm for p in pair) for pair in (others[:2], others[2:])) / others[0].width_mm
    fitted = (body - 22) / rows
    return {"glance": min(182.0, (body - 112) / tall), "maps": 89.0 if fitted < 70 else min(89.0, fitted)}


# ---- 1 At a glance --------------------------------------------------------------------------


def at_a_glance(summary: Mapping[str, Any]) -> list[Block]:
    """Section 1: three figures, three sentences, the verdict of the checks and a map."""
    checks, said = summary["checks"], summary["sentences"]
    verdict = "" if checks["passed"] else "FAILED. Do not decide on these figures. "
    return [
        {"kind": "figures", "figures": three_figures(summary)},
        text(said["we_know"], "What we know."),
        text(said["we_do_not_know"], "What we do not know."),
        text(said["next"], "What to do next."),
        {"kind": "checks", "lead": "Checks of the fit:", "text": verdict + checks["words"]},
        {"kind": "map", "key": "glance"},
    ]


def three_figures(summary: Mapping[str, Any]) -> list[Block]:
    """Items remaining, hectares of the hazardous area, and the chance that nothing lies outside it."""
    remaining, hazard = summary["remaining"], summary["hazardous_area"]
    outside = summary["completion"][0]
    return [
        {
            "label": "Items remaining in the assessed ground",
            "value": number(remaining["median"]),
            "range": interval(remaining["low"], remaining["high"]),
            "note": "median, with the interval that holds the number with a chance of 90 %",
        },
        {
            "label": "Suspected hazardous area",
            "value": hectares(hazard["area_m2"]),
            "range": left_out(hazard),
            "note": hazard_note(hazard),
        },
        {
            "label": "Chance that nothing is left outside it",
            "value": chance(outside["p_none"]),
            "range": f"items outside: {interval(outside['low'], outside['high'])}",
            "note": "most of it from ground that nobody searched",
        },
    ]


def left_out(hazard: Mapping[str, Any]) -> str:
    """The share of items that the hazardous area leaves out, and how sure that is."""
    if not hazard["parts"]:
        return ""
    share, confidence = percent(hazard["share_left_out"]), percent(hazard["confidence"])
    return f"leaves out {share} of items, at confidence {confidence}"


def hazard_note(hazard: Mapping[str, Any]) -> str:
    """How many parts the hazardous area has, and whether it is what was asked."""
    count = len(hazard["parts"])
    if not count:
        return "no strike with finds, so no area follows; unexplored ground is totalled apart"
    asked = f"asked: at most {percent(hazard['asked_share'])}, at {percent(hazard['asked_confidence'])}"
    return f"{count} part{'s' * (count != 1)}; {asked}: {'met' if hazard['met'] else 'NOT MET'}"


# ---- 3 Next boxes ---------------------------------------------------------------------------


def next_boxes(summary: Mapping[str, Any]) -> list[Block]:
    """Section 3: the boxes to search next, by rank, each with its reason."""
    rows = [
        [
            str(box["rank"]),
            box["utm"],
            box["mgrs"],
            chance(box["p_find"]),
            number(box["expected_remaining"]),
            box["reason"],
        ]
        for box in summary["next_boxes"]
    ]
    side = number(summary["area"]["box_side_m"])
    columns = [
        column("Rank", "right"),
        column("UTM, centre", "fixed"),
        column("MGRS", "fixed"),
        column("Chance of a find", "right"),
        column("Items expected", "right"),
        column("Why", width="1"),
    ]
    lines = [
        text(
            f"Boxes of {side} m side, in the order in which they teach most. Carry this page; the same boxes "
            "are in next_boxes.gpx and next_boxes.kml."
        )
    ]
    empty = (
        "No box is proposed: all ground that may be searched has been, or none is allowed. "
        "Section 4 says what that means."
    )
    return [*(lines if rows else []), table("Next boxes", columns, rows, empty), *area_parts(summary)]


def area_parts(summary: Mapping[str, Any]) -> list[Block]:
    """The polygons of the hazardous area, largest first; the smallest only in sum."""
    hazard = summary["hazardous_area"]
    parts = sorted(hazard["parts"], key=lambda part: -part["area_m2"])
    shown, rest = parts[:MOST_ROWS], parts[MOST_ROWS:]
    rows = [[one["id"], hectares(one["area_m2"]), number(one["expected_remaining"])] for one in shown]
    columns = [
        column("Part", width="1"),
        column("Area", "right", "1"),
        column("Items expected", "right", "1"),
    ]
    blocks = [{"kind": "head", "text": "The suspected hazardous area, part by part"}, text(hazard["words"])]
    if rows:
        blocks.append(table("Parts of the hazardous area", columns, rows, ""))
    if rest:
        left = hectares(sum(one["area_m2"] for one in rest))
        blocks.append(text(f"{len(rest)} smaller parts hold {left} together; all are in hazard.gpkg."))
    return blocks


# ---- 4 Completion ---------------------------------------------------------------------------


def completion(summary: Mapping[str, Any]) -> list[Block]:
    """Section 4: for each ground, the chance that nothing is left, now and after further search."""
    statements = summary["completion"]
    columns = [
        column("Ground", width="1"),
        column("Searched", "right"),
        column("Items remaining", "right"),
        column("P(none left)", "right"),
        column("prior alone", "right"),
        column("asked", "right"),
        column("after 1 pass", "right"),
        column("after 2", "right"),
        column("after 3", "right"),
        column("passes needed", "right"),
    ]
    rows = [
        [
            one["name"],
            percent(one["searched"]),
            interval(one["low"], one["high"]),
            chance(one["p_none"]),
            chance(one["prior_p_none"]),
            number(one["required"]),
            *[chance(p) for p in (*one["p_none_after"], None, None, None)[:3]],
            "more than tried" if one["passes_needed"] is None else str(one["passes_needed"]),
        ]
        for one in statements
    ]
    words = [text(one["words"], f"{one['name']}.") for one in statements]
    return [
        text(
            "P(none left) is the chance that not one item remains. It counts as evidence only as far as it "
            'exceeds what the prior alone gives. "After 1 pass": if one more full search found nothing.'
        ),
        table("Completion, and what further search would bring", columns, rows, "No ground was judged."),
        *words,
        text(to_depth(summary["depth"])),
        *contamination(summary),
        *accept_on_zero(summary),
    ]


def accept_on_zero(summary: Mapping[str, Any]) -> list[Block]:
    """The sampling rule beside the estimate: how many boxes must be found empty."""
    rule = summary["accept_on_zero"]
    return [
        {"kind": "head", "text": "Beside it: accepting by sampling"},
        text(
            f"Of {rule['boxes']} boxes, {rule['sample']} drawn at random must be searched and all found "
            f"empty, to be {percent(rule['confidence'])} sure that at least {percent(rule['share'])} of the "
            "boxes are empty (accept on zero). This rule uses no prior; it takes a search to find all, so "
            "it says less where items are missed."
        ),
    ]


# ---- 5 How sure -----------------------------------------------------------------------------


def how_sure(summary: Mapping[str, Any]) -> list[Block]:
    """Section 5: checks, strikes, the prior, and what other priors would have given."""
    checks = summary["checks"]
    rows = [[c["name"], result(c), c["words"]] for c in checks["items"]]
    prior = [[one["name"], one["value"], one["source"]] for one in summary["prior"]]
    return [
        {"kind": "head", "text": "Checks of the fit"},
        text(checks["words"]),
        table(
            "Checks",
            [column("Check", width="1"), column("Result", "fixed"), column("In words", width="2.4")],
            rows,
            "No check was made.",
        ),
        *strikes(summary),
        {"kind": "head", "text": "What was believed before the search"},
        table(
            "Prior",
            [column("Belief", width="1.2"), column("Value", width="1"), column("Source", width="2")],
            prior,
            "No prior stated.",
        ),
        *what_was_taught(summary),
        {"kind": "head", "text": "What other beliefs would have given"},
        sensitivity(summary),
        text(what_moved(summary)),
    ]


def result(check: Mapping[str, Any]) -> str:
    """The word for one check: failed, passed, or passed with a note."""
    if not check["passed"]:
        return "FAILED"
    return "passed, note" if check.get("note") else "passed"


def strikes(summary: Mapping[str, Any]) -> list[Block]:
    """What explains the finds, and what became of each strike record."""
    known = [one for one in summary["strikes"] if one["kind"] == "with finds"]
    records = [one for one in summary["strikes"] if one["kind"] != "with finds"]
    rows = [
        [
            one["id"],
            one["mgrs"],
            str(one["finds"]),
            number(one["expected_remaining"]),
            chance(one["probability"]),
        ]
        for one in sorted(known, key=lambda one: -one["finds"])[:MOST_ROWS]
    ]
    columns = [
        column("Strike", width="1"),
        column("Centre, MGRS", "fixed", "1"),
        column("Finds", "right", "1"),
        column("Items expected to remain", "right", "1"),
        column("Probability", "right", "1"),
    ]
    recorded = [
        [one["id"], one["mgrs"], chance(one["probability"])]
        for one in sorted(records, key=lambda one: -one["probability"])[:MOST_ROWS]
    ]
    record_columns = [
        column("Record", width="1"),
        column("Place, MGRS", "fixed", "1"),
        column("Took place and left items", "right", "1"),
    ]
    return [
        {"kind": "head", "text": "What explains the finds"},
        table(
            "Strikes with finds",
            columns,
            rows,
            "No strike with finds: nothing was found that one would explain.",
        ),
        table("Strike records after the search", record_columns, recorded, "There is no strike record."),
    ]


def sensitivity(summary: Mapping[str, Any]) -> Block:
    """The table of figures under other priors, the assessed one first."""
    remaining, hazard = summary["remaining"], summary["hazardous_area"]
    base = {
        "name": "as assessed",
        "expected": remaining["expected"],
        **{key: remaining[key] for key in ("low", "high")},
        "area_m2": hazard["area_m2"],
        "p_none_outside": summary["completion"][0]["p_none"],
    }
    rows = [
        [
            one["name"],
            number(one["expected"]),
            interval(one["low"], one["high"]),
            hectares(one["area_m2"]),
            chance(one["p_none_outside"]),
        ]
        for one in (base, *summary["sensitivity"])
    ]
    columns = [
        column("Prior", width="1"),
        column("Expected items remaining", "right"),
        column("Interval", "right"),
        column("Hazardous area", "right"),
        column("P(none left) outside", "right"),
    ]
    return table("Sensitivity to the prior", columns, rows, "")


def what_moved(summary: Mapping[str, Any]) -> str:
    """Which figures moved by more than a quarter under another prior, and which did not."""
    if not summary["sensitivity"]:
        return "No other prior was tried."
    told = []
    for words, key, base in (
        ("expected items remaining", "expected", summary["remaining"]["expected"]),
        ("hazardous area", "area_m2", summary["hazardous_area"]["area_m2"]),
    ):
        ratios = [(one[key] / base, one["name"]) for one in summary["sensitivity"]] if base else []
        moved = [
            f"{number(ratio, 2)} times as much with {name}" for ratio, name in ratios if abs(ratio - 1) > 0.25
        ]
        told.append(
            f"The {words} moved: {listed(moved)}." if moved else f"The {words} moved by less than a quarter."
        )
    return " ".join(told) + " What moves with the prior rests on belief more than on the search."


# ---- 6 Sources ------------------------------------------------------------------------------


def sources(assessment: Assessment, summary: Mapping[str, Any]) -> list[Block]:
    """Section 6: inputs with their digests, versions, the command, and every value of the profile."""
    files = [[one["file"], ", ".join(one["layers"]) or "all", one["sha256"]] for one in summary["sources"]]
    profile, info = summary["profile"], assessment.info
    used = [f"fadeout {summary['version']}", f"Python {info.python}"]
    used += [f"{name} {version}" for name, version in sorted(summary["versions"].items())]
    values = [[one["name"], say(one["value"]), one["source"]] for one in profile["rows"]]
    blocks = [
        table(
            "Inputs",
            [column("File", width="1"), column("Layers", width="1"), column("SHA-256", width="2.6")],
            files,
            "No input file is named.",
            small=True,
        ),
        *[text(note, "Note.") for note in summary["notes"]],
        text(f"Seed {summary['seed']}. Made on {day(info.created_at)} with {', '.join(used)}."),
        text("This command makes the report again:"),
        {"kind": "code", "text": summary["command"]},
    ]
    if summary.get("truth"):
        rows = [[name.replace("_", " "), say(value)] for name, value in sorted(summary["truth"].items())]
        blocks += [
            table(
                "The simulated truth, known because the data were made up",
                [column("What", width="1"), column("Value", width="1")],
                rows,
                "",
            )
        ]
    caption = f"Profile {profile['name']}, version {profile['version']} (SHA-256 {profile['digest']})"
    columns = [column("Value", width="1.2"), column("Set to", width="1"), column("Source", width="3")]
    return [
        *blocks,
        {"kind": "head", "text": "The profile: every value and its source"},
        table(caption, columns, values, "The profile is empty.", small=True),
    ]
