"""The best of several policies by one measure, where it keeps to bounds on others.

    numbers of all policies ─► those within the bounds ─► the best, the next best ─► both afresh

The best of many looks better than it is, since it was chosen for it. So it is simulated again, with
the next best and the programme as written, on portfolios of another seed, and told by these.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adaptive_cart.design.validation import meant, shown
from adaptive_cart.errors import DesignError, Problem, one_of
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.programmes.measured import HOLD_UP
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.programmes.telling import error_told
from adaptive_cart.programmes.varied import AS_WRITTEN
from adaptive_cart.results.figure import Z95, Figure

if TYPE_CHECKING:
    from adaptive_cart.programmes.policies import Policies

COST, BENEFIT, PEOPLE = "cost", "remission_years_gained", "participants"
# Measures of a portfolio that policies are told by: better where larger (1) or smaller (-1).
BETTER_WHERE = {
    f"number_{HOLD_UP}": 1, "number_false_success": -1, "number_go": 0, "working_lost": -1,
    PEOPLE: -1, "exposed_to_no_effect": -1, "denied_an_effect": -1,
    BENEFIT: 1, "months_until_all_decided": -1, COST: -1,
}  # fmt: skip
MOST_OR_LEAST = {1: "most", -1: "least"}


@dataclass(frozen=True)
class Bound:
    """What a measure may be at most (sign -1), or at least (sign 1)."""

    measure: str
    value: float
    sign: int

    @property
    def words(self) -> str:
        """Say it."""
        return f"{self.measure} {'at most' if self.sign < 0 else 'at least'} {self.value:,g}"

    def room(self, figure: Figure) -> float:
        """By how much an estimate keeps to it; negative where it is broken."""
        return self.sign * (figure.estimate - self.value)


@dataclass(frozen=True)
class Wanted:
    """Which policy is asked for.

    Attributes
    ----------
    best
        Measure by which it is the best.
    at_most, at_least
        Bounds by measure.
    """

    best: str
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return BETTER_WHERE[self.best]

    @property
    def bounds(self) -> list[Bound]:
        """All bounds."""
        most = [Bound(measure, value, -1) for measure, value in self.at_most.items()]
        return most + [Bound(measure, value, 1) for measure, value in self.at_least.items()]

    def problems(self, programmes: Sequence[Programme]) -> Iterator[Problem]:
        """Tell of measures that are none, or that a programme does not have."""
        asked = [("--best", self.best)]
        asked += [("--at-most", name) for name in self.at_most]
        asked += [("--at-least", name) for name in self.at_least]
        for option, measure in asked:
            known = [name for name, sign in BETTER_WHERE.items() if sign or option != "--best"]
            if measure not in known:
                yield Problem(
                    option,
                    f"found {shown(measure)}{meant(measure, known)}; expected is {one_of(known)}",
                )
            elif measure == BENEFIT and any(not one.confirm.benefit for one in programmes):
                yield Problem(option, f"{BENEFIT}: write candidates.benefit in the programme file")
            elif measure == COST and not all(_has_costs(one) for one in programmes):
                yield Problem(
                    option,
                    f"{COST}: is told where both designs have [costs] and controls are separate",
                )


def bounds_of(typed: Iterable[str], option: str) -> dict[str, float]:
    """Read ``MEASURE=VALUE`` texts.

    Raises
    ------
    InputError
        With every one that is no such text, or names a measure again.
    """
    found: dict[str, float] = {}
    problems = []
    for text in typed:
        measure, _, said = (part.strip() for part in text.partition("="))
        try:
            value = float(said)
        except ValueError:
            value = math.nan
        if not measure or not math.isfinite(value):
            problems.append(
                Problem(
                    option, f"found {shown(text)}; MEASURE=VALUE is expected, such as {PEOPLE}=2500"
                )
            )
        elif measure in found:
            problems.append(Problem(option, f"{measure} is given twice; once is enough"))
        found[measure] = value
    if problems:
        raise DesignError(problems)
    return found


def _has_costs(programme: Programme) -> bool:
    trials = [one for one in (programme.early, programme.confirm) if one is not None]
    separate = programme.tables.candidates.control == "separate"
    return separate and all(one.design.costs is not None for one in trials)


def confirming_seed(seed: int) -> int:
    """Seed of the portfolios on which a choice is simulated again."""
    return fresh_seed(seed, "policies chosen with", bits=63)


# ── the choice ────────────────────────────────────────────────────────────────────────────────
def in_order(found: Policies, wanted: Wanted) -> list[str]:
    """Policies whose estimates keep to the bounds, the best first; as compared, where equal."""
    kept = [
        policy
        for policy in found.numbers
        if all(bound.room(found.figure(policy, bound.measure)) >= 0.0 for bound in wanted.bounds)
    ]
    return sorted(kept, key=lambda p: -wanted.sign * found.figure(p, wanted.best).estimate)


@dataclass(frozen=True)
class Choice:
    """The best policy, and how sure that is.

    Attributes
    ----------
    order
        Policies within the bounds, the best first; empty where there is none.
    compared, afresh
        Numbers that it was chosen by, and those of other portfolios; none without a choice.
    seed
        Of the other portfolios.
    """

    wanted: Wanted
    order: Sequence[str]
    compared: Policies
    afresh: Policies | None = None
    seed: int = 0

    def ahead(self, of: Policies, other: str) -> Figure:
        """By how much the best is better than another, portfolio by portfolio."""
        apart = of.difference(self.order[0], self.wanted.best, other)
        sign = self.wanted.sign
        low, high = sorted((sign * apart.lower, sign * apart.upper))
        return Figure(sign * apart.estimate, apart.mcse, low, high, apart.n)

    def text(self) -> str:
        """Say it."""
        wanted, compared = self.wanted, self.compared
        bounds = "".join(f", {bound.words}" for bound in wanted.bounds)
        lines = [
            f"Best of {len(compared.numbers)}: {MOST_OR_LEAST[wanted.sign]} {wanted.best}{bounds}"
        ]
        if not self.order or self.afresh is None:
            lines.append("  no policy keeps to all bounds in these portfolios:")
            lines += [f"    {bound.words}: {self._nearest(bound)}" for bound in wanted.bounds]
            return "\n".join(lines) + "\n"
        best, *others = self.order
        lines.append(f"  {best}")
        lines.append(f"  as compared: {_told(compared.figure(best, wanted.best))}")
        if others:
            near = sum(not self.ahead(compared, other).lower > 0.0 for other in others)
            lines.append(
                f"  next best: {others[0]}, behind by {_told(self.ahead(compared, others[0]))}"
            )
            lines.append(
                f"  {len(others)} others within the bounds, {near} of them within the 95% error"
            )
        else:
            lines.append("  no other policy keeps to the bounds")
        portfolios = len(next(iter(self.afresh.numbers[best].values())))
        lines.append(
            f"  on {portfolios:,} other portfolios (seed {self.seed}): "
            f"{_told(self.afresh.figure(best, wanted.best))}"
        )
        for bound in wanted.bounds:
            figure = self.afresh.figure(best, bound.measure)
            lines.append(f"    {bound.words}: {_told(figure)}, {_kept(bound, figure)}")
        if best != AS_WRITTEN:
            against = self.ahead(self.afresh, AS_WRITTEN)
            lines.append(f"    better than as written by {_told(against)}")
        if others:
            ahead = self.ahead(self.afresh, others[0])
            lines.append(f"    better than the next best by {_told(ahead)}: {_sure(ahead)}")
        return "\n".join(lines) + "\n"

    def _nearest(self, bound: Bound) -> str:
        """How near policies come to a bound."""
        found = {p: self.compared.figure(p, bound.measure) for p in self.compared.numbers}
        holds = sum(bound.room(figure) >= 0.0 for figure in found.values())
        nearest = max(found, key=lambda policy: bound.room(found[policy]))
        favourable = f"the most favourable is {nearest}, {_told(found[nearest])}"
        return f"{holds} of {len(found)} keep to it; {favourable}"


def _told(figure: Figure) -> str:
    return f"{figure.estimate:,.3f} ({error_told(figure.mcse, 3)})"


def _kept(bound: Bound, figure: Figure) -> str:
    """Whether a bound is kept, and whether that is beyond the error."""
    room = bound.room(figure)
    if figure.mcse == 0.0:
        return "kept" if room >= 0.0 else "BROKEN"
    error = "within" if not abs(room) > Z95 * figure.mcse else "beyond"
    return f"{'kept' if room >= 0.0 else 'BROKEN'}, {error} its 95% error"


def _sure(ahead: Figure) -> str:
    if ahead.mcse == 0.0:
        same = ahead.estimate == 0.0
        return "they are the same in every portfolio" if same else "as much in every portfolio"
    if ahead.lower > 0.0:
        return "beyond the 95% error"
    if ahead.upper < 0.0:
        return "the next best is better there, beyond the 95% error"
    if math.isnan(ahead.mcse):
        return "one portfolio has no error"
    return "within the 95% error, so that which of the two is better is not settled"
