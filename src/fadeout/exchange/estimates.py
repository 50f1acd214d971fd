"""Estimates kept on disk: named arrays and facts in one file that holds no code.

Reads   a file that `write` made
Gives   the facts and arrays again
Knows   nothing of what they mean
Start   at `read`
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACTS = "facts"


def write(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write facts (as JSON has them) and arrays; a file of that name is replaced.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "estimate.npz"
    ...     write(path, {"version": "1"}, {"finds": np.arange(3)})
    ...     facts, arrays = read(path)
    >>> facts["version"], arrays["finds"].tolist()
    ('1', [0, 1, 2])
    """
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    told = np.frombuffer(text.encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{FACTS: told}, **arrays)


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read facts and arrays; objects are never made from what the file holds.

    Raises
    ------
    ValueError
        If it is no such file.
    OSError
        If it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(arrays.pop(FACTS).tobytes())
    except (KeyError, EOFError, zipfile.BadZipFile, TypeError) as error:
        raise ValueError(f"{path.name} is no kept estimate") from error
    return facts, arrays
