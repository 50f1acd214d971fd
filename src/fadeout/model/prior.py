"""What is believed before the search: strikes, items per strike, background, and records of strikes.

Reads   numbers
Gives   `Prior`, `RecordedStrike`, `Learning` (how unsure each number is), and variants of a prior for sensitivity
Knows   nothing of data
Start   at `Prior`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fadeout.model.footprints import Footprint


@dataclass(frozen=True)
class RecordedStrike:
    """A record of a strike: place (row, col; fractions allowed), its error, credibility, and items if it is real.

    `position_error_m` is the standard deviation of the recorded place in each direction; `credibility` the
    probability that the strike took place and left items. Items ~ Poisson(γ), γ ~ Gamma(items_shape,
    items_shape / items_per_strike); None takes the prior's.
    """

    row: float
    col: float
    position_error_m: float
    credibility: float
    items_per_strike: float | None = None
    items_shape: float | None = None

    def __post_init__(self) -> None:
        if not (self.position_error_m >= 0 and 0 <= self.credibility <= 1):
            raise ValueError(
                f"a recorded strike needs position_error_m of at least 0 and credibility in 0 to 1; got {self}"
            )


@dataclass(frozen=True)
class Learning:
    """How unsure each number of a prior is, so that the data may move it; None takes that number as known.

    strikes: shape of the Gamma distribution of strikes per km² about its mean (1 is an exponential distribution);
    items: standard deviation of the logarithm of items per strike, the prior's number being the mean; shape: the same
    of `items_shape`, its number being the median; background: Gamma shape as for strikes; footprints: concentration of
    the Dirichlet distribution of the footprints' weights about those given (as sure as after so many strikes).
    """

    strikes: float | None = None
    items: float | None = None
    shape: float | None = None
    background: float | None = None
    footprints: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise ValueError(f"{name}: how unsure a number is must be above 0, or None; got {value}")

    @property
    def any(self) -> bool:
        """Whether the data may move anything."""
        return any(value is not None for value in vars(self).values())


KNOWN = Learning()


@dataclass(frozen=True)
class Prior:
    """What is believed before. Each number is known, or the middle of a distribution if `learned` says how unsure.

    strikes_per_km2 (ρ) unrecorded strikes per km²; items_per_strike (a/b) mean number of items a strike left;
    items_shape (a); background_per_km2 (λ0) single items per km²; footprints with weights; recorded strikes.
    """

    strikes_per_km2: float
    items_per_strike: float
    items_shape: float
    background_per_km2: float
    footprints: Sequence[Footprint]
    recorded: Sequence[RecordedStrike] = ()
    learned: Learning = KNOWN

    def __post_init__(self) -> None:
        if not self.footprints:
            raise ValueError("a prior needs at least one footprint")
        if not (self.strikes_per_km2 >= 0 and self.background_per_km2 >= 0):
            raise ValueError(f"strikes and background per km² must be at least 0; got {self}")
        if not (self.items_per_strike > 0 and self.items_shape > 0):
            raise ValueError(f"items per strike and their shape must be above 0; got {self}")
        if not sum(footprint.weight for footprint in self.footprints) > 0:
            raise ValueError("at least one footprint needs a weight above 0")
        if self.learned.strikes is not None and not self.strikes_per_km2 > 0:
            raise ValueError("strikes_per_km2 must be above 0 where it is learned")
        if self.learned.background is not None and not self.background_per_km2 > 0:
            raise ValueError("background_per_km2 must be above 0 where it is learned")

    @property
    def items_rate(self) -> float:
        """b, the rate of the Gamma distribution of a strike's expected items."""
        return self.items_shape / self.items_per_strike

    def with_items(self, factor: float) -> Prior:
        """The same prior with `factor` times as many items per strike, recorded strikes alike."""
        return replace(
            self,
            items_per_strike=self.items_per_strike * factor,
            recorded=tuple(
                replace(
                    r, items_per_strike=None if r.items_per_strike is None else r.items_per_strike * factor
                )
                for r in self.recorded
            ),
        )

    def with_sizes(self, factor: float) -> Prior:
        """The same prior with footprints `factor` times as large."""
        return replace(self, footprints=tuple(footprint.scaled(factor) for footprint in self.footprints))
