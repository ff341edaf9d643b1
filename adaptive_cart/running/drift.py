"""What borrowing costs: a design that borrows and the same without, at every true control rate.

The external data stay as they were observed, and the control's true rate moves along the line from
0 to 1. Everything is enumerated (:mod:`adaptive_cart.running.exact`): whether a trial is still
running at a table of counts does not depend on the rates, given the table, so that each look is
judged once, and a characteristic is a sum over tables of two binomial masses, for all rates in one
product of matrices. Between the rates of the line the largest error is bounded by
:mod:`adaptive_cart.running.worst_case`.

Two designs are compared at the same error: for each the threshold is found that holds it over the
region, in the way of ``calibrate``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from adaptive_cart.conduct.plan import LEVEL, BorrowingArm, Plan
from adaptive_cart.decisions import STOPS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.external import only_named
from adaptive_cart.errors import DesignError, EngineError, InputError, Problem
from adaptive_cart.models.borrowed import CONFLICT
from adaptive_cart.nouns.asked_numbers import MOST_POINTS, wrong_number
from adaptive_cart.nouns.balance_words import told_balance
from adaptive_cart.nouns.progress import Progress, silent
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.drift import (
    ALONE,
    EQUAL,
    WITHOUT,
    WRITTEN,
    Curve,
    Drift,
    Equal,
    Truth,
    region_words,
)
from adaptive_cart.results.simulated_drift import SimulatedDrift
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating.averages import AVERAGES
from adaptive_cart.running.carrying import binomials, carried, chosen, over_tables
from adaptive_cart.running.engine import analysed_at, obstacles
from adaptive_cart.running.exact import JudgedLook, judged_look
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.holding import held_over, runs
from adaptive_cart.running.region import needs_calibration, with_found, with_threshold
from adaptive_cart.running.simulated_drift import POINTS as FEWER
from adaptive_cart.running.simulated_drift import (
    TRIALS,
    simulated_drift,
    sources_of,
    success_question,
    to_calibrate,
)
from adaptive_cart.running.worst_case import worst_case

POINTS = 201  # control rates of the line, from 0 to 1
ERROR = 0.025  # to be held where the design promises none
HALVINGS = 30  # of an interval in which two powers cross
MORE = 1e-6  # power that differs by less is the same


def drift(
    design: Design,
    effect: float | None = None,
    region: tuple[float, float] | None = None,
    error: float | None = None,
    points: int | None = None,
    progress: Progress = silent,
    *,
    trials: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
) -> Drift | SimulatedDrift:
    """Work out what borrowing buys and what it risks: of counts exactly, else by simulation.

    Parameters
    ----------
    trials, seed, jobs
        Of a simulation alone: trials at each point (1,000), seed of the first, and processes.
    effect, region, error, points
        As of :func:`enumerated_drift` and :func:`simulated_drift`.
    """
    analysis = design.analysis_of(design.primary)
    if analysis is None or analysis.of_tables:
        needless = [
            Problem(key, f"found {value}; of counts everything is enumerated: leave it out")
            for key, value in (("--trials", trials), ("--seed", seed), ("--jobs", jobs))
            if value is not None
        ]
        number = POINTS if points is None else points
        return enumerated_drift(design, effect, region, error, number, progress, needless)
    return simulated_drift(
        design,
        effect,
        region,
        error,
        FEWER if points is None else points,
        TRIALS if trials is None else trials,
        seed,
        jobs,
        progress,
    )


def enumerated_drift(
    design: Design,
    effect: float | None = None,
    region: tuple[float, float] | None = None,
    error: float | None = None,
    points: int = POINTS,
    progress: Progress = silent,
    problems: Iterable[Problem] = (),
) -> Drift:
    """Work out what borrowing counts buys and what it risks.

    Parameters
    ----------
    effect
        Difference of the rates at which power is told; that of the first alternative if left out.
    region
        Control rates over which the error is held; the design's null region, or all from 0 to 1.
    error
        To be held; what the design promises, or 0.025.
    points
        Control rates of the line, from 0 to 1; that of the external data is added.
    problems
        What is wrong with the question already; told with all else that is.

    Raises
    ------
    InputError
        If the design does not borrow for the control's primary, or cannot be enumerated.
    """
    written = _sound(design, effect, region, error, points, problems)
    arm = _borrowing(written)
    question = success_question(written)
    promised = design.calibration
    written_error = None if promised is None else promised.type_one_error
    held = (written_error or ERROR) if error is None else error
    given = None if promised is None else (promised.null_region or {}).get(design.arm_names[0])
    limits = region or ((given[0], given[1]) if given else (0.0, 1.0))
    moved = _alternative(design, question) if effect is None else effect
    _room(limits, moved)
    responders, participants = (
        math.fsum(one.total(key) for one in arm.prior.seen)
        for key in ("responders", "participants")
    )
    observed = responders / participants
    controls = np.unique([*np.linspace(0.0, 1.0, points), observed])
    alone = without_borrowing(written, arm)
    steps = ["line", "worst case", "equal error"]
    progress(steps[0], 0, 3)
    lines = {WRITTEN: Line(written, arm), WITHOUT: Line(alone, arm)}
    progress(steps[1], 1, 3)
    worst = tuple(
        worst_case(_promising(one, held, limits), engine="exact") for one in (written, alone)
    )
    progress(steps[2], 2, 3)
    found, why = _equal(written, alone, held, limits)
    equal = None
    if found is not None:
        lines |= {EQUAL: Line(found[0][0], arm), ALONE: Line(found[1][0], arm)}
        equal = _compared(lines[EQUAL], lines[ALONE], found, limits, moved, observed, controls)
    truths: dict[Truth, float] = {"null": question.value, "effect": moved}
    curves = {
        (name, truth): line.along(controls, difference)
        for name, line in lines.items()
        for truth, difference in truths.items()
    }
    whole = ExactError(written, set(), (0.0, 1.0))
    progress(steps[2], 3, 3)
    return Drift(
        design=design.name,
        endpoint=design.primary,
        arms=(design.arm_names[0], design.arm_names[1]),
        how=arm.prior.in_words,
        sources=sources_of(design, arm),
        balance=tuple(
            words
            for name in arm.prior.external
            for words in told_balance(name, design.external[name])
        ),
        observed=observed,
        margin=question.value,
        effect=moved,
        error=held,
        region=limits,
        curves=curves,
        worst=(worst[0], worst[1]),
        holds=held_over(whole, question.value, held),
        equal=equal,
        cannot=why,
    )


class Line:
    """A design of which every look has been judged, to be asked at any pair of rates."""

    def __init__(self, design: Design, arm: BorrowingArm) -> None:
        self.design, self.arm = design, arm
        self.plan = Plan.of(design)
        self.looks: list[JudgedLook] = []
        self.ends: list[Floats] = []  # of a table: that a trial which comes to it ends there
        self.wins: list[Floats] = []
        total = sum(design.allocation)
        running = np.ones((1, 1))
        before: tuple[int, ...] = (0, 0)
        numbers = analysed_at(design)
        for number, analysed in enumerate(numbers, start=1):
            by_arm = [analysed * ratio // total for ratio in design.allocation]
            look = judged_look(self.plan, number, (by_arm[0], by_arm[1]))
            earlier = [chosen(b, a) for b, a in zip(before, look.analysed, strict=True)]
            reached = carried(running, earlier)
            ended = np.logical_or.reduce([look.ends[ending] for ending in STOPS])
            over = (ended | (number == len(numbers))).reshape(reached.shape)
            won = look.ends[SUCCESS].reshape(reached.shape)
            self.looks.append(look)
            self.ends.append(np.where(over, reached, 0.0))
            self.wins.append(np.where(won, reached, 0.0))
            running, before = np.where(over, 0.0, reached), look.analysed

    def success(self, controls: Floats, difference: float) -> Floats:
        """Probability of success at each control rate with this difference, ``(rate,)``."""
        return self._summed(self.wins, controls, controls + difference)

    def along(self, controls: Floats, difference: float) -> Curve:
        """Every characteristic at those control rates that have room for the difference."""
        others = controls + difference
        there = (others >= -1e-12) & (others <= 1.0 + 1e-12)
        controls, others = controls[there], np.clip(others[there], 0.0, 1.0)
        biased, covered, borrowed, conflict = [], [], [], []
        analysis, model = self.plan.fitted[self.design.primary]
        asked = self.plan.estimands[0].question.at(difference)
        for look, ends in zip(self.looks, self.ends, strict=True):
            shape = ends.shape
            inside = analysis.posterior(model, look.counts, None).covers(asked, LEVEL)
            added = self.arm.prior.added(self.arm.arm, look.counts)
            participants = added.participants * self._borrows
            conflicts = (added.conflict < CONFLICT).astype(np.float64)
            biased.append(ends * (look.estimate - difference).reshape(shape))
            covered.append(ends * inside.reshape(shape))
            borrowed.append(ends * participants.reshape(shape))
            conflict.append(ends * conflicts.reshape(shape))
        sums = (
            self._summed(weighed, controls, others)
            for weighed in (self.wins, biased, covered, borrowed, conflict)
        )
        return Curve(controls, others, *sums)

    @property
    def _borrows(self) -> bool:
        return bool(self.plan.borrowing)

    def _summed(self, by_look: Sequence[Floats], controls: Floats, others: Floats) -> Floats:
        """Sum over all tables of a weight and two binomial masses, ``(rate,)``."""
        found = np.zeros(len(controls))
        for look, weights in zip(self.looks, by_look, strict=True):
            control = binomials(look.analysed[0], controls)
            other = binomials(look.analysed[1], np.clip(others, 0.0, 1.0))
            found += over_tables(weights, [control, other])
        return found


# ── the other designs ─────────────────────────────────────────────────────────────────────────
def without_borrowing(design: Design, arm: BorrowingArm) -> Design:
    """The same design with Beta(1, 1) in the arm that borrows."""
    tables = design.plain()
    name = design.arm_names[arm.arm]
    tables["analysis"][arm.endpoint]["prior"][name] = {"a": 1.0, "b": 1.0}
    return Design(**only_named(tables))


def _promising(design: Design, error: float, region: tuple[float, float]) -> Design:
    """The design with an error that it promises over a region."""
    tables = design.plain()
    asked = tables.get("calibration", {})
    known = {name: value for name, value in asked.items() if name not in AVERAGES}
    rates = {"null_region": {design.arm_names[0]: list(region)}}
    tables["calibration"] = {**known, "type_one_error": error, **rates}
    return Design(**tables)


# ── at equal error ────────────────────────────────────────────────────────────────────────────
Found = tuple[Design, float, float]  # with its threshold, that, and the worst error


def _equal(
    written: Design, alone: Design, error: float, region: tuple[float, float]
) -> tuple[tuple[Found, Found] | None, str]:
    """Both designs with the threshold that holds the error; else what stands in the way."""
    found: list[Found] = []
    for one, name in ((written, "with borrowing"), (alone, "without borrowing")):
        asked = to_calibrate(_promising(one, error, region))
        try:
            calibrated = calibrate(asked, engine="exact")
        except DesignError:
            return None, _cannot(asked, name, error, region)
        threshold = calibrated.of_success
        assert threshold is not None
        worst = max(point.error for point in threshold.points)
        found.append((with_found(asked, calibrated), threshold.threshold, worst))
    return (found[0], found[1]), ""


def _cannot(asked: Design, name: str, error: float, region: tuple[float, float]) -> str:
    """Say that no threshold holds the error, and over which control rates the strictest one does.

    The strictest is the largest probability that the rule can come to: at any larger one the design
    never succeeds, and at any smaller one no error is smaller.
    """
    (rule,) = [rule.name for rule in asked.rules_ending(SUCCESS)]
    numbers = with_threshold(asked, 0.5)
    exact = ExactError(numbers, {rule}, region)
    strictest = float(exact.probabilities.max())
    where = region_words(held_over(exact, success_question(numbers).value, error, strictest))
    return (
        f"{name} no threshold holds {error:g} over the region; the strictest at which it can "
        f"succeed at all holds it over {where}"
    )


def _compared(
    borrowing: Line,
    alone: Line,
    found: tuple[Found, Found],
    region: tuple[float, float],
    effect: float,
    observed: float,
    controls: Floats,
) -> Equal:
    """Where in the region borrowing has more power, both holding the same error."""

    def gain(rates: Floats) -> Floats:
        return borrowing.success(rates, effect) - alone.success(rates, effect)

    low, high = max(region[0], -effect), min(region[1], 1.0 - effect)
    inside = np.unique([low, *controls[(controls > low) & (controls < high)], high])
    gains = gain(inside)
    ranges = tuple(
        (
            _crossing(gain, inside, first - 1, first) if first else low,
            _crossing(gain, inside, last + 1, last) if last + 1 < len(inside) else high,
        )
        for first, last in runs(gains > MORE)
    )
    most, least = int(gains.argmax()), int(gains.argmin())
    room = np.array([min(max(observed, low), high)])
    return Equal(
        (found[0][1], found[1][1]),
        (found[0][2], found[1][2]),
        ranges,
        (float(inside[most]), float(gains[most])),
        (float(inside[least]), float(gains[least])),
        (float(borrowing.success(room, effect)[0]), float(alone.success(room, effect)[0])),
    )


def _crossing(gain: Callable[[Floats], Floats], rates: Floats, outside: int, inside: int) -> float:
    """The rate between two neighbours beyond which there is a gain, by halving."""
    no, yes = float(rates[outside]), float(rates[inside])
    for _ in range(HALVINGS):
        middle = (no + yes) / 2.0
        if gain(np.array([middle]))[0] > MORE:
            yes = middle
        else:
            no = middle
    return yes


# ── what may be asked ─────────────────────────────────────────────────────────────────────────
def _sound(
    design: Design,
    effect: float | None,
    region: tuple[float, float] | None,
    error: float | None,
    points: int,
    already: Iterable[Problem],
) -> Design:
    """Refuse what cannot be compared, all problems at once."""
    problems = []
    plan = Plan.of(design)
    arms = [a for a in plan.borrowing if (a.endpoint, a.arm) == (design.primary, 0)]
    if not arms or len(plan.borrowing) > 1:
        problems.append(
            Problem(
                f"analysis.{design.primary}.prior",
                "the control does not borrow from external data, or another arm or endpoint does "
                f"too; write prior.{design.arm_names[0]} = {{ external = […], method = … }} alone",
            )
        )
    if needs_calibration(design):
        problems.append(
            Problem("rules", 'a threshold is "calibrate"; `adaptive-cart calibrate` finds it first')
        )
    rules = design.rules_ending(SUCCESS)
    asked = rules[0].posterior if len(rules) == 1 else None
    of_difference = (
        asked is not None
        and asked.endpoint == design.primary
        and asked.minus == design.arm_names[0]
        and asked.above is not None
        and rules[0].at_least is not None
    )
    if not of_difference:
        problems.append(
            Problem(
                "rules",
                "one rule that declares success is expected, which asks whether the arm exceeds "
                "the control in the primary: posterior = { arm = …, minus = …, above = … }, "
                "at_least = …",
            )
        )
    asked_region = None if design.calibration is None else design.calibration.null_region
    beside = [name for name in asked_region or {} if name != design.arm_names[0]]
    if beside and region is None:
        told = (
            f"runs over {' and '.join(beside)} too, and the control's rate alone is enumerated "
            f"here; say over which rates the error is to be held, --region 0.02 0.30"
        )
        problems.append(Problem("calibration.null_region", told))
    if effect is not None and not -1.0 < effect < 1.0:
        problems.append(Problem("--effect", f"found {effect:g}; between -1 and 1 is expected"))
    if region is not None and not 0.0 <= region[0] < region[1] <= 1.0:
        told = f"found {region[0]:g} {region[1]:g}; two rising rates from 0 to 1 are expected"
        problems.append(Problem("--region", told))
    if error is not None and not 0.0 < error < 1.0:
        problems.append(Problem("--error", f"found {error:g}; between 0 and 1 is expected"))
    problems += wrong_number("--points", points, 11, MOST_POINTS)
    problems += already
    if problems:
        raise DesignError(problems)
    direct = {n: t for n, t in design.truths.items() if design.primary in t.direct}
    found = obstacles(design, dict(list(direct.items())[:1]) or design.truths)
    if found:
        if design.redrawn:
            key = f"external.{design.redrawn[0]}.redrawn=false"
            found.append(f"they are told beside external data as observed: --set {key}")
        listed = "\n".join(f"  - {reason}" for reason in found)
        raise EngineError(f"the costs of borrowing are enumerated, which is not valid:\n{listed}")
    return design


def _room(region: tuple[float, float], effect: float) -> None:
    if max(region[0], -effect) >= min(region[1], 1.0 - effect):
        raise InputError(
            f"--effect: found {effect:g}; no control rate from {region[0]:g} to {region[1]:g} has "
            "room for it"
        )


def _borrowing(design: Design) -> BorrowingArm:
    (arm,) = Plan.of(design).borrowing
    return arm


def _alternative(design: Design, question: Question) -> float:
    """The difference of the arms in the first scenario that is an alternative."""
    for truth in design.truths.values():
        if truth.is_alternative and design.primary in truth.direct:
            control, other = (truth.direct[design.primary][arm][0] for arm in (0, question.arm))
            return round(float(other) - float(control), 12)
    raise InputError("--effect: missing; no scenario is an alternative that says rates directly")
