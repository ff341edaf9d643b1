"""The threshold for success that keeps the type I error, in the worst case over the null region.

Every ``"calibrate"`` of a design is one number: the smallest threshold at which the probability of
a false success is at most the wanted type I error at every point of the null region. The error is a
step function of the threshold, so that the number written lies midway between the largest posterior
probability that must not count as success and the next that may. Futility counts as binding.

Where the exact engine is valid the error is enumerated (:mod:`adaptive_cart.running.exact_error`).
Elsewhere trials are simulated once at each point with success switched off; a trial would have
succeeded at a threshold if the largest probability that a calibrated rule with a false claim ever
asked for reaches it, since success would have ended it there. So the error at every threshold is
read off one simulation. Where another rule predicts a calibrated one, what it does depends on the
threshold too: then the search is repeated with the predicted threshold set to the last answer until
it settles.

The threshold is found on trials of their own (a seed made from the design's) and confirmed on fresh
ones (a third), so that the error of the calibrated design is estimated on trials that did not
choose it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design, Rule
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, EngineError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.calibration import Calibrated, NullPoint, fingerprint
from adaptive_cart.results.operating import proportion
from adaptive_cart.running.engine import Engine, obstacles
from adaptive_cart.running.exact_error import MOST_TABLES, ExactError, tables_of
from adaptive_cart.running.null_region import (
    Point,
    claim_words,
    effects_of,
    rate_points,
    scenario_points,
)

GRID = 8  # control rates of a region that is given
WIDE_GRID = 21  # of all control rates, of which the hardest GRID are simulated in full
PILOT = 10  # the share of the trials that chooses them, one in
TRIALS = 10_000
ROUNDS = 6
ALWAYS = 2.0  # stands for a false success at every threshold
SLACK = 1e-12  # rounding of an enumerated error
TIE = 1e-11  # what two posterior probabilities may differ by and still be equal
Progress = Callable[[str, int, int], None]


def needs_calibration(design: Design) -> bool:
    """Whether any rule's threshold is to be calibrated."""
    return any(_asks(rule) for rule in design.rules)


def _asks(rule: Rule) -> bool:
    threshold = rule.threshold
    return threshold == "calibrate"


def with_threshold(design: Design, threshold: float) -> Design:
    """Put a number in the place of every ``"calibrate"``."""
    rules = []
    for rule in design.rules:
        plain = rule.plain()
        if _asks(rule):
            plain["at_least" if rule.at_least is not None else "below"] = threshold
        rules.append(plain)
    tables = design.plain()
    tables["rules"] = rules
    return Design(**tables)


def calibrate(
    design: Design,
    trials: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    progress: Progress = lambda what, done, total: None,
    engine: Engine = "auto",
) -> Calibrated:
    """Find the threshold for a design's wanted type I error.

    Parameters
    ----------
    trials
        Simulated trials at each null point; 10,000 if left out. Enumeration needs none.
    jobs
        Processes; all cores if left out. Changes no result.
    engine
        ``exact`` enumerates the error, ``simulate`` draws trials, ``auto`` enumerates where that is
        valid and quick.

    Raises
    ------
    DesignError
        If the design asks for no calibration, or no threshold keeps the error.
    EngineError
        If ``exact`` is asked for and not valid.
    """
    _check(design, trials)
    region = region_of(design)
    number = TRIALS if trials is None else trials
    if _exact(design, region, engine):
        return _enumerated(design, region, progress)
    own_seed = _own_seed(design.simulation.seed if seed is None else seed)
    return _simulated(design, region, number, own_seed, jobs, progress)


def wanted_words(design: Design) -> str | None:
    """What ``[calibration]`` asks for, with its null region; nothing where it asks for nothing."""
    if design.calibration is None or not any(r.then == "declare_success" for r in design.rules):
        return None
    error = f"type I error wanted: at most {design.calibration.type_one_error:g}"
    try:
        region = region_of(design).words
    except DesignError:  # typed thresholds, and no null scenario to judge them by
        return error
    by = (
        ""
        if needs_calibration(design)
        else "; the thresholds are written, and not found for it here"
    )
    return f"{error}, over {region}{by}"


