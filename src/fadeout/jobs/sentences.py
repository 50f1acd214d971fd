"""The three sentences that stand first in the report: what we know, what we do not know, what to do next.

Reads   the figures of `jobs/figures.py`
Gives   plain words
Knows   nothing of pages
Start   at `what_we_know`
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fadeout.jobs.phrasing import chance, factor, hectares, listed, number

WEAK = 3.0  # a Bayes factor below this is "not worth more than a bare mention" (Kass and Raftery 1995)


def what_we_know(summary: Mapping[str, Any]) -> str:
    """Finds, searched ground, and what the strikes with finds still hold."""
    found, area = summary["found"], summary["area"]
    searched = f"{hectares(area['searched_m2'])} of {hectares(area['assessed_m2'])}"
    if not area["searched_m2"]:
        return "No search has been done here. " + other_evidence(found)
    items = f"{found['items']} item{'s' * (found['items'] != 1)}" if found["items"] else "no item"
    held = summary["hazardous_area"]["expected_inside"]
    after = f" About {number(held)} items are expected in the hazardous area." if found["items"] else ""
    return f"{searched} were searched, and {items} found. {other_evidence(found)}{after}"


def other_evidence(found: Mapping[str, Any]) -> str:
    """Evidence other than items, counted by kind."""
    kinds = [
        (found[key], one if found[key] == 1 else many)
        for key, one, many in (
            ("fragments", "fragment", "fragments"),
            ("accidents", "accident", "accidents"),
            ("reports", "report", "reports"),
            ("strike_records", "strike record", "strike records"),
        )
    ]
    told = [f"{count} {words}" for count, words in kinds if count]
    return f"Also known: {listed(told)}." if told else "There is no other evidence and no strike record."


def what_we_do_not_know(summary: Mapping[str, Any]) -> str:
    """Ground never searched, and what strikes without finds are expected to hold."""
    area, remaining = summary["area"], summary["remaining"]
    if area["not_searched_m2"] <= 0:
        return "All of the assessed ground was searched once or more; what a search misses is only estimated."
    bare = f"{hectares(area['not_searched_m2'])} were never searched. No find there says nothing."
    items = number(remaining["unexplored"])
    return f"{bare} About {items} items are expected from strikes of which nothing was found."


def contamination(row: Mapping[str, Any]) -> str:
    """What the data say on whether anything is there at all: the row of one ground's completion statement."""
    if row["prior_suffices"]:
        return (
            "The assumptions alone already give what is asked: this shows nothing that the search found out."
        )
    if row["posterior_odds"] is None or row["bayes_factor"] is None:
        return "Something is left: no chance worth naming speaks against it."
    times = row["bayes_factor"]
    if 1 / WEAK < times < WEAK:
        return "The data say little either way: this is what was assumed."
    if times < 1:
        divided = factor(1 / times if times > 0 else math.inf)
        return f"The data speak against it: they divide the odds by {divided}."
    return f"The data speak for it: they multiply the odds by {factor(times)}."


def to_depth(depth: Mapping[str, Any]) -> str:
    """Down to which depth the statements speak."""
    deep, shallow = depth["depth_cm"], depth["shallower_searches"]
    words = f"Said of items down to {number(deep)} cm" if deep else "Said of items on the surface alone"
    few = (
        f" {shallow} search{'es' * (shallow != 1)} did not go so deep: below them the ground was not searched."
        if shallow
        else ""
    )
    return f"{words}; of what lies deeper nothing is said.{few}"


def what_to_do_next(summary: Mapping[str, Any]) -> str:
    """Repair a failed fit, search the next boxes, or ask about completion: one of the three."""
    boxes = summary["next_boxes"]
    if not summary["checks"]["passed"]:
        return "Repair what the checks name (section 5) and assess again; until then, decide nothing on this."
    if not boxes:
        return "No box is left to search here; see section 4 on completion before any decision."
    first = boxes[0]
    several = f"the {len(boxes)} boxes" if len(boxes) > 1 else "the box"
    return (
        f"Search {several} of section 3 in their order, rank 1 first ({first['mgrs']}, chance of a find "
        f"{chance(first['p_find'])}). Enter what was found and not found, then assess again."
    )
