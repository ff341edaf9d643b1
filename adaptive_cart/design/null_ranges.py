"""What a null region runs over: ``[calibration] null_region``, each key a range.

============================  ======================================================================
`soc = [0.02, 0.30]`          rates of the control (or of what takes its place)
`"soc.sle" = [0.02, 0.30]`    of the control in one stratum, by itself
`elsewhere = [0.0, 0.4]`      by how much other arms and strata differ from the control than
                              those in which a claim is just false
`"soc.remission.probability"` any number of a null scenario: of a course, of external data, of
                              enrolment; in all, or in the one that the path begins with
============================  ======================================================================
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from adaptive_cart.design.validation import steps_of
from adaptive_cart.nouns.roles import NULL

ELSEWHERE = "elsewhere"
MOST = 4  # ranges that are searched together
MOST_CELLS = 4  # arms times strata of which some can have another effect

Limits = tuple[float, float]


@dataclass(frozen=True)
class ValueRange:
    """A number of the null scenarios, and from where to where it runs.

    Attributes
    ----------
    path
        As it is written; ``steps`` are the keys within the scenario's tables.
    scenario
        The one scenario that it is a number of; nothing for every null scenario.
    """

    path: str
    steps: tuple[str, ...]
    scenario: str | None
    limits: Limits

    def concerns(self, scenario: str, role: str) -> bool:
        """Whether it runs in a scenario."""
        return scenario == self.scenario if self.scenario is not None else role == NULL


@dataclass(frozen=True)
class NullRanges:
    """A null region, its keys told apart.

    Attributes
    ----------
    rates
        By arm or external data: its rates.
    by_stratum
        By arm and stratum: its rates there.
    elsewhere
        Differences to the control of other arms and strata; nothing where all are alike.
    values
        Numbers of the null scenarios.
    unknown
        Keys that are none of these.
    """

    rates: Mapping[str, Limits]
    by_stratum: Mapping[tuple[str, str], Limits]
    elsewhere: Limits | None
    values: tuple[ValueRange, ...]
    unknown: tuple[str, ...] = ()

    @property
    def beyond_rates(self) -> bool:
        """Whether it runs over more than the rates of one arm."""
        return bool(self.by_stratum or self.elsewhere is not None or self.values)

    def described(self) -> Iterator[str]:
        """Say what it runs over beyond the rates of one arm."""
        for (arm, stratum), limits in self.by_stratum.items():
            yield f"{arm} rates in {stratum} {_from_to(limits)}"
        yield from self._beside_rates()

    def rate_words(self, limits: Limits, strata: Sequence[str]) -> str:
        """Where rates run, as a clause: ``from 0 to 1``, ``in sle from 0.1 to 0.3``.

        Parameters
        ----------
        limits
            Of the rates that have no range of their own.
        strata
            Of the design; those without a range of their own have one rate.
        """
        if not self.by_stratum:
            return _from_to(limits)
        own = {stratum: _from_to(ends) for (_, stratum), ends in self.by_stratum.items()}
        rest = [stratum for stratum in strata if stratum not in own]
        found = [f"in {stratum} {ends}" for stratum, ends in own.items()]
        if rest:
            alike = " alike" if len(rest) > 1 else ""
            found.append(f"in {' and '.join(rest)}{alike} {_from_to(limits)}")
        return " and ".join(found)

    def _beside_rates(self) -> Iterator[str]:
        if self.elsewhere is not None:
            yield (
                f"every choice of other arms and strata differing from the control by "
                f"{self.elsewhere[0]:g} to {self.elsewhere[1]:g}"
            )
        for one in self.values:
            yield f"{one.path} {_from_to(one.limits)}"

    @property
    def words(self) -> str:
        """What it runs over beside rates, as a clause; blank for nothing."""
        found = list(self._beside_rates())
        return f", with {' and '.join(found)}" if found else ""


def _from_to(limits: Limits) -> str:
    return f"from {limits[0]:g} to {limits[1]:g}"


def too_many(names: Sequence[str]) -> str:
    """Say that more ranges are asked for than are searched together."""
    return (
        f"runs over {len(names)} ranges together ({', '.join(names)}); at most {MOST} are "
        f"searched: leave the others at what the scenarios say"
    )


def null_ranges(
    region: Mapping[str, Sequence[float]] | None,
    compared: Container[str],
    strata: Container[str],
    scenarios: Container[str],
) -> NullRanges:
    """Tell the keys of a null region apart.

    Parameters
    ----------
    compared
        Names of the arms, and of external data that arms are compared with.
    """
    rates: dict[str, Limits] = {}
    by_stratum: dict[tuple[str, str], Limits] = {}
    values, unknown = [], []
    elsewhere: Limits | None = None
    for key, ends in (region or {}).items():
        limits = (ends[0], ends[-1]) if ends else (0.0, 0.0)
        steps = tuple(str(step) for step in steps_of(key))
        if key in compared:
            rates[key] = limits
        elif key == ELSEWHERE:
            elsewhere = limits
        elif len(steps) == 2 and steps[0] in compared and steps[1] in strata:
            by_stratum[steps[0], steps[1]] = limits
        elif len(steps) > 1:
            named = steps[0] in scenarios
            values.append(ValueRange(key, steps[named:], steps[0] if named else None, limits))
        else:
            unknown.append(key)
    return NullRanges(rates, by_stratum, elsewhere, tuple(values), tuple(unknown))
