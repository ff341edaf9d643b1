"""An error over all truths at which a claim is false: the curve or map, the worst, a certificate.

Where the exact engine is valid the error is enumerated at every point, and a certificate says what
it exceeds nowhere (:mod:`adaptive_cart.running.certificate`). Elsewhere trials are simulated at
each point, and at the worst again with another seed; what lies between is bounded with confidence
where that is asked for (:mod:`adaptive_cart.running.stated_bounds`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from adaptive_cart.decisions import FUTILITY, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.design.null_ranges import MOST
from adaptive_cart.errors import DesignError, InputError, Problem, one_of
from adaptive_cart.nouns.asked_numbers import (
    MOST_POINTS,
    MOST_TRIALS,
    wrong_jobs,
    wrong_number,
    wrong_seed,
)
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.results.figure import Figure, exact, proportion
from adaptive_cart.results.worst_case import (
    ACROSS,
    MEASURES,
    Across,
    Certificate,
    Over,
    Place,
    WorstCase,
)
from adaptive_cart.running.calibrating.overruled import all_binding
from adaptive_cart.running.calibrating.type_one_error import enumerates
from adaptive_cart.running.certificate import (
    certify,
    certify_line,
    tried,
    tried_line,
    why_no_line,
    why_none,
)
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.exact_error import ExactError, false_of
from adaptive_cart.running.null_points import nowhere_false, null_points
from adaptive_cart.running.null_region import (
    Point,
    kept_of,
    rate_words,
)
from adaptive_cart.running.null_spans import Spans
from adaptive_cart.running.region import (
    Region,
    needs_calibration,
    region_of,
)
from adaptive_cart.running.simulated_error import endings, false_successes
from adaptive_cart.running.simulating import Simulating
from adaptive_cart.running.stated_bounds import (
    WORST_CASE,
    bound_over,
    of_strata,
    points_of_arms,
    words_over,
)
from adaptive_cart.running.stated_boxes import Confirming
from adaptive_cart.running.stated_certificate import why_not_stated
from adaptive_cart.running.worst_by_strata import enumerates_strata, worst_by_strata

Measured = Literal["false_success", "power", "futility_stop", "safety_stop"]
CURVE, MAP = 1_001, 101  # rates of each axis where the error is enumerated
FEW, FEWER = 21, 7  # where it is simulated
TRIALS = 10_000
CONFIRMING = 100_000  # fresh trials at the worst of many truths that were chosen from
NOT_BETWEEN = (
    "it is simulated, and nothing was asked of what lies between the truths; --certify "
    "states with confidence what it exceeds nowhere"
)
BY_NUMBERS = (
    "it is simulated at values of numbers of scenarios, and nothing is known of what lies between"
)


def worst_case(
    design: Design,
    measure: Measured = "false_success",
    over: Over = "control",
    effect: float | None = None,
    points: int | None = None,
    trials: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    progress: Progress = silent,
    engine: Engine = "auto",
    certify_simulated: bool = False,
    tiles: int | None = None,
    tell: Tell = unheard,
) -> WorstCase:
    """Find the worst case of an error of a design.

    Parameters
    ----------
    measure
        ``false_success``, over all truths at which a claim is false; or over all control rates with
        an ``effect`` the ``power``, of which the smallest is the worst, or how often the trial
        stops for futility or safety.
    over
        What the curve or the map shows: the control rate, the rates of both arms, or the control
        rates of two strata.
    points
        Rates on each axis.
    trials
        Simulated trials at each point.
    jobs
        Processes; all cores if left out. Changes no result.
    certify_simulated
        Of a simulated probability, state with 95% confidence what it exceeds nowhere, from trials
        at more truths.
    tiles
        How many; if left out as many as bring the bound near, at most 1,000.
    tell
        Who is told how long that may take, before it begins.

    Raises
    ------
    DesignError, InputError
        If the design, or what is asked of it, does not allow it; all problems at once.
    EngineError
        If ``exact`` is asked for and not valid.
    """
    _check(design, measure, over, effect, points, trials, certify_simulated, tiles, seed, jobs)
    notes: tuple[str, ...] = ()
    judged = all_binding(design)
    if design.overruled:
        notes = (f"{design.overruled_words}: {_rules_of(design)} left out",)
    region = region_of(judged)
    digest = digest_of(design)
    target = None if design.calibration is None else design.calibration.type_one_error
    asked = WorstCase(
        design.name, measure, over, effect, region.words, "exact", 0, 0, None, (),
        Place("", {}, exact(0.0)), None, None, target, notes, digest,
    )  # fmt: skip
    across = ACROSS[over]
    if not across.strata and enumerates(judged, region, engine):
        return _enumerated(asked, judged, region, points)
    by_strata = of_strata(judged, region) if across.strata else region
    alone = across.strata or (across.control and region.of_strata_alone)
    if alone and not asked.of.at_effect and enumerates_strata(judged, by_strata, engine):
        runs: Over = over if across.strata else "region"
        asked = replace(asked, over=runs, notes=(*notes, *_not_on_the_map(region, across)))
        return worst_by_strata(asked, judged, by_strata, points, words_over(judged, region, runs))
    first = design.simulation.seed if seed is None else seed
    if certify_simulated and (why := why_not_stated(judged, region)) is not None:
        raise InputError(f"--certify: not for this design: {why}")
    many = trials or TRIALS
    simulate = _at_effect if asked.of.at_effect else _simulated
    found = simulate(asked, judged, region, points, Simulating(many, first, jobs, progress))
    if not certify_simulated:
        return found
    effort = Confirming(many, tiles, first, jobs, progress, tell)
    return replace(found, stated=bound_over(judged, region, found, effort), why_none=None)


def _rules_of(design: Design) -> str:
    """Which rules are overruled, in words."""
    if design.overruled == design.rules_ending(FUTILITY):
        return "its rules are"
    return "they are" if len(design.overruled) > 1 else "it is"


# ── enumerated ────────────────────────────────────────────────────────────────────────────────
def _enumerated(asked: WorstCase, design: Design, region: Region, points: int | None) -> WorstCase:
    error = ExactError(design, set(), region.limits, asked.of.ending)
    if asked.of.at_effect:
        assert asked.effect is not None
        return _on_line(asked, error, region, asked.effect, points)
    why = why_none(error)
    certificate = None if why else tried(certify(error, region.limits), error, region.limits)
    drawn = _curve(error, region, points) if asked.across.control else _map(error, region, points)
    places = tuple(drawn)
    if not places:
        raise InputError(
            "at no truth of the region is a claim false, so that there is no error: write a wider "
            "null_region, or leave it out"
        )
    largest = error.worst(np.nan)
    rates = _rates_of(largest.name) if largest.name.startswith(design.arm_names[0]) else ()
    worst = Place(largest.name, _by_axis(asked.across, design, rates), exact(largest.error))
    if certificate is not None and certificate.found > largest.error:
        found = np.array(certificate.at)
        worst = Place(
            rate_words(design, found[: len(design.arms)]),
            _by_axis(asked.across, design, certificate.at),
            exact(certificate.found),
        )
    if certificate is not None and largest.error > certificate.found:
        certificate = replace(certificate, found=largest.error)
    return replace(asked, places=places, worst=worst, certificate=certificate, why_none=why)


def _rates_of(name: str) -> tuple[float, ...]:
    return tuple(float(part.rsplit(" ", 1)[1]) for part in name.split(", "))


def _by_axis(across: Across, design: Design, rates: tuple[float, ...]) -> dict[str, float]:
    """What varies, of a pair of rates."""
    names = design.arm_names if across.arms else design.arm_names[:1]
    return dict(zip(names, rates, strict=False))


def _curve(error: ExactError, region: Region, points: int | None) -> Iterator[Place]:
    """By control rate: the largest error at a margin."""
    names = error.design.arm_names
    controls = np.unique(np.linspace(*region.limits, points or CURVE))
    at = [effect.rates(controls, len(names)) for effect in error.effects]
    errors = np.array([np.where(there, error.at(rates), -1.0) for rates, there in at])
    for place, control in enumerate(controls):
        which = int(errors[:, place].argmax())
        if errors[which, place] >= 0.0:
            yield Place(
                rate_words(error.design, at[which][0][place]),
                {names[0]: float(control)},
                exact(float(errors[which, place])),
            )


def _map(error: ExactError, region: Region, points: int | None) -> Iterator[Place]:
    """By control rate and the other arm's: the error, where a claim is false."""
    number = points or MAP
    controls = np.unique(np.linspace(*region.limits, number))
    rates = np.array([(a, b) for a in controls for b in np.linspace(0.0, 1.0, number)])
    false = np.logical_or.reduce([false_of(rule, rates) for rule in error.success])
    rates = rates[false]
    for row, found in zip(rates, error.at(rates), strict=True):
        told = {arm: float(r) for arm, r in zip(error.design.arm_names, row, strict=True)}
        yield Place(rate_words(error.design, row), told, exact(float(found)))


