"""The figures of `decisions.py`: each way beside the rule, by kind of truth, with paired 95 % intervals.

Reads   the lines of a run
Gives   text
Start   at `table`
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

SHARES_OF_AREA = tuple(round(0.5 + 0.05 * k, 2) for k in range(11))


def table(lines: list, base: str) -> str:
    """All figures; only sites on which every way was run count."""
    sites: dict = defaultdict(dict)
    for line in lines:
        sites[line["kind"], line["site"]][line["way"]] = line
    ways = list(dict.fromkeys(line["way"] for line in lines))
    rows = {site: by_way for site, by_way in sites.items() if len(by_way) == len(ways)}
    kinds = list(dict.fromkeys(kind for kind, _ in rows))
    out = [f"SIMULATED; {len(rows)} sites; baseline: {base}"]
    for kind in [*kinds, "all"]:
        chosen = [by_way for (k, _), by_way in rows.items() if kind in (k, "all")]
        out += ["", *_kind(kind, chosen, ways, base)]
    for way in ways:
        if any("bins" in by_way[way] for by_way in rows.values()):
            for kind in [*kinds, "all"]:
                out += _honest(
                    f"{way}, {kind}",
                    [by_way[way] for (k, _), by_way in rows.items() if kind in (k, "all")],
                    full=kind == "all",
                )
    return "\n".join(out)


def _kind(kind: str, rows: list, ways: list, base: str) -> list:
    def mean(way: str, name: str) -> float:
        return float(np.mean([row[way][name] for row in rows]))

    out = [f"== {kind}: {len(rows)} sites, {mean(base, 'items'):.1f} items a site, {mean(base, 'boxes'):.0f} boxes, "
           f"area {mean(base, 'area'):.0f} boxes"]  # fmt: skip
    out.append(
        f"{'way':<32} "
        + " ".join(f"{name:>7} {'gain':>14} {'gap %':>6}" for name in MEASURES)
        + f" {'area %':>7} {'0.5 box':>8} {'0.75':>6} {'truth':>6} {'s':>5}"
    )
    for way in ways:
        parts = [_measured(name, rows, way, base) for name in MEASURES]
        part = [
            np.mean([row[way][f"at {s}"]["of rule"] for row in rows if f"at {s}" in row[way]] or [np.nan])
            for s in (0.5, 0.75)
        ]
        best = np.mean(
            [row[way]["truth here"]["of rule"] for row in rows if "truth here" in row[way]] or [np.nan]
        )
        out.append(
            f"{way:<32} {' '.join(parts)} "
            f"{_area_needed([row[way] for row in rows], mean(base, 'of rule')):>7} "
            f"{part[0]:8.2f} {part[1]:6.2f} {best:6.2f} {mean(way, 'seconds'):5.2f}"
        )
    return out


def _measured(name: str, rows: list, way: str, base: str) -> str:
    """Misses by one measure, the paired gain on the rule, and the part of the gap to the oracle that it closes."""
    rule, own, oracle = (
        np.array([MEASURES[name](row, w) for row in rows], dtype=float) for w in (base, way, "oracle")
    )
    if name == "both":  # strikes known to this way and the rule: each way's own set
        rule, own, oracle = np.array([row[way]["both"] for row in rows], dtype=float).T
    gap = rule.mean() - oracle.mean()
    share = f"{100 * (rule - own).mean() / gap:6.0f}" if gap > 0 else f"{'':>6}"
    return f"{own.mean():7.2f} {_gain(rule - own):>14} {share}"


# misses of (row, way): of strikes that the survey itself knew, that the rule knew, that both did, of all strikes
MEASURES = {
    "own": lambda row, way: row[way]["discoverable"],
    "of rule": lambda row, way: row[way]["of rule"],
    "both": lambda row, way: row[way]["both"][1],
    "all": lambda row, way: row[way]["discoverable"] + row[way]["unknown"],
    "unknown": lambda row, way: row[way]["unknown"],
}


def _gain(difference: np.ndarray) -> str:
    error = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
    return f"{difference.mean():.2f} ± {error:.2f}"


def _area_needed(rows: list, rule: float) -> str:
    """Share of the rule's area at which the way misses as many items of the rule's strikes as the rule."""
    if "curve of rule" not in rows[0]:
        return ""
    mean = np.mean([row["curve of rule"] for row in rows], axis=0)
    if mean[-1] > rule:
        return "> 100"
    return f"{100 * np.interp(-rule, -mean, SHARES_OF_AREA):.0f}"


def _honest(name: str, rows: list, *, full: bool) -> list:
    """Whether what was stated came true."""
    rows = [row for row in rows if "bins" in row]
    return ["", f"-- {name}", _area(rows), _total(rows), *_clear(rows), *(_reliability(rows) if full else [])]


def _area(rows: list) -> str:
    drawn = [row["drawn"] for row in rows if row["drawn"]["left"] > 0]
    area, share, sure = (np.mean([d[key] for d in drawn]) for key in ("area", "share", "confidence"))
    left, outside = (np.array([d[key] for d in drawn], dtype=float) for key in ("left", "outside"))
    met = np.mean(outside <= 0.05 * left)
    error = np.sqrt(met * (1 - met) / len(drawn))
    return (
        f"   area drawn {area:.0f} boxes; share left out stated {100 * share:.1f} %, true "
        f"{100 * outside.sum() / left.sum():.1f} %; confidence stated {100 * sure:.0f} %, truly at most 5 % on "
        f"{100 * met:.0f} ± {196 * error:.0f} % of sites"
    )


def _total(rows: list) -> str:
    ranks = np.array([row["total"]["rank"] for row in rows])
    true, mean = (np.mean([row["total"][k] for row in rows]) for k in ("true", "mean"))
    return (
        f"   total: 90 % interval holds {100 * np.mean((ranks > 0.05) & (ranks < 0.95)):.0f} %, below the truth on "
        f"{100 * np.mean(ranks >= 0.95):.0f} %; stated mean {mean:.1f}, true {true:.1f}"
    )


def _clear(rows: list) -> list:
    out = []
    for name, words in (("clear", "where the prior alone does not"), ("clear searched", "of these, a quarter searched"),
                        ("clear by prior", "where the prior alone does")):  # fmt: skip
        count, clear, stated = np.array([row[name] for row in rows], dtype=float).sum(axis=0)
        out.append(
            f"   squares stated clear with at least 95 %, {words}: {count:.0f}, stated "
            f"{100 * stated / max(count, 1):.1f} %, truly clear {100 * clear / max(count, 1):.1f} %"
        )
    return out


def _reliability(rows: list) -> list:
    """P(any left) by bins of at least 50 boxes, standard errors clustered by site."""
    bins = np.array([row["bins"] for row in rows], dtype=float)  # (sites, 3, bins)
    count, stated, seen = bins.sum(axis=0)
    out = []
    for b in np.flatnonzero(count >= 50):
        mean, share = stated[b] / count[b], seen[b] / count[b]
        error = np.sqrt(((bins[:, 2, b] - bins[:, 0, b] * share) ** 2).sum()) / count[b]
        bar = max(0.05, 2 * error)
        verdict = "holds" if abs(share - mean) <= bar else "MISSES"
        out.append(
            f"   P(any left) stated {mean:.3f}, seen {share:.3f}, {count[b]:.0f} boxes, bar {bar:.3f} {verdict}"
        )
    return out