# ── the null region ───────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Region:
    """Where the error must hold.

    Attributes
    ----------
    base
        Scenario in whose truth rates are put; nothing where the null scenarios are the region.
    limits
        Lowest and highest control rate.
    given
        Whether the design limits the control rates.
    nulls
        Names of the scenarios that are points, as far as a claim is false there.
    words
        The region as a protocol would say it.
    """

    endpoint: str
    base: str | None
    limits: tuple[float, float]
    given: bool
    nulls: tuple[str, ...]
    words: str


def region_of(design: Design) -> Region:
    """The null region of a design, as its calibration reads it."""
    assert design.calibration is not None
    numbers = with_threshold(design, 0.5) if needs_calibration(design) else design
    truths = truths_of(numbers)
    rules = _calibrated(design, resolve_rules(numbers))
    endpoint = rules[0].question.endpoint
    nulls = tuple(name for name, truth in truths.items() if truth.role == "null")
    same = all(
        asked.endpoint == endpoint and asked.kind == "level"
        for rule in rules
        for asked in rule.targets
    )
    rates = design.endpoints[endpoint].direct_truth == "probability" and same
    # with several targets one claim can be false where another is true
    several = len({(asked.arm, asked.stratum) for rule in rules for asked in rule.targets}) > 1
    direct = [name for name in (*nulls, *truths) if endpoint in truths[name].direct]
    control = design.arm_names[0]
    given = design.calibration.null_region
    if rates and direct:
        limits = (0.0, 1.0) if given is None else (given[control][0], given[control][1])
        patterns = tuple(
            name
            for name, truth in truths.items()
            if (truth.role == "null" or several)
            and _pattern(truth, endpoint)
            and _inside(truth, endpoint, limits)
        )
        claims = "; ".join(dict.fromkeys(_claims(rule, design) for rule in rules))
        where = f"all {control} rates from {limits[0]:g} to {limits[1]:g}"
        words = f"{where} with the effects at which the claim ({claims}) is just false"
        if patterns:
            words += f", and {_scenario_words(patterns)}"
        return Region(endpoint, direct[0], limits, given is not None, patterns, words)
    if not nulls:
        raise DesignError(
            [Problem("scenarios", 'no null scenario; calibration needs one (role = "null")')]
        )
    partly = tuple(truths) if several else nulls
    words = f"the null scenario{'s' if len(nulls) > 1 else ''} {_quoted(nulls)}"
    if several and len(partly) > len(nulls):
        words = _scenario_words(partly)
    return Region(endpoint, None, (0.0, 1.0), False, partly, words)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _scenario_words(names: Sequence[str]) -> str:
    return f"what is claimed falsely in scenario{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _inside(truth: Truth, endpoint: str, limits: tuple[float, float]) -> bool:
    """Whether the control rates of a direct truth lie in the region."""
    by_arm = truth.direct.get(endpoint)
    return by_arm is None or all(limits[0] <= rate <= limits[1] for rate in by_arm[0])


def _pattern(truth: Truth, endpoint: str) -> bool:
    """Whether a direct truth differs by stratum, or between experimental arms."""
    by_arm = truth.direct.get(endpoint)
    if by_arm is None:
        return True
    return any(len(set(strata)) > 1 for strata in by_arm) or len(set(by_arm[1:])) > 1


def null_points(design: Design, written: Design | None = None) -> tuple[list[Point], list[str]]:
    """The truths at which the type I error is simulated, and what is to be told of them.

    Parameters
    ----------
    design
        With numbers as thresholds.
    written
        The design in which some are ``"calibrate"``; the same if left out.
    """
    asked = written or design
    region = region_of(asked)
    rules = resolve_rules(design)
    success = [rule for rule in rules if rule.then == "declare_success"]
    calibrated = _calibrated(asked, rules)
    truths = truths_of(design)
    nulls = {name: truths[name] for name in region.nulls}
    points, notes = scenario_points(design, nulls, calibrated, success) if nulls else ([], [])
    if region.base is not None:
        rates = np.linspace(*region.limits, GRID if region.given else WIDE_GRID)
        base = truths[region.base]
        grid = rate_points(
            design, base, region.endpoint, success, effects_of(calibrated), np.unique(rates)
        )
        points = [*grid, *points]
    if not points:
        told = "; ".join(notes) or "no control rate of the region makes the claim false"
        write = "write a null scenario, or a wider null_region, at which the claim is false"
        raise DesignError(
            [Problem("calibration", f"nothing to hold the error at: {told}; {write}")]
        )
    return points, notes


