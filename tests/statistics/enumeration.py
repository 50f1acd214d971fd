"""A slow, independent implementation of the model: every partition of the finds, every template, no sampling.

It shares no code with `fadeout.model` and follows docs/explanation/model.md word by word, so that the sampler can be
held against it. Records and one stopped box are included: the box's covered share u is integrated over a fine grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


def set_partitions(items):
    """Give every way to split a list into blocks."""
    if not items:
        yield []
        return
    head, *rest = items
    for partition in set_partitions(rest):
        yield [[head], *partition]
        for n in range(len(partition)):
            yield [*partition[:n], [head, *partition[n]], *partition[n + 1 :]]


def subsets(items):
    """Give every subset of a list with the rest."""
    for bits in range(1 << len(items)):
        yield (
            [i for n, i in enumerate(items) if bits >> n & 1],
            [i for n, i in enumerate(items) if not bits >> n & 1],
        )


@dataclass
class Case:
    """One small case: everything as in `fit`, but spelled out."""

    rows: int
    cols: int
    cell_m: float
    prior: object
    effort: np.ndarray
    finds: list
    stopped: object = None  # (mask, detection, find)
    shares: int = 1  # grid points of u
    later: int = 0  # finds made in the stopped box by later search


class Enumeration:
    """The exact posterior of one case, without padding."""

    def __init__(self, case):
        self.case = case
        self.kernels = [self._kernel(f) for f in case.prior.footprints]
        weights = np.array([f.weight for f in case.prior.footprints])
        self.weights = weights / weights.sum()
        points = (np.arange(case.shares) + 0.5) / case.shares if case.stopped else [0.0]
        self.parts = [part for u in points for part in self._configurations(u)]
        logs = np.array([part["log"] for part in self.parts])
        self.chance = np.exp(logs - logs.max())
        self.chance /= self.chance.sum()

    def _kernel(self, f):
        case = self.case
        reach = math.ceil(max(g.reach_m for g in case.prior.footprints) / case.cell_m - 1e-9)
        table = {}
        t = math.radians(f.bearing_deg)
        for dr in range(-reach, reach + 1):
            for dc in range(-reach, reach + 1):
                north, east = -dr * case.cell_m, dc * case.cell_m
                along, across = (
                    east * math.sin(t) + north * math.cos(t),
                    east * math.cos(t) - north * math.sin(t),
                )
                q = (along / f.sigma_major_m) ** 2 + (across / f.sigma_minor_m) ** 2
                value = math.exp(-q / 2)
                if f.kind == "heavy":
                    value = 0.96 * value + 0.04 * math.exp(-q / 2 / 1.8**2) / 1.8**2
                if q > 25.0:
                    value = 0.0
                table[dr, dc] = value
        total = sum(table.values())
        return {offset: value / total for offset, value in table.items()}

    def share_of(self, j, row, col):
        """Kernel of a template over all cells, shape (rows, cols)."""
        out = np.zeros((self.case.rows, self.case.cols))
        for (dr, dc), value in self.kernels[j].items():
            if 0 <= row + dr < self.case.rows and 0 <= col + dc < self.case.cols:
                out[row + dr, col + dc] = value
        return out

    def _templates(self):
        if not hasattr(self, "_all"):
            places = [(r, c) for r in range(self.case.rows) for c in range(self.case.cols)]
            self._all = np.array(
                [[self.share_of(j, r, c) for r, c in places] for j in range(len(self.kernels))]
            )
            self._places = np.array(places)
        return self._all  # (J, centres, rows, cols)

    def _record_place(self, record):
        d = (self._places[:, 0] - record.row) ** 2 + (self._places[:, 1] - record.col) ** 2
        sd = max(record.position_error_m / self.case.cell_m, 1e-3)
        reach = 4 * sd
        q = np.exp(-d / 2 / sd**2)
        q[
            (self._places[:, 0] < math.floor(record.row - reach))
            | (self._places[:, 0] > math.ceil(record.row + reach))
            | (self._places[:, 1] < math.floor(record.col - reach))
            | (self._places[:, 1] > math.ceil(record.col + reach))
        ] = 0
        r = np.arange(math.floor(record.row - reach), math.ceil(record.row + reach) + 1)
        c = np.arange(math.floor(record.col - reach), math.ceil(record.col + reach) + 1)
        whole = np.exp(-((r[:, None] - record.row) ** 2 + (c[None, :] - record.col) ** 2) / 2 / sd**2).sum()
        return q / whole

    def _configurations(self, u):
        case, prior, T = self.case, self.case.prior, self._templates()
        keep = 1.0 - case.effort
        if case.stopped:
            mask, p, _ = case.stopped
            keep = np.where(mask, keep * (1 - p * u), keep)
        found = 1.0 - keep
        e = np.einsum("jkrc,rc->jk", T, found)
        a, b = prior.items_shape, prior.items_shape / prior.items_per_strike
        cell_km2 = case.cell_m**2 / 1e6
        rho = prior.strikes_per_km2 * cell_km2 * self.weights[:, None] * np.ones_like(e)
        stray = prior.background_per_km2 * cell_km2
        base = -(rho * (1 - (b / (b + e)) ** a)).sum() - stray * found.sum()
        identities = [None, *range(len(prior.recorded))]
        gamma = {None: (a, b, rho)}
        unseen = []
        for m, record in enumerate(prior.recorded):
            ar = record.items_shape or a
            br = ar / (record.items_per_strike or prior.items_per_strike)
            q = self.weights[:, None] * self._record_place(record)[None, :]
            gamma[m] = (ar, br, record.credibility * q)
            w = (q * (br / (br + e)) ** ar).sum() + 1 - q.sum()
            unseen.append(1 - record.credibility + record.credibility * w)

        def block(members, identity):
            ai, bi, density = gamma[identity]
            n = len(members)
            weight = density * bi**ai * math.gamma(ai + n) / math.gamma(ai) * (bi + e) ** -(ai + n)
            for i in members:
                weight = weight * T[:, :, case.finds[i][0], case.finds[i][1]]
            return weight

        cache = {}
        for inside, outside in subsets(list(range(len(case.finds)))):
            for partition in set_partitions(inside):
                for assigned in self._assignments(len(partition), identities):
                    log = base + case.later * math.log(1 - p * u) if case.later else base
                    log += len(outside) * (math.log(stray) if stray > 0 else -math.inf)
                    log += sum(math.log(unseen[m]) for m in range(len(unseen)) if m not in assigned)
                    blocks = []
                    for members, identity in zip(partition, assigned, strict=True):
                        key = (tuple(members), identity)
                        if key not in cache:
                            cache[key] = block(members, identity)
                        total = cache[key].sum()
                        log += math.log(total) if total > 0 else -math.inf
                        blocks.append((len(members), identity, key))
                    if log > -math.inf:
                        yield {
                            "log": log, "keep": keep, "e": e, "blocks": blocks, "cache": cache, "gamma": gamma,
                            "unseen": unseen, "stray": stray,
                            "free": [m for m in range(len(unseen)) if m not in assigned],
                        }  # fmt: skip

    def _assignments(self, count, identities):
        if count == 0:
            yield ()
            return
        for rest in self._assignments(count - 1, identities):
            for identity in identities:
                if identity is None or identity not in rest:
                    yield (identity, *rest)

    def expected_strikes(self):
        """Posterior mean number of strikes with finds."""
        return float(sum(c * len(p["blocks"]) for c, p in zip(self.chance, self.parts, strict=True)))

    def region(self, mask):
        """Expected remaining items and P(none left) on a mask."""
        T = self._templates()
        expected = none = 0.0
        for chance, part in zip(self.chance, self.parts, strict=True):
            if chance < 1e-13:
                continue
            left = part["keep"] * mask
            r = np.einsum("jkrc,rc->jk", T, left)
            e = part["e"]
            mean, log_none = part["stray"] * left.sum(), -part["stray"] * left.sum()
            a, b, rho = part["gamma"][None]
            u = rho * (b / (b + e)) ** a
            mean += (u * a / (b + e) * r).sum()
            log_none -= (u * (1 - ((b + e) / (b + e + r)) ** a)).sum()
            for m in part["free"]:
                a, b, density = part["gamma"][m]
                q = density * (b / (b + e)) ** a / part["unseen"][m]
                mean += (q * a / (b + e) * r).sum()
                log_none += math.log(1 - (q * (1 - ((b + e) / (b + e + r)) ** a)).sum())
            for n, identity, key in part["blocks"]:
                a, b, _ = part["gamma"][identity]
                w = part["cache"][key] / part["cache"][key].sum()
                mean += (w * (a + n) / (b + e) * r).sum()
                log_none += math.log((w * ((b + e) / (b + e + r)) ** (a + n)).sum())
            expected += chance * mean
            none += chance * math.exp(log_none)
        return expected, none
