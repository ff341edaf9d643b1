"""The threshold for success that keeps a false discovery, or decides well, over a design prior.

Where the exact engine is valid, every truth of the design prior is enumerated, drawn ones at the
nodes that integrate them. Elsewhere one set of trials of every scenario, run without success, tells
what happens at every threshold, where truths are drawn each with one of its own; fresh trials of
the design as it acts tell what it came to.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import Weighed, weighed_by
from adaptive_cart.design.truth import Truth
from adaptive_cart.design.validation import path_to
from adaptive_cart.errors import DesignError, EngineError, Problem
from adaptive_cart.nouns.progress import Progress
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.averages import Member, averaged
from adaptive_cart.results.calibration import Calibrated, fingerprint
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.figure import Z95, Figure, exact
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.averaged_runs import (
    Runs,
    claim_true,
    of_successes,
    weights_said,
)
from adaptive_cart.running.calibrating.averaged_thresholds import Chances, Wanted, best
from adaptive_cart.running.calibrating.averaged_trials import Curves
from adaptive_cart.running.calibrating.search import (
    FRESH,
    ROUNDS,
    SETTLED,
    Effort,
    Rest,
    Search,
    not_settled,
)
from adaptive_cart.running.drawn_truths import nodes_of, too_many
from adaptive_cart.running.engine import Engine, is_enumerated, obstacles
from adaptive_cart.running.exact_error import MOST_TABLES, ExactError, distinct, tables_of
from adaptive_cart.running.region import (
    asks,
    claims_of,
    found_for,
    put_in_place,
    with_threshold,
    with_thresholds,
)
from adaptive_cart.running.simulated_error import midway, shape_of

PATH = "calibration"
TARGETS = ("averages", "false_discovery", "correct_decision", "expected_loss")
FALSE = {"success": "success", "claimed": "claim"}  # what is false of what is made
AVERAGES = ("design_prior", *TARGETS)
OF_ERROR = ("type_one_error", "null_region", "shares", "held")


class Averages(Search):
    """The threshold for averages over a design prior, and for the type I error where wanted."""

    finds = "the threshold of a success, or of a claim, that keeps averages over a design prior"
    confirmed = "enumerated, or by as many fresh trials of every scenario of the design as it acts"
    log = AveragedCalibration

    def takes(self, design: Design) -> bool:
        """Whether anything is wanted on average."""
        return averages_asked(design)

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find what the type I error needs first, where that is wanted too."""
        assert design.calibration is not None
        success = None
        (rule,) = [rule for rule in design.rules if asks(rule)]
        if design.calibration.type_one_error is not None and not rule.decision.at_the_end:
            success = rest(for_type_one_error(design), effort).of_success
        with said_of(design, rule.name):
            found = calibrate_averages(of_one_rule(design, rule.name), success, effort)
        return found_for(design, found)