def _calibrated(design: Design, rules: Sequence[ResolvedRule]) -> list[ResolvedRule]:
    """The rules whose threshold is to be calibrated; those for success where there is none."""
    asking = [new for old, new in zip(design.rules, rules, strict=True) if _asks(old)]
    return asking or [rule for rule in rules if rule.then == "declare_success"]


# ── enumerated ────────────────────────────────────────────────────────────────────────────────
def _exact(design: Design, region: Region, engine: Engine) -> bool:
    """Whether the error is enumerated.

    Raises
    ------
    EngineError
        If that is asked for and not valid.
    """
    if engine == "simulate":
        return False
    found = ["the null region is one of scenarios"] if region.base is None else []
    if region.base is not None:
        numbers = with_threshold(design, 0.5)
        found = obstacles(numbers, {region.base: truths_of(numbers)[region.base]})
    if engine == "exact" and found:
        listed = "\n".join(f"  - {reason}" for reason in found)
        raise EngineError(f"the error of this design cannot be enumerated:\n{listed}")
    return not found and (engine == "exact" or tables_of(design) <= MOST_TABLES)


def _not_enumerated(design: Design, region: Region) -> list[str]:
    """Say that the error could be enumerated, where only the time it takes speaks against it."""
    if region.base is None:
        return []
    numbers = with_threshold(design, 0.5)
    if obstacles(numbers, {region.base: truths_of(numbers)[region.base]}):
        return []
    return [
        f"the error was simulated: {tables_of(design):,} tables; --engine exact enumerates them"
    ]


def _enumerated(design: Design, region: Region, progress: Progress) -> Calibrated:
    assert design.calibration is not None
    target = design.calibration.type_one_error
    numbers = with_threshold(design, 0.5)
    calibrated = _calibrated(design, resolve_rules(numbers))
    error = ExactError(numbers, {rule.name for rule in calibrated}, region.limits)
    values = _distinct(error.probabilities)
    steps = math.ceil(math.log2(len(values) + 1)) + 1
    low, high = -1, len(values)  # at low the error is too large, at high it is not
    done = 0
    while high - low > 1:
        progress("calibration", done, steps)
        middle = (low + high) // 2
        if error.worst(float(values[middle]), target + SLACK).error <= target + SLACK:
            high = middle
        else:
            low = middle
        done += 1
    if high == len(values):
        raise _nothing_keeps(target, error.worst(float(values[-1])).error, float(values[-1]))
    progress("calibration", steps, steps)
    must_not = float(values[low]) if low >= 0 else None
    may = float(values[high])
    threshold = (0.0 if must_not is None else must_not + may) / 2.0
    worst = error.worst(may)
    shown = {**error.shown(may), worst.name: worst.error}
    return _found(
        design, numbers, region, threshold, must_not, may,
        method="exact",
        points=tuple(NullPoint(name, value, 0.0) for name, value in shown.items()),
        worst=worst.name,
        calibrated=calibrated,
    )  # fmt: skip


def _distinct(values: Floats) -> Floats:
    """Rising values, those that rounding alone tells apart taken for one (the smallest)."""
    ordered = np.unique(values)
    return ordered[np.concatenate([[True], np.diff(ordered) > TIE])]