def _line(design: Design, region: Region, effect: float, number: int) -> tuple[Floats, str]:
    """Control rates with the other arms' beside them, ``(rate, arm)``, and the line in words."""
    low, high = max(region.limits[0], -effect), min(region.limits[1], 1.0 - effect)
    names = design.arm_names
    if low > high:
        raise InputError(
            f"--effect: found {effect:g}; no control rate of the region has room for it"
        )
    others = " and ".join(f"{name} − {names[0]}" for name in names[1:])
    words = f"all {names[0]} rates from {low:g} to {high:g}, with {others} = {effect:g}"
    controls = np.unique(np.linspace(low, high, number))
    moved = np.clip(controls + effect, 0.0, 1.0)
    return np.stack([controls, *(moved for _ in names[1:])], axis=1), words


def _on_line(
    asked: WorstCase, error: ExactError, region: Region, effect: float, points: int | None
) -> WorstCase:
    names = error.design.arm_names
    rates, words = _line(error.design, region, effect, points or CURVE)
    found = error.success_at(rates)
    places = tuple(
        Place(rate_words(error.design, row), {names[0]: float(row[0])}, exact(float(probability)))
        for row, probability in zip(rates, found, strict=True)
    )
    lacking = asked.of.smallest
    worst = (min if lacking else max)(places, key=lambda place: place.figure.estimate)
    certificate: Certificate | None = None
    why = why_none(error) if lacking else why_no_line(error)
    if why is None:
        certificate = certify_line(error, region.limits, effect, lacking)
        certificate = tried_line(certificate, error, region.limits, effect, lacking)
        seen = worst.figure.estimate
        at_most = 1.0 - seen if lacking else seen
        if certificate.found > at_most:
            at, value = certificate.at, certificate.found
            worst = Place(
                rate_words(error.design, np.array(at)), {names[0]: at[0]},
                exact(1.0 - value if lacking else value),
            )  # fmt: skip
        else:
            certificate = replace(certificate, found=at_most)
    return replace(
        asked, region=words, places=places, worst=worst, certificate=certificate, why_none=why
    )


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def _simulated(
    asked: WorstCase,
    design: Design,
    region: Region,
    number: int | None,
    simulating: Simulating,
) -> WorstCase:
    notes: list[str] = []
    where: dict[str, dict[str, float]] = {}
    between = NOT_BETWEEN
    if asked.across.arms:
        found = points_of_arms(design, region, number or FEWER)
        points, where = [point for point, _ in found], {p.name: at for p, at in found}
    elif region.spans or asked.across.strata:
        by_strata = asked.across.strata
        spans = Spans(design, design, of_strata(design, region) if by_strata else region)
        grid = spans.grid(number or (FEWER if by_strata else None))
        points, notes = [point for point, _ in grid.values()], spans.notes()
        if not any(family.rates for family in spans.families):
            between = BY_NUMBERS
        if not points:
            raise nowhere_false(notes)
        where = {name: at for name, (_, at) in grid.items()} if spans.alike else {}
        if by_strata:
            notes += _not_on_the_map(region, asked.across)
        else:
            asked = replace(asked, over="region")
    else:
        points, notes = null_points(design, grid_of=number or FEW)
        where = {point.name: _rate_at(design, region, point) for point in points}
    trials, seed = simulating.trials, simulating.seed
    false = functools.partial(false_successes, design)
    places = [
        Place(point.name, where.get(point.name, {}), proportion(wrong, trials))
        for point, wrong in zip(points, simulating.each("worst case", false, points), strict=True)
    ]
    worst = max(places, key=lambda place: place.figure.estimate)
    again = next(point for point in points if point.name == worst.name)
    many = max(trials, CONFIRMING) if asked.across.named else trials
    fresh: Figure = proportion(
        false_successes(design, again, many, fresh_seed(seed, WORST_CASE)), many
    )
    words = words_over(design, region, asked.over)
    return replace(
        asked, region=words, engine="simulated", trials=trials, seed=seed, places=tuple(places),
        worst=worst, fresh=fresh, why_none=between, notes=(*asked.notes, *notes),
    )  # fmt: skip