@contextmanager
def said_of(design: Design, name: str, others: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Let errors about the averages of a rule name it, and where the design asks for them.

    Parameters
    ----------
    others
        Thresholds of the other rules, as far as they have been found.
    """
    assert design.calibration is not None
    try:
        yield
    except DesignError as error:
        by_rule = design.calibration.averages is not None
        several = sum(asks(rule) for rule in design.rules) > 1
        beside = ", ".join(f"'{other}' at {value}" for other, value in (others or {}).items())
        beside = f" (with {beside} in force)" if beside else ""
        whose = f"of '{name}': "
        raise DesignError(
            [
                Problem(
                    _said_at(one.path, name) if by_rule else one.path,
                    f"{whose if several and not by_rule else ''}{one.message}{beside}",
                )
                for one in error.problems
            ]
        ) from None


def _said_at(path: str, name: str) -> str:
    """Where a target is written, of one rule."""
    key = path.removeprefix(f"{PATH}.")
    if key in TARGETS:
        return path_to(PATH, "averages", name, key)
    return path_to(PATH, "averages", name) if path == PATH else path


def for_type_one_error(design: Design) -> Design:
    """The design as it asks for a type I error alone; claims that are judged later are never made.

    They end no trial, so that no success depends on them.
    """
    tables = design.plain()
    for name in AVERAGES:
        tables["calibration"].pop(name, None)
    for rule, table in zip(design.rules, tables["rules"], strict=True):
        if rule.decision.at_the_end and asks(rule):
            put_in_place(table, lambda: 1.0)
    return Design(**tables)


def of_one_rule(design: Design, name: str, others: Mapping[str, Any] | None = None) -> Design:
    """The design as it asks for the averages of one rule alone.

    Parameters
    ----------
    others
        Thresholds of the other rules that are to be calibrated.
    """
    assert design.calibration is not None
    tables = design.plain()
    for key in (*TARGETS, *OF_ERROR):
        tables["calibration"].pop(key, None)
    tables["calibration"] |= design.calibration.averages_of(name).plain()
    for rule, table in zip(design.rules, tables["rules"], strict=True):
        if rule.name in (others or {}) and rule.name != name:
            put_in_place(table, functools.partial((others or {}).__getitem__, rule.name))
    return Design(**tables)


def averages_asked(design: Design) -> bool:
    """Whether a threshold is to be found for an average over a design prior."""
    return design.calibration is not None and design.calibration.averaged


def calibrate_averages(
    design: Design,
    success: Calibrated | None,
    effort: Effort,
    confirm: bool = True,
) -> AveragedCalibration:
    """Find the threshold of the one rule to be calibrated that keeps what is wanted on average.

    Parameters
    ----------
    success
        How the threshold was found that the type I error needs, where that is wanted too.
    effort
        Of which ten times as many trials of each scenario are simulated; enumeration needs none.
    confirm
        Whether fresh trials tell what a simulated threshold came to.

    Raises
    ------
    DesignError
        If no threshold keeps what is wanted; it says which cannot be met together, and why.
    EngineError
        If ``exact`` is asked for and not valid.
    """
    assert design.calibration is not None
    assert design.calibration.design_prior is not None
    weighed = weighed_by(design, design.calibration.design_prior)
    if _exact(design, weighed, effort.engine):
        return _enumerated(design, success, weighed, effort.progress)
    return _simulated(design, success, weighed, effort, confirm)


def _exact(design: Design, weighed: Sequence[Weighed], engine: Engine) -> bool:
    """Whether it is enumerated."""

    def why_not() -> list[str]:
        numbers = with_threshold(design, 0.5)
        return obstacles(numbers, {one.scenario: numbers.truths[one.scenario] for one in weighed})

    def small() -> bool:
        return tables_of(design) <= MOST_TABLES and not any(
            one.draws and too_many(design, one.draws) for one in weighed
        )

    return is_enumerated(engine, "the averages of this design cannot be enumerated", why_not, small)


def _wanted(design: Design, true: float) -> Wanted:
    """What the design wants, where claims are true with this weight."""
    asked = design.calibration
    assert asked is not None
    if not 0.0 < true < 1.0:
        what = "true" if true <= 0.0 else "false"
        message = (
            f"found '{asked.design_prior}', in no truth of which the claim is {what}: nothing is "
            f"weighed against the other; give weight to a scenario in which it is {what}"
        )
        raise DesignError([Problem(f"{PATH}.design_prior", message)])
    loss = asked.expected_loss
    return Wanted(
        asked.false_discovery,
        asked.correct_decision,
        None if loss is None else loss.false_success,
        None if loss is None else loss.missed,
        true,
    )


# ── enumerated ────────────────────────────────────────────────────────────────────────────────
def _enumerated(
    design: Design,
    success: Calibrated | None,
    weighed: Sequence[Weighed],
    progress: Progress,
) -> AveragedCalibration:
    numbers = with_threshold(design, 0.5)
    rule = next(rule for rule in design.rules if asks(rule))
    truths = [(one.weight * w, t) for one in weighed for w, t in _truths(numbers, one)]
    weights = np.array([weight for weight, _ in truths])
    claims = np.array([claim_true(numbers, rule.name, truth) for _, truth in truths])
    rates = np.array([true_values(numbers, truth).levels(design.primary) for _, truth in truths])
    wanted = _wanted(design, float(weights @ claims))
    error = ExactError(numbers, {rule.name}, (0.0, 1.0))
    values = distinct(error.probabilities)
    counted = {
        one.name: np.full(len(rates), one.name == rule.name, dtype=np.bool_)
        for one in error.success
    }
    tried = 0

    @functools.cache
    def at(place: int) -> Chances:
        nonlocal tried
        tried += 1
        progress("thresholds tried", tried, max(len(values), tried))
        reached = weights * error.of_rules(rates, counted, float(values[place]))
        return Chances(float(reached[~claims].sum()), float(reached[claims].sum()))

    first = _first_of(values, success)
    place = best(at, len(values), wanted, first)
    if place is None:
        raise _nothing(wanted, [at(k) for k in _some(len(values), first)], success)
    progress("thresholds tried", len(values), len(values))
    must_not = float(values[place - 1]) if place else None
    may, chances = float(values[place]), at(place)
    threshold = 0.0 if must_not is None else max(midway(must_not, may), _least(success))
    by_look: dict[int, float] = {}
    if not error.shape.flat and must_not is not None:
        by_look = error.by_look(design, rule, threshold, must_not, may)
    told = {
        "false_discovery": wanted.discovery(chances.false, chances.true),
        "correct_decision": wanted.correct(chances.false, chances.true),
        "assurance": chances.false + chances.true,
    }
    if wanted.minimises:
        told["expected_loss"] = wanted.loss(chances.false, chances.true)
    return _found(
        design, success, weighed, threshold, must_not, may, by_look,
        averages={name: exact(value) for name, value in told.items()},
        method="exact",
    )  # fmt: skip


def _truths(design: Design, one: Weighed) -> list[tuple[float, Truth]]:
    if not one.draws:
        return [(1.0, design.truths[one.scenario])]
    found = nodes_of(design, one.scenario, one.draws)
    if found is None:
        raise EngineError(
            f"the design prior draws {len(one.draws)} values in '{one.scenario}', too many to be "
            f"enumerated; draw fewer"
        )
    return found


def _first_of(values: Floats, success: Calibrated | None) -> int:
    """Place of the first threshold that the type I error allows."""
    return 0 if success is None else int(np.searchsorted(values, success.threshold))


def _least(success: Calibrated | None) -> float:
    return 0.0 if success is None else success.threshold


def _some(number: int, first: int) -> list[int]:
    """Places from which it is told what can be had."""
    return sorted({int(k) for k in np.linspace(first, number - 1, 200)}) if first < number else []


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def _simulated(
    design: Design,
    success: Calibrated | None,
    weighed: Sequence[Weighed],
    effort: Effort,
    confirm: bool,
) -> AveragedCalibration:
    assert design.calibration is not None
    assert design.calibration.design_prior is not None
    upper, trials = design.calibration.by_upper_bound, FRESH * effort.trials
    rule = next(rule for rule in design.rules if asks(rule))
    predicted = any(a.predictive for r in design.rules for a in r.comparisons)
    search, fresh = (
        Runs(design.calibration.design_prior, tuple(weighed), rule.name, trials, seed,
             effort.jobs, effort.progress)
        for seed in effort.seeds
    )  # fmt: skip
    threshold, must_not, may = 0.975, None, 1.0
    notes: tuple[str, ...] = ()
    for _ in range(ROUNDS if predicted else 1):
        numbers = with_threshold(design, threshold)
        members = search.searched(numbers, design)
        wanted = _wanted(design, math.fsum(one.weight * one.share_true for one in members))
        curves = Curves(members, wanted)
        place = _chosen(design, curves, _first_of(curves.values, success), upper, success)
        must_not = float(curves.values[place - 1]) if place else None
        may = float(curves.values[place])
        found = 0.0 if must_not is None else max(midway(must_not, may), _least(success))
        moved, threshold = abs(found - threshold), found
        if moved < SETTLED:
            break
    else:
        notes = (not_settled(ROUNDS, moved, threshold),) if predicted else ()
    shape = shape_of(design, rule)
    by_look = {} if shape.flat else shape.rounded(design, rule, threshold)
    final = with_thresholds(design, threshold, {rule.name: by_look} if by_look else {})
    chosen = [of_successes(one.weight, one.true, one.largest >= threshold) for one in members]
    return _found(
        design, success, weighed, threshold, must_not, may, by_look,
        averages=_figures(chosen, wanted),
        fresh=_figures(fresh.acting(final), wanted) if confirm else {},
        method="simulated",
        trials=trials,
        seed=effort.seeds[0],
        confidence="upper" if upper else "estimate",
        notes=notes,
    )  # fmt: skip


def _chosen(
    design: Design, curves: Curves, first: int, upper: bool, success: Calibrated | None
) -> int:
    """Place of the threshold that is wanted."""
    wanted = curves.wanted
    held = curves.kept(upper)
    held[:first] = False
    told = held & curves.shown() if wanted.false_discovery is not None else held
    if not told.any():
        if held.any() or (curves.kept(False)[first:].any() and upper):
            raise _not_shown(wanted, curves)
        pairs = zip(curves.false, curves.true, strict=True)
        known = [Chances(float(f), float(t)) for f, t in pairs]
        raise _nothing(wanted, [known[k] for k in _some(len(known), first)], success)
    if not wanted.minimises:
        return int(np.flatnonzero(told)[0])
    return int(np.where(told, curves.loss(), np.inf).argmin())


def _figures(members: Sequence[Member], wanted: Wanted) -> dict[str, Figure]:
    names = ("false_discovery", "correct_decision", "assurance")
    found = {name: averaged(members, name) for name in names}
    told = {name: figure for name, figure in found.items() if figure is not None}
    if wanted.false_success is not None and wanted.missed is not None:
        costs = np.zeros(len(members[0].success))
        for one in members:
            missed = one.some_true * (1.0 - one.success)
            costs += one.weight * (wanted.false_success * one.false + wanted.missed * missed)
        number, value = len(costs), float(costs.mean())
        mcse = float(costs.std(ddof=1)) / number**0.5
        told["expected_loss"] = Figure(value, mcse, value - Z95 * mcse, value + Z95 * mcse, number)
    return told


# ── what is found, and what is not ────────────────────────────────────────────────────────────
def _found(
    design: Design,
    success: Calibrated | None,
    weighed: Sequence[Weighed],
    threshold: float,
    must_not: float | None,
    may: float,
    by_look: dict[int, float],
    *,
    averages: Mapping[str, Figure],
    method: Literal["exact", "simulated"],
    fresh: Mapping[str, Figure] | None = None,
    trials: int = 0,
    seed: int = 0,
    confidence: Literal["exact", "upper", "estimate"] = "exact",
    notes: tuple[str, ...] = (),
) -> AveragedCalibration:
    """What a search came to, with the words and fingerprints of a log."""
    asked = design.calibration
    assert asked is not None
    assert asked.design_prior is not None
    rule = next(rule for rule in design.rules if asks(rule))
    final = with_thresholds(design, threshold, {rule.name: by_look} if by_look else {})
    resolved = next(r for r in resolve_rules(final) if r.name == rule.name)
    scenarios = tuple(dict.fromkeys([*(one.scenario for one in weighed),
                                     *(() if success is None else success.scenarios)]))  # fmt: skip
    loss = asked.expected_loss
    made = "claimed" if rule.decision.at_the_end else "success"
    wanted = {
        "false_discovery": asked.false_discovery,
        "correct_decision": asked.correct_decision,
        "type_one_error": None if success is None else success.target,
    }
    return AveragedCalibration(
        threshold=threshold,
        must_not_count=must_not,
        may_count=may,
        rule=rule.name,
        claim=claims_of(resolved, design),
        prior=asked.design_prior,
        weights=weights_said(weighed),
        wanted={name: value for name, value in wanted.items() if value is not None},
        losses=None if loss is None else {f"a false {FALSE[made]}": loss.false_success,
                                          "a missed claim": loss.missed},
        shape=shape_of(design, rule).name,
        by_look=tuple(by_look.values()),
        success=success,
        scenarios=scenarios,
        asked=fingerprint(design, scenarios),
        found=fingerprint(final, scenarios),
        made=made,
        averages=averages,
        fresh=fresh or {},
        method=method,
        trials=trials,
        seed=seed,
        confidence=confidence,
        notes=notes,
    )  # fmt: skip


def _not_shown(wanted: Wanted, curves: Curves) -> DesignError:
    """The error to raise where the trials are too few to show what is wanted."""
    told = []
    if wanted.false_discovery is not None:
        told.append(f"false_discovery = {wanted.false_discovery:g}")
    if wanted.correct_decision is not None:
        told.append(f"correct_decision = {wanted.correct_decision:g}")
    message = (
        f"found {' and '.join(told)}, which {curves.trials:,} trials in each scenario cannot show: "
        f"where their estimates keep it, the 95% bound does not, or fewer than five successes are "
        f'false; use more --trials, or confidence = "estimate"'
    )
    return DesignError([Problem(PATH, message)])


def _nothing(wanted: Wanted, known: Sequence[Chances], success: Calibrated | None) -> DesignError:
    """The error to raise where no threshold keeps all: what each comes to by itself."""
    problems = []
    floor = ""
    if success is not None:
        floor = (
            f" with thresholds from {success.threshold!r} on, which the type_one_error of "
            f"{success.target:g} needs,"
        )
    alone = []  # what not even the best threshold for it keeps
    if (highest := wanted.false_discovery) is not None:
        least = min((wanted.discovery(c.false, c.true) for c in known if c.false + c.true > 0.0),
                    default=float("nan"))  # fmt: skip
        told = f"found {highest:g}; the smallest{floor} is about {least:.4g}"
        problems.append(Problem(f"{PATH}.false_discovery", told))
        alone += problems[-1:] if not least <= highest else []
    if (lowest := wanted.correct_decision) is not None:
        most = max((wanted.correct(c.false, c.true) for c in known), default=float("nan"))
        told = f"found {lowest:g}; the largest{floor} is about {most:.4g}"
        problems.append(Problem(f"{PATH}.correct_decision", told))
        alone += problems[-1:] if not most >= lowest else []
    if alone:
        return DesignError(alone)
    if not problems:
        told = f"no posterior probability is as large as the type I error needs{floor}"
        problems.append(Problem(f"{PATH}.type_one_error", told))
    if len(problems) > 1:
        first = problems[0]
        problems[0] = Problem(first.path, f"{first.message}; no threshold keeps both together")
    return DesignError(problems)
