"""How layers of records look in QGIS.

Reads   nothing
Gives   `style_of`, the style of a kind's layer
Knows   the field's symbols for hazardous areas; nothing of files
Start   at `style_of`

Colours of hazardous areas follow the GICHD's technical note 07.11/01-2016: SHA 244,167,24, CHA 255,0,0 at 50 %; open
areas have a solid red outline, closed ones a green one. Each state has its own hatch too, and SHA or CHA is written on
it: colour alone fails about one man in twelve, and every black-and-white print. The SHA's fill is half transparent
here too, so that the map below it can be read (our choice).
"""

from __future__ import annotations

from fadeout.exchange.qgis import Fill, Hatch, Label, Marker, Rule, Style, Test

SHA, CHA, OPEN, CLOSED = "#F4A718", "#FF0000", "#FF0000", "#008000"
BLACK, WHITE, SLATE = "#000000", "#ffffff", "#3f5a86"


def _closed(state: str, words: str, *angles: float) -> Rule:
    marks = (Hatch(CLOSED, angles, 3.0), Fill(None, outline=CLOSED, outline_mm=0.6, dash="dash"))
    return Rule(words, marks, (Test("state", "=", state),))


HAZARDOUS = Style(
    (
        Rule(
            "Suspected hazardous area (SHA)",
            (Fill(SHA, 0.5), Hatch("#B87400", (45.0,), 4.0), Fill(None, outline=OPEN, outline_mm=0.6)),
            (Test("state", "=", "suspected"),),
        ),
        Rule(
            "Confirmed hazardous area (CHA)",
            (Fill(CHA, 0.5), Hatch("#B00000", (45.0, 135.0), 2.0), Fill(None, outline=OPEN, outline_mm=0.6)),
            (Test("state", "=", "confirmed"),),
        ),
        _closed("cancelled", "Cancelled: non-technical survey found no evidence", 0.0),
        _closed("reduced", "Reduced: technical survey found none", 90.0),
        _closed("cleared", "Cleared to the stated depth", 0.0, 90.0),
    ),
    Label("class"),
)
EVIDENCE = Style((Rule("Evidence point", (Marker("diamond", 3.2, BLACK, WHITE, 0.2),)),), Label("id", 8.0))
ACCIDENT = Style((Rule("Accident", (Marker("triangle", 3.6, BLACK, WHITE, 0.2),)),))
STRIKE = Style((Rule("Strike record as given", (Marker("cross", 3.5, outline=BLACK, outline_mm=0.4),)),))
SEARCHED = Style((Rule("Searched ground", (Fill("#dbe4f1", 0.4, SLATE, 0.3),)),))
RELEASE = Style(
    (Rule("Released ground", (Hatch(CLOSED, (0.0,), 3.0), Fill(None, outline=CLOSED, dash="dash"))),)
)
POINTS = Style((Rule("Record", (Marker("circle", 3.0, WHITE, BLACK, 0.4),)),))
POLYGONS = Style((Rule("Record", (Fill(None, outline=BLACK, outline_mm=0.4),)),))
STYLES = {
    "hazardous_area": HAZARDOUS,
    "evidence": EVIDENCE,
    "accident": ACCIDENT,
    "strike": STRIKE,
    "searched": SEARCHED,
    "release": RELEASE,
}


def style_of(kind: str, geometry: str) -> Style | None:
    """The style of a kind's layer of points or polygons; None for lines, which QGIS draws by itself.

    Examples
    --------
    >>> len(style_of("hazardous_area", "MultiPolygon").rules)
    5
    """
    if geometry not in ("Point", "MultiPolygon"):
        return None
    plain = POINTS if geometry == "Point" else POLYGONS
    own = STYLES.get(kind, plain)
    fits = isinstance(own.rules[0].marks[0], Marker) == (geometry == "Point")
    return own if fits else plain