def _at_effect(
    asked: WorstCase,
    design: Design,
    region: Region,
    number: int | None,
    simulating: Simulating,
) -> WorstCase:
    """How often trials end in a way, at control rates with an effect, simulated."""
    if region.base is None:
        raise InputError(
            f"--measure {asked.measure}: over control rates, and {region.without_rates}; "
            f"`simulate` tells it of each scenario"
        )
    assert asked.effect is not None
    rates, words = _line(design, region, asked.effect, number or FEW)
    base, name = design.truths[region.base], design.arm_names[0]
    direct = rates[:, :, None] / kept_of(design, base, region.endpoint)
    rates, direct = (found[(direct <= 1.0 + 1e-12).all(axis=(1, 2))] for found in (rates, direct))
    if not len(rates):
        raise InputError("--effect: dropout leaves no such rates")
    truths = [
        base.with_direct(
            region.endpoint,
            tuple(tuple(float(min(rate, 1.0)) for rate in arm) for arm in by_arm),
        )
        for by_arm in direct
    ]
    trials, seed = simulating.trials, simulating.seed
    ends = functools.partial(endings, design, ending=asked.of.ending)
    places = [
        Place(rate_words(design, row), {name: float(row[0])}, proportion(ended, trials))
        for row, ended in zip(rates, simulating.each("worst case", ends, truths), strict=True)
    ]
    values = [place.figure.estimate for place in places]
    at = int(np.argmin(values) if asked.of.smallest else np.argmax(values))
    many = max(trials, CONFIRMING)
    again = endings(design, truths[at], asked.of.ending, many, fresh_seed(seed, WORST_CASE))
    notes = asked.notes
    if region.spans:
        more = " and ".join(region.ranges.described())
        notes = (*notes, f"over control rates alone; {more} is where the type I error is held")
    return replace(
        asked, region=f"{words}; the rest as scenario '{region.base}' says",
        engine="simulated", trials=trials, seed=seed, places=tuple(places), worst=places[at],
        fresh=proportion(again, many), why_none=NOT_BETWEEN, notes=notes,
    )  # fmt: skip


