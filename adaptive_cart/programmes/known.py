"""What is true of every candidate: by a lattice over its parameters, and where claims change.

The true values of a course are integrals of some milliseconds; candidates are many. So they are
found once on a lattice over the parameters that are drawn, and read between its nodes along
straight lines; a probability is linear in one that it mixes, and then nothing is lost. By how much
the lines are off is measured in the middle of the cells and told. Whether the claim of the
controlled trial is true changes at a margin: with one parameter the place of each change is halved
down to; with more, candidates in a cell whose corners disagree are integrated themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.progress import Progress, silent
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.programmes.candidate_trial import CandidateTrial
from adaptive_cart.programmes.planting import Steps
from adaptive_cart.results.averages import could_be
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import SobolLatents, TrueValues, true_values

POINTS = 2**12  # in each of the scrambles by which one node is integrated
NODES = {0: 1, 1: 17, 2: 9, 3: 6}  # along each parameter, by how many are drawn
HALVINGS = {True: 22, False: 44}  # of a cell in which a claim changes: of a course, else
MIDDLES = 8  # cells in whose middle the lines are checked
BENEFIT = "benefit"
LEVEL, CONTROL, ESTIMAND, CLAIM, GAIN = "level", "control", "estimand", "claim", "per_remission"

Numbers = dict[str, float]


def numbers_of(trial: CandidateTrial, plan: Plan, points: SobolLatents, truth: Truth) -> Numbers:
    """True values in one truth, by name; nan where there is none.

    ``level`` and ``control`` are the primary's in the experimental arm and the control,
    ``estimand`` what the design estimates, ``claim`` 1 where what a success claims is true,
    ``benefit`` the months in remission beyond the control's, ``per_remission`` as
    :meth:`CandidateTrial.truths` wants it.
    """
    also = [Question(trial.benefit, trial.arm, 0)] if trial.benefit else []
    true = true_values(trial.design, truth, points, also, only_claimed=plan)
    levels = true.by_arm[trial.design.primary]
    found = {
        LEVEL: levels[trial.arm].value,
        CONTROL: levels[0].value if trial.design.control is not None else np.nan,
        ESTIMAND: _estimand(plan, true),
        CLAIM: could_be(Claims(plan.rules, true))[0],
    }
    if trial.benefit:
        months = true.by_arm[trial.benefit]
        found[BENEFIT] = months[trial.arm].value - months[0].value
    if trial.selected and truth.courses is not None and trial.design.primary not in truth.direct:
        found[GAIN] = trial.by_remission(truth, points)
    return found


def _estimand(plan: Plan, true: TrueValues) -> float:
    found = true.quantity(plan.estimands[0].question) if plan.estimands else None
    return np.nan if found is None else found.value


@dataclass(frozen=True)
class Known:
    """True values of candidates in one trial.

    Attributes
    ----------
    axes
        By steps of a parameter: the nodes of the lattice.
    values
        By name: at the nodes, an axis a parameter.
    null
        By name: of candidates that do not work.
    changes
        With one parameter: where the claim changes, in order.
    off
        The most that a line was off in the middle of a cell, of ``level``.
    """

    trial: CandidateTrial
    axes: Mapping[Steps, Floats]
    values: Mapping[str, Floats]
    null: Numbers
    changes: tuple[float, ...] = ()
    off: float = 0.0
    _plan: Plan | None = field(default=None, repr=False, compare=False)

    def of(self, name: str, works: Booleans, values: Mapping[Steps, Floats]) -> Floats:
        """One of the true values of candidates, ``(candidate,)``."""
        if not self.axes:
            return np.where(works, float(self.values[name]), self.null[name])
        from scipy.interpolate import RegularGridInterpolator

        axes = list(self.axes.values())
        lines = RegularGridInterpolator(axes, self.values[name])
        at = np.stack(
            [np.clip(values[steps], axis[0], axis[-1]) for steps, axis in self.axes.items()],
            axis=-1,
        )
        return np.where(works, lines(at), self.null[name])

    def claim(self, works: Booleans, values: Mapping[Steps, Floats]) -> Booleans:
        """Whether what a success claims is true of candidates, ``(candidate,)``."""
        null = np.full(len(works), self.null[CLAIM] == 1.0)
        corners = self.values[CLAIM]
        if not self.axes:
            return np.where(works, bool(corners == 1.0), null)
        if len(self.axes) == 1:
            (own,) = (values[steps] for steps in self.axes)
            crossed = np.searchsorted(np.array(self.changes), own, side="right")
            return np.where(works, (corners.ravel()[0] == 1.0) ^ (crossed % 2 == 1), null)
        found = null.copy()
        low = tuple(
            np.clip(np.searchsorted(axis, values[steps], side="right") - 1, 0, len(axis) - 2)
            for steps, axis in self.axes.items()
        )
        about = np.stack(
            [
                corners[tuple(edge + step for edge, step in zip(low, corner, strict=True))]
                for corner in itertools.product((0, 1), repeat=len(low))
            ]
        )
        agree = (about == about[0]).all(axis=0)
        found[works & agree] = about[0][works & agree] == 1.0
        plan, points = Plan.of(self.trial.design), _points()
        for place in np.flatnonzero(works & ~agree):
            own_values = {steps: float(of[place]) for steps, of in values.items()}
            truth = self.trial.planted.truth(own_values)
            found[place] = numbers_of(self.trial, plan, points, truth)[CLAIM] == 1.0
        return found


def _points() -> SobolLatents:
    return SobolLatents(points=POINTS)


def known_of(
    trial: CandidateTrial,
    reaches: Mapping[Steps, tuple[float, float]],
    progress: Progress = silent,
) -> Known:
    """Integrate the true values of a trial on a lattice over what candidates draw."""
    plan, points = Plan.of(trial.design), _points()

    def at(values: Sequence[float]) -> Numbers:
        truth = trial.planted.truth(dict(zip(reaches, values, strict=True)))
        return numbers_of(trial, plan, points, truth)

    null = numbers_of(trial, plan, points, trial.null)
    axes = {steps: nodes_between(*reach, NODES[len(reaches)]) for steps, reach in reaches.items()}
    shape = tuple(len(axis) for axis in axes.values())
    every = list(itertools.product(*axes.values()))
    found = []
    for node in every:
        found.append(at(node))
        progress(f"true values, {trial.design.name}", len(found), len(every))
    values = {name: np.array([one[name] for one in found]).reshape(shape) for name in found[0]}
    changes: list[float] = []
    if len(axes) == 1:
        (axis,) = axes.values()
        claims = values[CLAIM]
        for k in np.flatnonzero(claims[1:] != claims[:-1]):
            low, high = float(axis[k]), float(axis[k + 1])
            for _ in range(HALVINGS[trial.null.courses is not None]):
                middle = (low + high) / 2.0
                low, high = (middle, high) if at([middle])[CLAIM] == claims[k] else (low, middle)
            changes.append(high)
    known = Known(trial, axes, values, null, tuple(changes))
    return Known(trial, axes, values, null, tuple(changes), _off(known, at))


def _off(known: Known, at: Callable[[Sequence[float]], Numbers]) -> float:
    """By how much lines are off in the middle of some cells."""
    if not known.axes:
        return 0.0
    middles = [(axis[1:] + axis[:-1]) / 2.0 for axis in known.axes.values()]
    cells = list(itertools.product(*middles))
    chosen = cells[:: max(1, len(cells) // MIDDLES)]
    own = {steps: np.array([cell[k] for cell in chosen]) for k, steps in enumerate(known.axes)}
    read = known.of(LEVEL, np.ones(len(chosen), dtype=np.bool_), own)
    true = np.array([at(cell)[LEVEL] for cell in chosen])
    return float(np.abs(read - true).max())


def nodes_between(low: float, high: float, number: int) -> Floats:
    """Nodes of a parameter; of one without bound evenly on its logarithm."""
    if high > 1e6:
        return np.geomspace(1e-3, 1e3, number)
    return np.linspace(low, high, number)
