"""What borrowing costs where it is simulated: rates, times to an event and scores.

As :mod:`adaptive_cart.running.drift` has it of counts, at a number of points and not over the whole
line: the external data stay as observed, the control's true level moves, and at each point trials
are simulated where the arms differ by the margin and by the effect, of the design as written and of
the same with the control's own prior alone. Points share their random numbers. At equal error both
have the one threshold that ``calibrate`` finds over the null points; their errors are then told of
other trials.
"""

from __future__ import annotations

import copy
import math
from typing import Any, Final

import numpy as np
from scipy import special

from adaptive_cart.conduct.plan import BorrowingArm, Plan
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.external import only_named
from adaptive_cart.endpoints.direct import DirectTruth
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.asked_numbers import (
    MOST_POINTS,
    MOST_TRIALS,
    wrong_jobs,
    wrong_number,
    wrong_seed,
)
from adaptive_cart.nouns.progress import Progress, silent
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.drift import ALONE, EQUAL, WITHOUT, WRITTEN, Truth
from adaptive_cart.results.simulated_drift import MEASURES, Simulated, SimulatedDrift
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.drift_lines import line_of, observed
from adaptive_cart.running.region import needs_calibration, with_found
from adaptive_cart.running.run import simulate

POINTS: Final = 9
TRIALS: Final = 1_000
ERROR: Final = 0.025
CONFIDENCE: Final = 0.95
OWN: Final = ("a", "b")  # keys of the control's own prior, without external data
OBEYED: Final = ("futility", "not_binding", "confidence")  # keys of how thresholds are searched


def simulated_drift(
    design: Design,
    effect: float | None = None,
    region: tuple[float, float] | None = None,
    error: float | None = None,
    points: int = POINTS,
    trials: int = TRIALS,
    seed: int | None = None,
    jobs: int | None = None,
    progress: Progress = silent,
) -> SimulatedDrift:
    """Simulate what borrowing buys and what it risks.

    Parameters
    ----------
    effect
        Comparison of the arms at which power is told; that of the first alternative if left out.
    region
        True levels of the control, from and to: a rate a year (of times, the yearly hazard), or a
        mean change; 2.5-fold to either side of the external one, or a standard deviation.
    trials
        At each point, truth and design.

    Raises
    ------
    DesignError
        If the design does not borrow for the control's primary, or its truth is not said directly.
    """
    arm, base = _sound(design, region, error, points, trials, seed, jobs)
    kind, question = _kind(design), success_question(design)
    assert kind is not None
    external, line = line_of(kind, arm.prior.seen, region, points)
    first = design.simulation.seed if seed is None else seed
    promised = design.calibration
    held = error or (promised.type_one_error if promised is not None else None) or ERROR
    moved = _alternative(design, base, first) if effect is None else effect
    path = Path(design, base, kind, question, line)
    alone = without_borrowing(design, arm)
    designs: dict[str, Design] = {WRITTEN: design, WITHOUT: alone}
    progress("thresholds", 0, 1)
    thresholds, why = None, ""
    try:
        found = [path.calibrated(one, held, trials, first + 1, jobs) for one in (design, alone)]
    except DesignError as reason:
        why = f"no threshold holds {held:g} at every point ({reason})".replace("\n", " ")
    else:
        thresholds = found[0][1], found[1][1]
        designs |= {EQUAL: found[0][0], ALONE: found[1][0]}
    curves: dict[tuple[str, Truth], Simulated] = {}
    for done, (name, one) in enumerate(designs.items()):
        progress("trials", done, len(designs))
        curves |= path.simulated(name, one, moved, trials, first, jobs)
    progress("trials", len(designs), len(designs))
    return SimulatedDrift(
        design=design.name,
        endpoint=design.primary,
        arms=(design.arm_names[0], design.arm_names[question.arm]),
        how=arm.prior.in_words,
        sources=sources_of(design, arm),
        unit=kind.level,
        multiplied=kind.by_factors,
        ratio=question.of.ratio,
        observed=external,
        levels=line,
        margin=question.value,
        effect=moved,
        error=held,
        trials=trials,
        curves=curves,
        thresholds=thresholds,
        cannot=why,
        bound=(_bound(curves[WRITTEN, "null"], trials), _bound(curves[WITHOUT, "null"], trials)),
    )