def _rate_at(design: Design, region: Region, point: Point) -> dict[str, float]:
    """The control rate at a point, a true value; nothing where the truths are scenarios."""
    direct = point.truth.direct.get(region.endpoint)
    if direct is None or region.base is None:
        return {}
    kept = kept_of(design, point.truth, region.endpoint)
    return {design.arm_names[0]: float(direct[0][0] * kept[0, 0])}


def _not_on_the_map(region: Region, across: Across) -> list[str]:
    """Say what else the null region runs over, which a map of strata leaves out."""
    if not across.strata:
        return []
    more = list(replace(region.ranges, by_stratum={}).described())
    if not more:
        return []
    return [f"over control rates by stratum alone; the error is held over {' and '.join(more)} too"]


# ── what may be asked ─────────────────────────────────────────────────────────────────────────
def _check(
    design: Design,
    measure: Measured,
    over: Over,
    effect: float | None,
    points: int | None,
    trials: int | None,
    certify: bool,
    tiles: int | None,
    seed: int | None,
    jobs: int | None,
) -> None:
    problems, across = wrong_seed(seed) + wrong_jobs(jobs), ACROSS[over]
    if needs_calibration(design):
        problems.append(
            Problem("rules", 'a threshold is "calibrate"; `adaptive-cart calibrate` finds it first')
        )
    if not design.rules_ending(SUCCESS):
        problems.append(Problem("rules", "no rule declares success, so that none can be false"))
    of = MEASURES[measure]
    if of.at_effect != (effect is not None):
        message = "goes with --measure power, futility_stop or safety_stop, as --effect 0.25"
        problems.append(Problem("--effect", message))
    if of.ending != SUCCESS and not design.rules_ending(of.ending):
        problems.append(Problem("--measure", f"found {measure}, and no rule ends a trial so"))
    if effect is not None and not -1.0 < effect < 1.0:
        problems.append(Problem("--effect", f"found {effect:g}; between -1 and 1 is expected"))
    if of.at_effect and not across.control:
        told = f"found {over}; --measure {measure} is told over the control rate"
        problems.append(Problem("--over", told))
    if of.at_effect and design.control is None and len(design.arms) > 1:
        problems.append(Problem("--measure", f"found {measure}, and no arm is the control"))
    problems += wrong_number("--points", points, 2, MOST_POINTS)
    problems += wrong_number("--trials", trials, 1, MOST_TRIALS)
    if across.strata:
        problems += _no_strata_map(design)
    if across.arms and len(design.arms) > MOST:
        told = f"found arms; the design has {len(design.arms)}, and rates of {MOST} run at most"
        problems.append(Problem("--over", told))
    if wrong := wrong_number("--tiles", tiles, 1, MOST_TRIALS):
        problems += wrong
    elif tiles is not None and not certify:
        told = f"found {tiles}; it says how many truths --certify simulates: write --certify too"
        problems.append(Problem("--tiles", told))
    if len(design.arms) == 1 and (across.arms or of.at_effect):
        asked = "--over" if across.arms else "--measure"
        problems.append(Problem(asked, "is about two arms, and the design has one"))
    if design.comparators:
        outside = one_of(design.comparators)
        message = f"an arm is compared with {outside}, whose data stay while the truth of the "
        message += "comparison moves; `calibrate` with a null_region looks at their rates"
        problems.append(Problem("external", message))
    if problems:
        raise DesignError(problems)


def _no_strata_map(design: Design) -> list[Problem]:
    found = len(design.stratum_names) if design.strata else 0
    if not 2 <= found <= MOST:
        told = f"found strata; a map has two and {MOST} can run, and the design has {found}"
        return [Problem("--over", told)]
    if not needs_calibration(design) and design.rules_ending(SUCCESS):
        try:
            if region_of(design).base is not None:
                return []
        except DesignError as error:
            told = "found strata; a map runs over the null region of the design, which has none"
            return [Problem("--over", f"{told}: {problem}") for problem in error.problems]
        return [
            Problem("--over", "found strata; the claim is not about rates that are given directly")
        ]
    return []