def _nothing_keeps(target: float, error: float, largest: float) -> DesignError:
    message = (
        f"no threshold keeps a type I error of {target:g} over the null region: at {largest:.6g}, "
        f"the largest that a posterior probability reaches there, it is still {error:.4f}; ask for "
        f"a larger type_one_error, a narrower null_region, or fewer other rules for success"
    )
    return DesignError([Problem("calibration.type_one_error", message)])


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def _simulated(
    design: Design, region: Region, trials: int, seed: int, jobs: int | None, progress: Progress
) -> Calibrated:
    assert design.calibration is not None
    error = design.calibration.type_one_error
    predicted = any(rule.predictive is not None for rule in design.rules)
    threshold, must_not, may = 1.0 - error, None, None
    chosen: list[str] | None = None
    largest: dict[str, Floats] = {}
    notes: list[str] = []
    by_name: dict[str, Point] = {}
    for round_ in range(ROUNDS if predicted else 1):
        numbers = with_threshold(design, threshold)
        points, notes = null_points(numbers, design)
        if chosen is None:
            chosen = _hardest(numbers, design, region, points, trials, seed, jobs)
        by_name = {point.name: point for point in points if point.name in chosen}
        label = f"calibration {round_ + 1}"
        largest = _over_points(numbers, design, by_name, trials, seed, jobs, progress, label)
        found, must_not, may = _smallest([*largest.values()], error)
        settled = abs(found - threshold) < 1e-6
        threshold = found
        if settled:
            break
    errors = {name: proportion(int((v >= threshold).sum()), trials) for name, v in largest.items()}
    worst = max(errors, key=lambda name: errors[name].estimate)
    final = with_threshold(design, threshold)
    again = {point.name: point for point in null_points(final, design)[0]}[worst]
    wrong = _false_successes(final, again, trials, _own_seed(seed))
    return _found(
        design, final, region, threshold, must_not, may,
        method="simulated",
        points=tuple(NullPoint(n, f.estimate, f.mcse) for n, f in errors.items()),
        worst=worst,
        calibrated=_calibrated(design, resolve_rules(final)),
        trials=trials,
        fresh=proportion(wrong, trials),
        seed=seed,
        notes=(*_not_enumerated(design, region), *notes),
    )  # fmt: skip