class Path:
    """The scenarios of a line: at each level a null truth, and one with the effect."""

    def __init__(
        self, design: Design, base: str, kind: DirectTruth, question: Question, line: Floats
    ) -> None:
        self.kind, self.question, self.line = kind, question, line
        self.endpoint, self.base = design.primary, base
        self.names = design.arm_names[0], design.arm_names[question.arm]

    def scenarios(self, design: Design, comparison: float, role: str) -> dict[str, Any]:
        """A scenario a level in which the arms differ so, where there is room for it."""
        plain = design.plain()
        own = plain["scenarios"][self.base]
        told = {**plain.get("truth", {}).get(self.endpoint, {}), **own.get(self.endpoint, {})}
        control, other = self.names
        found = {}
        for place, level in enumerate(self.line):
            second = level * comparison if self.question.of.ratio else level + comparison
            if self.kind.by_factors and second <= 0.0:
                continue  # no room for it
            own_truth = {
                arm: self.kind.at_level(told[arm], float(value))
                for arm, value in ((control, level), (other, second))
            }
            scenario = copy.deepcopy(own)
            scenario[self.endpoint] = {**told, **own_truth}
            scenario.pop("label", None)
            scenario["role"] = role
            found[f"{role}_{place}"] = scenario
        return found

    def simulated(
        self, name: str, design: Design, effect: float, trials: int, seed: int, jobs: int | None
    ) -> dict[tuple[str, Truth], Simulated]:
        """Both curves of one design."""
        tables = design.plain()
        comparisons: tuple[tuple[Truth, float, str], ...] = (
            ("null", self.question.value, "null"),
            ("effect", effect, "alternative"),
        )
        tables["scenarios"] = {}
        for _, comparison, role in comparisons:
            tables["scenarios"] |= self.scenarios(design, comparison, role)
        tables.pop("calibration", None)
        tables.pop("design_prior", None)
        result = simulate(Design(**tables), trials=trials, seed=seed, jobs=jobs, engine="simulate")
        rows = result.operating_characteristics
        rows = rows[rows["look"].isna() & rows["stratum"].isna()]
        columns = dict(
            zip(
                MEASURES,
                (
                    "success", "bias", "coverage", f"borrowed_{self.endpoint}_mean",
                    f"conflict_{self.endpoint}",
                ),
                strict=True,
            )
        )  # fmt: skip
        found: dict[tuple[str, Truth], Simulated] = {}
        for truth, _, role in comparisons:
            of_line = [f"{role}_{place}" for place in range(len(self.line))]
            parts: list[dict[str, Floats]] = [{}, {}]
            for measure, column in columns.items():
                own = rows[rows["measure"] == column].groupby("scenario")
                for part, key in zip(parts, ("estimate", "mcse"), strict=True):
                    part[measure] = own[key].first().reindex(of_line).to_numpy(dtype=np.float64)
            found[name, truth] = Simulated(*parts)
        return found

    def calibrated(
        self, design: Design, error: float, trials: int, seed: int, jobs: int | None
    ) -> tuple[Design, float]:
        """The design with the threshold that holds an error at every null point, and that."""
        tables = design.plain()
        tables["scenarios"] = self.scenarios(design, self.question.value, "null")
        promised = tables.get("calibration", {})
        kept = {key: promised[key] for key in OBEYED if key in promised}
        tables["calibration"] = {**kept, "type_one_error": error}
        tables.pop("design_prior", None)
        asked = to_calibrate(Design(**tables))
        found = calibrate(asked, trials=trials, seed=seed, jobs=jobs, engine="simulate")
        threshold = found.of_success
        assert threshold is not None
        with_it = with_found(asked, found).plain()
        with_it["scenarios"] = design.plain()["scenarios"]
        with_it.pop("calibration", None)
        return Design(**with_it), threshold.threshold


def sources_of(design: Design, arm: BorrowingArm) -> tuple[str, ...]:
    """The external data that an arm borrows, each with its source."""
    return tuple(
        f"{name}: {design.external[name].in_words} ({design.external[name].source})"
        for name in arm.prior.external
    )


def to_calibrate(design: Design) -> Design:
    """The design with one threshold for success, to be found."""
    tables = design.plain()
    for rule, plain in zip(design.rules, tables["rules"], strict=True):
        if rule.decision.ends == SUCCESS:
            plain["at_least"] = "calibrate"
    return Design(**tables)


def without_borrowing(design: Design, arm: BorrowingArm) -> Design:
    """The same design with the arm's own prior alone; flat where the table writes none."""
    tables = design.plain()
    analysis = design.analysis_of(arm.endpoint)
    assert analysis is not None
    *around, last = analysis.borrows_at(design.arm_names[arm.arm]).split(".")
    inner = tables["analysis"][arm.endpoint]
    for step in around:
        inner = inner[step]
    own = {key: inner[last][key] for key in OWN if key in inner[last]}
    if own:
        inner[last] = own
    else:
        del inner[last]
    return Design(**only_named(tables))


