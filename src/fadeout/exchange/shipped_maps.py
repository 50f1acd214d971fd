"""The column maps that come with the program, for exports whose shape is known.

Reads   column_maps/*.toml
Gives   their names, and the path of each
Knows   nothing of what is in them; `column_map` reads them
Start   at `path_of`
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

FOLDER = Path(str(files("fadeout.exchange").joinpath("column_maps")))


def names() -> tuple[str, ...]:
    """The names of all shipped maps.

    Examples
    --------
    >>> names()
    ('imsma-accidents', 'imsma-hazards', 'imsma-releases')
    """
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def path_of(given: str) -> Path:
    """The file of a shipped map if that is its name, else the path as it was given.

    Examples
    --------
    >>> path_of("imsma-hazards").name, path_of("maps/ours.toml").name
    ('imsma-hazards.toml', 'ours.toml')
    """
    return FOLDER / f"{given}.toml" if given in names() else Path(given)