def _hardest(
    numbers: Design,
    written: Design,
    region: Region,
    points: Sequence[Point],
    trials: int,
    seed: int,
    jobs: int | None,
) -> list[str]:
    """Names of the points to simulate in full: all, or of a wide grid those that need most."""
    names = [point.name for point in points]
    if region.base is None or region.given or len(points) <= GRID:
        return names
    assert written.calibration is not None
    error = written.calibration.type_one_error
    pilot = {point.name: point for point in points}
    few = max(trials // PILOT, 100)
    found = _over_points(numbers, written, pilot, few, seed, jobs, lambda *_: None, "")
    needed = {name: float(np.quantile(values, 1.0 - error)) for name, values in found.items()}
    hardest = sorted(names, key=lambda name: -needed[name])[:GRID]
    return [name for name in names if name in hardest]


def _over_points(
    numbers: Design,
    written: Design,
    points: Mapping[str, Point],
    trials: int,
    seed: int,
    jobs: int | None,
    progress: Progress,
    label: str,
) -> dict[str, Floats]:
    """Largest probability of every trial at every null point, the points over the cores."""
    import joblib

    parallel = joblib.Parallel(n_jobs=jobs or -1, return_as="generator")
    calls = (
        joblib.delayed(_largest)(numbers, written, point, trials, seed) for point in points.values()
    )
    found = {}
    for name, values in zip(points, parallel(calls), strict=True):
        found[name] = values
        progress(label, len(found) * trials, len(points) * trials)
    return found


def _largest(numbers: Design, written: Design, point: Point, trials: int, seed: int) -> Floats:
    """Smallest threshold that each trial's false success would still reach, ``(trial,)``.

    That is the largest probability that a calibrated rule asked for about a target whose claim is
    false. A trial that another rule for success has ended falsely counts at every threshold.
    """
    plan = Plan.of(numbers)
    calibrated = {rule.name for rule in written.rules if _asks(rule)}
    off = tuple(rule.never() if rule.name in calibrated else rule for rule in plan.rules)
    plan = Plan(numbers, off, plan.schedule, plan.fitted, ())
    others = {
        position: point.false[rule.name]
        for position, rule in enumerate(off)
        if rule.then == "declare_success" and rule.name not in calibrated
    }
    found = []
    for first, many in _blocks(numbers, trials):
        latents = latents_for(numbers, seed, first, many)
        block = run_block(plan, point.truth, (), latents)
        largest = np.zeros(latents.trials)
        for record in block.looks:
            for name in calibrated & set(record.probabilities):
                asked = record.probabilities[name][:, list(point.false[name])]
                largest = np.fmax(largest, np.fmax.reduce(asked, axis=1, initial=0.0))
        for position, places in others.items():
            won = block.standing.won[position][:, list(places)]
            largest[(won > 0).any(axis=1)] = ALWAYS
        found.append(largest)
    return np.concatenate(found)


def _false_successes(design: Design, point: Point, trials: int, seed: int) -> int:
    """How many trials of a design as it acts declare a success whose claim is false."""
    plan = replace(Plan.of(design), estimands=())
    number = 0
    for first, many in _blocks(design, trials):
        block = run_block(plan, point.truth, (), latents_for(design, seed, first, many))
        wrong = np.zeros(many, dtype=np.bool_)
        for position, looks in block.standing.won.items():
            places = list(point.false[plan.rules[position].name])
            wrong |= (looks[:, places] > 0).any(axis=1)
        number += int(wrong.sum())
    return number


def _blocks(design: Design, trials: int) -> Iterator[tuple[int, int]]:
    """First trial and number of trials of each block that is simulated at once."""
    size = max(32, 90_000 // design.enrolment.max_n)
    for first in range(0, trials, size):
        yield first, min(size, trials - first)


def _smallest(found: Sequence[Floats], error: float) -> tuple[float, float | None, float | None]:
    """Smallest threshold that at most a fraction ``error`` of the trials of each point reaches.

    Returns
    -------
    It, midway between the largest probability that must not count and the next that may.
    """
    must_not = -1.0
    for values in found:
        allowed = math.floor(error * len(values) + 1e-9)
        if allowed < len(values):
            must_not = max(must_not, float(np.sort(values)[::-1][allowed]))
    if must_not < 0.0:
        return 0.0, None, None
    if must_not >= 1.0:
        counts = max(float((values >= must_not).mean()) for values in found)
        raise _nothing_keeps(error, counts, 1.0)
    above = np.concatenate([values[values > must_not + TIE] for values in found])
    above = above[above <= 1.0]
    may = float(above.min()) if len(above) else None
    return (must_not + (1.0 if may is None else may)) / 2.0, must_not, may


# ── what is found ─────────────────────────────────────────────────────────────────────────────
def _found(
    design: Design,
    numbers: Design,
    region: Region,
    threshold: float,
    must_not: float | None,
    may: float | None,
    *,
    calibrated: Sequence[ResolvedRule],
    **rest: Any,
) -> Calibrated:
    assert design.calibration is not None
    scenarios = tuple(dict.fromkeys([*([region.base] if region.base else []), *region.nulls]))
    final = with_threshold(design, threshold)
    told = {"trials": 0, "fresh": None, "seed": 0, "notes": ()} | rest
    return Calibrated(
        threshold=threshold,
        must_not_count=must_not,
        may_count=may,
        target=design.calibration.type_one_error,
        claims={rule.name: _claims(rule, design) for rule in calibrated},
        margins={rule.name: rule.question.value for rule in calibrated},
        region=region.words,
        scenarios=scenarios,
        asked=fingerprint(design, scenarios),
        found=fingerprint(final, scenarios),
        **told,
    )


def _claims(rule: ResolvedRule, design: Design) -> str:
    return "; ".join(dict.fromkeys(claim_words(asked, design) for asked in rule.targets))


def calibrated_text(text: str, found: Calibrated) -> str:
    """Put the threshold into the text of a design file, comments and order kept."""
    import tomlkit

    document = tomlkit.parse(text)
    for rule in document["rules"]:
        for key in ("at_least", "below"):
            if rule.get(key) == "calibrate":
                rule[key] = found.threshold
    return tomlkit.dumps(document)


def _own_seed(seed: int) -> int:
    digest = hashlib.blake2b(f"calibration {seed}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "little")


def _check(design: Design, trials: int | None) -> None:
    problems = []
    if not needs_calibration(design):
        problems.append(Problem("rules", 'no threshold is "calibrate", so nothing is to be found'))
    if design.calibration is None:
        problems.append(
            Problem("calibration", "missing; write [calibration] type_one_error = 0.025")
        )
    if trials is not None and trials < 1:
        problems.append(Problem("--trials", f"found {trials}; at least 1 is expected"))
    if problems:
        raise DesignError(problems)
