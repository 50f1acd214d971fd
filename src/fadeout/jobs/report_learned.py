"""What the report says of learning: each number before and after the data, and the odds that anything is left.

Reads   the summary dictionary
Gives   `what_was_taught` and `contamination`: blocks of the report
Knows   nothing of how any figure was computed
Start   at `what_was_taught`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fadeout.jobs import sentences
from fadeout.jobs.phrasing import factor, listed, number
from fadeout.jobs.report_blocks import Block, column, table, text


def what_was_taught(summary: Mapping[str, Any]) -> list[Block]:
    """Each number before and after the data, side by side."""
    rows = [
        [
            f"{one['name']}{', ' * bool(one['unit'])}{one['unit']}",
            number(one["prior_median"]),
            span(one["prior_low"], one["prior_high"]) if one["learned"] else "fixed",
            number(one["median"]) if one["learned"] else "",
            span(one["low"], one["high"]) if one["learned"] else "",
            one["words"],
        ]
        for one in summary["taught"]
    ]
    columns = [
        column("Number", width="1.3"),
        column("Before", "right"),
        column("90 % interval", "right"),
        column("After", "right"),
        column("90 % interval", "right"),
        column("What the data did", width="1.5"),
    ]
    still = [one["name"] for one in summary["taught"] if one["learned"] and not one["moved"]]
    words = f"Not moved by the data, so still assumed: {listed(still)}." if still else ""
    return [
        {"kind": "head", "text": "What the data taught"},
        text(
            "Medians before and after search and finds (the values above are means). A number that did not move "
            "rests on belief; a fixed one "
            f"cannot move. {words}"
        ),
        table("What the data taught", columns, rows, "No number of the prior was learned."),
    ]


def span(low: float, high: float) -> str:
    """An interval whose level stands in the head of its column."""
    return f"{number(low, 2)} to {number(high, 2)}"


def contamination(summary: Mapping[str, Any]) -> list[Block]:
    """Whether anything is there at all: odds before and after, and what the data did to them."""
    rows = [
        [
            one["name"],
            odds(one["prior_odds"]),
            factor(one["bayes_factor"]),
            odds(one["posterior_odds"]),
            sentences.contamination(one),
        ]
        for one in summary["completion"]
    ]
    columns = [
        column("Ground", width="1"),
        column("Odds before any search", "right"),
        column("Bayes factor", "right"),
        column("Odds now", "right"),
        column("In words", width="1.6"),
    ]
    return [
        {"kind": "head", "text": "Is anything left there at all?"},
        text(
            "Odds that at least one item was there before any search, and that at least one is left now. The Bayes "
            "factor is what search and finds did to them: 1 is nothing."
        ),
        table("Odds that anything is left", columns, rows, "No ground was judged."),
    ]


def odds(value: float | None) -> str:
    r"""Write odds as "3 to 1" or "1 to 20".

    Examples
    --------
    >>> odds(3.0), odds(0.05), odds(None)
    ('3 to 1', '1 to 20', 'certain')
    """
    if value is None:
        return "certain"
    if value < 1e-3 or value > 1e3:
        return "less than 1 to 1\u00a0000" if value < 1 else "more than 1\u00a0000 to 1"
    return f"{number(value, 2)} to 1" if value >= 1 else f"1 to {number(1 / value, 2)}"
