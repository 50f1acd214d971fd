"""The report an officer can hand on: one HTML file and one PDF, from the same content.

Reads   an `Assessment`, the summary dictionary of `jobs/products.py`, and the maps of `jobs/maps.py`
Gives   report.html (one file, offline, no scripts) and report.pdf (tagged, PDF/UA-1) in the run's folder
Knows   nothing of how figures come about; the words and tables are in `jobs/report_content.py`
Start   at `write`

Whatever a user typed (ids, notes, file names, titles) reaches the pages as text only: Jinja escapes it, and
Typst gets it as JSON, never as markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from fadeout.jobs import maps, products, report_content
from fadeout.jobs.assessment import Assessment
from fadeout.jobs.map_scene import Part

PAPERS = {"a4": ("a4", 297.0), "letter": ("us-letter", 279.4)}  # Typst's name, height in mm


def write(assessment: Assessment, summary: Mapping[str, Any], folder: Path, *, paper: str = "a4") -> None:
    """Write report.html and report.pdf into `folder`.

    Parameters
    ----------
    assessment : jobs.assess.Assessment
        What was estimated; the maps are drawn from it.
    summary : dict
        As `jobs.products.summary` gives it; every figure of the report is taken from it.
    folder : Path
        An existing folder; report.html and report.pdf are replaced.
    paper : {"a4", "letter"}
        The paper of the PDF; the HTML prints on either.

    Raises
    ------
    ValueError
        If `paper` is not one of those named.
    """
    if paper not in PAPERS:
        raise ValueError(f"paper must be one of {', '.join(PAPERS)}; got {paper!r}")
    parts = [Part(id, polygon) for id, polygon in products.hazard_parts(assessment)]
    pictures = maps.draw(assessment, parts, tuple(summary["stamps"]))
    content = report_content.build(assessment, summary, pictures, PAPERS[paper][1])
    (folder / "report.html").write_text(html(content), encoding="utf-8")
    (folder / "report.pdf").write_bytes(pdf(content, assessment.info.created_at, paper))


def html(content: dict[str, Any]) -> str:
    """The report as one HTML file: no scripts, no loads from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("fadeout.jobs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = {
        key: {"svg": Markup(labelled(picture["svg"], key, picture["alt"])), "caption": picture["caption"]}
        for key, picture in content["maps"].items()
    }
    page = environment.get_template("report.html.j2").render(
        **{**content, "maps": pictures},
        stamp_css=Markup(css_text(" | ".join(content["stamps"]))),
        title_css=Markup(css_text(content["title"])),
    )
    return re.sub(r"\n\s*\n+", "\n", page) + "\n"


def pdf(content: dict[str, Any], created_at: str, paper: str = "a4") -> bytes:
    """The report as a tagged PDF; its only time is `created_at`: the same run, the same bytes."""
    import typst
    from matplotlib import get_data_path

    fonts: Any = [str(Path(get_data_path()) / "fonts" / "ttf")]
    made = datetime.fromisoformat(created_at.replace("Z", "+00:00"))
    source = files("fadeout.jobs").joinpath("templates", "report.typ").read_bytes()
    made_pdf: bytes = typst.compile(
        source,
        sys_inputs={"content": json.dumps({**content, "paper": PAPERS[paper][0]}, ensure_ascii=False)},
        font_paths=fonts,
        timestamp=int(made.timestamp()),
        pdf_standards="ua-1",
    )
    return made_pdf


def labelled(svg: str, key: str, alt: str) -> str:
    """The SVG of a map with a role and a description that screen readers speak."""
    from markupsafe import escape

    head = f'<svg role="img" aria-labelledby="{key}-alt"'
    end = svg.index(">") + 1
    return f'{head}{svg[4:end]}<title id="{key}-alt">{escape(alt)}</title>{svg[end:]}'


def css_text(text: str) -> str:
    r"""`text` as the inside of a CSS string: everything but plain letters and digits as an escape.

    Examples
    --------
    >>> css_text('a"b')
    'a\\000022b'
    """
    return "".join(
        letter if letter.isascii() and letter.isalnum() else f"\\{ord(letter):06x}" for letter in text[:200]
    )
