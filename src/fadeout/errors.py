"""The exceptions a caller of fadeout may catch, each with a stable code, a place and a remedy.

Reads   nothing
Gives   `Problem` (one faulty row or file) and the exceptions that carry problems
Knows   nothing of any other room; every room may import this one
Start   at `InputRefused`, which carries every problem of a run at once
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with what was given: what, where, what we got, what to do.

    Examples
    --------
    >>> print(Problem("intake.duplicate-id", "id 'EP-7' stands twice",
    ...               "give each an id of its own", file="finds.csv", layer="evidence", row=9))
    intake.duplicate-id: finds.csv, layer evidence, row 9: id 'EP-7' stands twice. Try: give each an id of its own.
    """

    code: str
    message: str
    remedy: str = ""
    file: str = ""
    layer: str = ""
    row: int | None = None  # 1-based data row, the header not counted

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                self.file,
                f"layer {self.layer}" if self.layer else "",
                f"row {self.row}" if self.row is not None else "",
            )
            if part
        )
        text = f"{self.code}: {place + ': ' if place else ''}{self.message.rstrip('.')}."
        return f"{text} Try: {self.remedy.rstrip('.')}." if self.remedy else text


class FadeoutError(Exception):
    """Anything fadeout refuses or cannot do, said in words for the person who asked."""

    exit_code = 2


class InputRefused(FadeoutError):
    """What was given cannot be used; carries every problem found in the run, not only the first."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class AreaTooLarge(InputRefused):
    """The study area at this cell size needs more memory than there is."""