def _alternative(design: Design, base: str, seed: int) -> float:
    """True value of what the success rule asks in the alternative."""
    found = simulate(design, trials=2, seed=seed, scenarios=[base], jobs=1, engine="simulate")
    rows = found.operating_characteristics
    return float(rows.loc[rows["measure"] == "estimand", "estimate"].iloc[0])


def _bound(curve: Simulated, trials: int) -> float:
    """Above which the error lies at none of the points, with 0.95 (Clopper-Pearson, Bonferroni)."""
    errors = curve.estimate["success"]
    share = (1.0 - CONFIDENCE) / len(errors)
    had = np.round(errors[np.isfinite(errors)] * trials)
    upper = special.betaincinv(had + 1.0, np.maximum(trials - had, 1e-9), 1.0 - share)
    return float(np.where(had >= trials, 1.0, upper).max())


def success_question(design: Design) -> Question:
    """What the rule asks that declares success."""
    (rule,) = [rule for rule in Plan.of(design).rules if rule.decision.ends == SUCCESS]
    return rule.parts[0].question


# ── what may be asked ─────────────────────────────────────────────────────────────────────────
def _sound(
    design: Design,
    region: tuple[float, float] | None,
    error: float | None,
    points: int,
    trials: int,
    seed: int | None,
    jobs: int | None,
) -> tuple[BorrowingArm, str]:
    """The arm that borrows and the first alternative; all problems are refused at once."""
    problems = []
    borrowing = Plan.of(design).borrowing
    arms = [a for a in borrowing if (a.endpoint, a.arm) == (design.primary, 0)]
    analysis = design.analysis_of(design.primary)
    where = f"analysis.{design.primary}.prior"
    if not arms or len(borrowing) > 1 or analysis is None:
        problems.append(
            Problem(
                where,
                "the control does not borrow from external data, or another arm or endpoint does "
                "too; let the control of the primary borrow alone",
            )
        )
    if len(design.arm_names) > 2 or design.strata:
        found = "arms" if len(design.arm_names) > 2 else "strata"
        problems.append(
            Problem(found, f"found several {found}; two arms without strata are expected")
        )
    if needs_calibration(design):
        problems.append(
            Problem("rules", 'a threshold is "calibrate"; `adaptive-cart calibrate` finds it first')
        )
    rules = design.rules_ending(SUCCESS)
    asked = rules[0].posterior if len(rules) == 1 else None
    if (
        asked is None
        or asked.endpoint != design.primary
        or not asked.others
        or not rules[0].at_least
    ):
        problems.append(
            Problem(
                "rules",
                "one rule that declares success is expected, which compares the arm with the "
                "control in the primary, with at_least = …",
            )
        )
    base = [
        name
        for name, truth in design.truths.items()
        if truth.is_alternative and design.primary in truth.direct
    ]
    if not base:
        problems.append(
            Problem(
                "scenarios",
                f"no scenario is an alternative that says '{design.primary}' directly, by arm",
            )
        )
    kind = _kind(design)
    if kind is None:
        told = f"levels of '{design.primary}' have no line along which the control drifts"
        problems.append(Problem(f"endpoints.{design.primary}.type", told))
    if region is not None:
        least = 0.0 if kind is None or kind.by_factors else -math.inf
        if not least < region[0] < region[1]:
            above = "" if least < 0.0 else " above 0"
            told = f"found {region[0]:g} {region[1]:g}; two rising levels{above} are expected"
            problems.append(Problem("--region", told))
    if arms and kind is not None and kind.by_factors and observed(arms[0].prior.seen)[0] <= 0.0:
        told = (
            "the external data that are borrowed have no event, and drift is a ratio to their rate"
        )
        problems.append(Problem("external", told))
    if error is not None and not 0.0 < error < 1.0:
        problems.append(Problem("--error", f"found {error:g}; between 0 and 1 is expected"))
    problems += wrong_number("--points", points, 3, MOST_POINTS)
    problems += wrong_number("--trials", trials, 100, MOST_TRIALS)
    problems += wrong_seed(seed) + wrong_jobs(jobs)
    if problems:
        raise DesignError(problems)
    return arms[0], base[0]


def _kind(design: Design) -> DirectTruth | None:
    """How the primary's truth is said by arm; nothing where it has no levels."""
    kind: DirectTruth | None = design.endpoints[design.primary].direct
    return kind if kind is not None and kind.level else None
