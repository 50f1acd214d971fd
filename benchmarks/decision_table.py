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
    def of(way: str, name: str) -> np.ndarray:
        return np.array([row[way][name] for row in rows], dtype=float)

    items = of(base, "items").mean()
    out = [f"== {kind}: {len(rows)} sites, {items:.1f} items a site, {of(base, 'boxes').mean():.0f} boxes, "
           f"area {of(base, 'area').mean():.0f} boxes"]  # fmt: skip
    out.append(
        f"{'way':<18} {'boxes':>6} {'area':>6} {'discov.':>8} {'gain':>16} {'unknown':>8} {'gain':>16} "
        f"{'all':>6} {'gain':>16} {'gap %':>6} {'area %':>7} {'0.5 box':>8} {'0.75':>6} {'s':>5}"
    )
    oracle = of("oracle", "discoverable").mean()
    rule = of(base, "discoverable").mean()
    for way in ways:
        disc, unknown = of(way, "discoverable"), of(way, "unknown")
        gains = [_gain(of(base, "discoverable") - disc), _gain(of(base, "unknown") - unknown),
                 _gain(of(base, "discoverable") + of(base, "unknown") - disc - unknown)]  # fmt: skip
        gap = 100 * (rule - disc.mean()) / (rule - oracle) if rule > oracle else float("nan")
        part = [
            np.mean(
                [row[way][f"at {s}"]["discoverable"] for row in rows if f"at {s}" in row[way]] or [np.nan]
            )
            for s in (0.5, 0.75)
        ]
        out.append(
            f"{way:<18} {of(way, 'boxes').mean():6.0f} {of(way, 'area').mean():6.0f} {disc.mean():8.2f} {gains[0]:>16} "
            f"{unknown.mean():8.2f} {gains[1]:>16} {(disc + unknown).mean():6.2f} {gains[2]:>16} {gap:6.0f} "
            f"{_area_needed([row[way] for row in rows], rule):>7} {part[0]:8.2f} {part[1]:6.2f} "
            f"{of(way, 'seconds').mean():5.2f}"
        )
    return out


def _gain(difference: np.ndarray) -> str:
    error = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
    return f"{difference.mean():.2f} ± {error:.2f}"


def _area_needed(rows: list, rule: float) -> str:
    """Share of the rule's area at which the way's discoverable misses are the rule's."""
    if "curve" not in rows[0]:
        return ""
    mean = np.mean([row["curve"] for row in rows], axis=0)
    if mean[-1] > rule:
        return "> 100"
    return f"{100 * np.interp(-rule, -mean, SHARES_OF_AREA):.0f}"


def _honest(name: str, rows: list, *, full: bool) -> list:
    """Whether what was stated came true."""
    rows = [row for row in rows if "bins" in row]
    return ["", f"-- {name}", _area(rows), _total(rows), _clear(rows), *(_reliability(rows) if full else [])]


def _area(rows: list) -> str:
    drawn = [row["drawn"] for row in rows if row["drawn"]["left"] > 0]
    area, share, sure = (np.mean([d[key] for d in drawn]) for key in ("area", "share", "confidence"))
    left, outside = (np.array([d[key] for d in drawn], dtype=float) for key in ("left", "outside"))
    met = np.mean(outside <= 0.05 * left)
    # the draws state expected items; n items scatter about them by sqrt(0.05 * 0.95 / n) (hazard.py)
    scattered = np.mean(outside <= 0.05 * left + 1.645 * np.sqrt(0.0475 * left))
    return (
        f"   area drawn {area:.0f} boxes; share left out stated {100 * share:.1f} %, true "
        f"{100 * outside.sum() / left.sum():.1f} %; confidence stated {100 * sure:.0f} %, truly at most 5 % on "
        f"{100 * met:.0f} % of sites ({100 * scattered:.0f} % within the scatter of so few items)"
    )


def _total(rows: list) -> str:
    ranks = np.array([row["total"]["rank"] for row in rows])
    true, mean = (np.mean([row["total"][k] for row in rows]) for k in ("true", "mean"))
    return (
        f"   total: 90 % interval holds {100 * np.mean((ranks > 0.05) & (ranks < 0.95)):.0f} %, below the truth on "
        f"{100 * np.mean(ranks >= 0.95):.0f} %; stated mean {mean:.1f}, true {true:.1f}"
    )


def _clear(rows: list) -> str:
    count, clear, stated = np.array([row["clear"] for row in rows], dtype=float).sum(axis=0)
    return (
        f"   squares stated clear with at least 95 %: {count:.0f}, stated {100 * stated / max(count, 1):.1f} %, "
        f"truly clear {100 * clear / max(count, 1):.1f} %"
    )


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
