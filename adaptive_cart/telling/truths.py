"""What is true in each scenario, in words: true values, what is left out, what stays in force."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.courses.tables import COMMON, DISEASE, FEEDS
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.endpoints import EndpointBase, is_time
from adaptive_cart.endpoints.direct import DirectTruth
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.questions import KINDS, Question, written
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.estimand import (
    DIMENSIONS,
    SEED,
    SobolLatents,
    TrueValues,
    true_values,
)
from adaptive_cart.results.hazard_ratios import HazardRatios
from adaptive_cart.results.long_term import counted
from adaptive_cart.results.true_value import TrueValue
from adaptive_cart.telling.spells import told_spells

SHIFTS = 8
POINTS = 4_093  # a prime, so that no coordinate of the lattice repeats itself
GENERATOR = 3_000
DIGITS = 3  # more are hardly ever meant


class LatticePoints(SobolLatents):
    """The points of :class:`SobolLatents`' purposes from a randomly shifted lattice.

    A description has no second to wait for scrambled Sobol points. Each shift is an unbiased
    estimate, and the spread over shifts is the standard error that is shown (Cranley & Patterson
    1976, SIAM J Numer Anal 13:904).
    """

    def __init__(self) -> None:
        super().__init__(SEED, SHIFTS, POINTS)
        self._lattice: Floats | None = None

    def points(self, dimension: int, chosen: slice) -> Floats:
        """Points of some shifts in one dimension, ``(shift, point)``."""
        if self._lattice is None:  # a truth that is said directly needs none
            powers = [pow(GENERATOR, power, POINTS) for power in range(DIMENSIONS)]
            lattice = np.outer(powers, np.arange(POINTS)) % POINTS / POINTS
            draw = random.Random(SEED).random  # NumPy's generators take longer to load
            shifts = np.array([[draw() for _ in range(SHIFTS)] for _ in range(DIMENSIONS)])
            moved = (lattice[:, None, :] + shifts[:, :, None]) % 1.0
            # a sum may round to one, which is no uniform in [0, 1)
            self._lattice = np.minimum(moved, np.nextafter(1.0, 0.0))
        return self._lattice[dimension, chosen]


@dataclass(frozen=True)
class Told:
    """A scenario in lines: its head, and what may be said of several scenarios at once."""

    head: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]


def told_scenarios(design: Design, truths: Mapping[str, Truth]) -> Iterator[str]:
    """Every scenario; what holds in most of them is said once."""
    points = LatticePoints()
    told = [_told(design, truth, points) for truth in truths.values()]
    times = Counter(note for scenario in told for note in scenario.notes)
    usual = [note for note, number in times.items() if 2 * number > len(told) > 1]
    yield "Scenarios, with the true value of each endpoint by arm"
    for scenario in told:
        yield f"  {scenario.head}"
        yield from (f"    {line}" for line in scenario.lines)
        yield from (f"    {note}" for note in scenario.notes if note not in usual)
    if usual:
        yield "  in every scenario that does not say otherwise"
        yield from (f"    {note}" for note in usual)


def _told(design: Design, truth: Truth, points: LatticePoints) -> Told:
    values = true_means(design, truth, points)
    own = "enrolment" in design.scenarios[truth.name]
    lines = [f"enrolment: {truth.accrual.in_words}"] if own else []
    if truth.follow_up is not None and truth.follow_up != design.follow_up:
        lines.append(f"follow-up: {truth.follow_up.in_words(design.endpoints)}")
    lines += [
        line
        for name, endpoint in design.endpoints.items()
        for line in _endpoint(design, truth, values, name, endpoint)
    ]
    lines += list(_external(design, truth))
    lines += list(_trends(design, truth))
    lines += list(_parts(design, truth, points))
    lines += list(_correlations(truth))
    lines += [_utility(design, values, name) for name in design.utility]
    lines += [f"stays in force: {line}" for line in kept_by_merging(design, truth.name)]
    notes = (
        *_over_whom(truth),
        *_sources(truth),
        *told_spells(design, truth),
        *_left_out(design, truth),
        *_not_simulated(design, truth),
    )
    kind = "participant course" if truth.courses is not None else "said directly"
    return Told(f"{truth.name} ({truth.role}): {kind}", tuple(lines), notes)


def _external(design: Design, truth: Truth) -> Iterator[str]:
    """Say what these participants would have had in the place of external data."""
    for (endpoint, name), values in truth.external.items():
        words = _levels(design, values)
        seen = design.external[name].in_order_of(design.stratum_names).in_words
        source = truth.external_source.get((endpoint, name))
        anew = "" if source is None else f"; drawn anew from {_levels(design, source)}"
        yield f"{endpoint}: {words} as in {name}, in these participants (seen there: {seen}{anew})"
    for (endpoint, name), source in truth.external_source.items():
        if (endpoint, name) not in truth.external:  # a prior alone borrows from it
            seen = design.external[name].in_words
            drawn = _levels(design, source)
            yield f"{endpoint}: {name} drawn anew from {drawn} (seen there: {seen})"


def _levels(design: Design, values: tuple[float, ...]) -> str:
    """One level where all strata have the same, else that of each."""
    told = [_level(value) for value in values]
    if len(set(told)) == 1:
        return told[0]
    return ", ".join(f"{s} {level}" for s, level in zip(design.stratum_names, told, strict=True))


def _level(value: float) -> str:
    """A level with three decimals where that is all of it, else with four digits of its own."""
    few = f"{value:.{DIGITS}f}"
    return few if float(few) == value else f"{value:.4g}"


def _trends(design: Design, truth: Truth) -> Iterator[str]:
    """Say how probabilities drift, and from what."""
    for name, by_arm in truth.trends.items():
        words = ["none" if trend is None else trend.words() for trend in by_arm]
        said = zip(truth.arms, words, strict=True)
        told = words[0] if len(set(words)) == 1 else "; ".join(f"{a} {w}" for a, w in said)
        yield f"{name}, time trend by month of randomisation: {told}"
        yield f"{name}, said without the trend: {_opening(design, truth, name)}"


def _parts(design: Design, truth: Truth, points: LatticePoints) -> Iterator[str]:
    """Say which parts of the participants fare otherwise, how many they are, and what they have."""
    if truth.mixture is None:
        return
    months = design.open_months(truth.accrual.pace, (0,))
    weights = truth.mixture.weights(months).mean(axis=1)
    yield f"no part: {weights[0]:.{DIGITS}f} of those expected, as said of all"
    parts = zip(truth.mixture.names, truth.mixture.shares, weights[1:], strict=True)
    for (name, share, weight), part in zip(parts, truth.mixture.truths, strict=True):
        said = share.words()
        yield f"part {name}: share {said} ({weight:.{DIGITS}f} of those expected)"
        own = replace(truth.parts[0], name=name, sources=part.sources, external={})
        if part == replace(own, external_source={}):
            yield f"  nothing differs in {name}: an arm's own values stay in force"
            continue
        means = true_means(design, replace(part, trends={}), points)
        for endpoint, by_arm in means.by_arm.items():
            told = ", ".join(
                f"{arm} {_number(value)}" for arm, value in zip(truth.arms, by_arm, strict=True)
            )
            yield f"  {endpoint} in {name}: {told}"


def _over_whom(truth: Truth) -> Iterator[str]:
    """Say over whom true values are averaged, where they are not the same for all."""
    if truth.mixture is not None:
        yield (
            "true values: averaged over the parts, by their shares at the months at which "
            "participants are expected to be randomised while the arms compared are open"
        )
    if truth.trends:
        yield (
            f"true values of {one_of(truth.trends)}: averaged over the months at which participants"
            " are expected to be randomised while the arms compared are open"
        )


def _opening(design: Design, truth: Truth, name: str) -> str:
    """What is said of each arm, which the trend moves."""
    parts, kind = [], design.endpoints[name].direct
    assert kind is not None
    for arm, values in zip(truth.arms, truth.direct[name], strict=True):
        words = [kind.words(value) for value in values]
        parts.append(f"{arm} {words[0] if len(set(words)) == 1 else ' / '.join(words)}")
    return ", ".join(parts)


def _correlations(truth: Truth) -> Iterator[str]:
    """Say how scores of a participant correlate, pair by pair."""
    if truth.correlated is None:
        return
    names, matrix = truth.correlated.names, truth.correlated.matrix
    for place, name in enumerate(names):
        for other in range(place + 1, len(names)):
            if matrix[place][other]:
                yield f"correlation of {name} and {names[other]}: {matrix[place][other]:g}"


def true_means(design: Design, truth: Truth, points: SobolLatents) -> TrueValues:
    """True values but for hazard ratios, which would have to be simulated."""
    timeless = {
        name: by_arm for name, by_arm in truth.direct.items() if not is_time(design.endpoints[name])
    }
    trends = {name: by_arm for name, by_arm in truth.trends.items() if name in timeless}
    rest = replace(truth, direct=timeless, trends=trends)
    return true_values(design, rest, points, with_ratios=False)


# ── true values ───────────────────────────────────────────────────────────────────────────────
def _endpoint(
    design: Design, truth: Truth, values: TrueValues, name: str, endpoint: EndpointBase
) -> Iterator[str]:
    if is_time(endpoint):
        if name in truth.direct and name not in truth.trends:  # what drifts is told with its trend
            yield f"{name}, months: {_as_said(truth, name, endpoint)}"
        elif name not in truth.direct and name not in values.by_arm:
            yield f"{name}: follows from the course"
        yield from _ratio(design, truth, name)
        if name in truth.direct or name not in values.by_arm:
            return
    if name not in values.by_arm:
        yield f"{name}: no true value"
        return
    cells = values.by_stratum[name]
    error = max((v.mcse for by in cells for v in by if math.isfinite(v.mcse)), default=0.0)
    arms = (
        f"{arm} {_cell(values.by_arm[name][place], cells[place], truth.strata)}"
        if truth.gives(name, endpoint.named_in, place)
        else f"{arm} not given"
        for place, arm in enumerate(truth.arms)
    )
    integrated = f" (Monte Carlo standard error at most {_up(error)})" if error > 0.0 else ""
    unit = f", {endpoint.true_unit()}" if endpoint.true_unit() else ""
    yield f"{name}{unit}: {', '.join(arms)}{integrated}"
    yield from _better(design, truth, values, name, error)
    yield from _common_odds_ratio(design, truth, values, name)
    direct = endpoint.direct
    if direct is not None and name in truth.direct and _needs_more(direct, truth.direct[name]):
        yield f"{name}, as drawn: {_as_said(truth, name, endpoint)}"


def _needs_more(direct: DirectTruth, by_arm: tuple[tuple[Any, ...], ...]) -> bool:
    """Whether a number does not say all that is said directly."""
    return direct.table or any(direct.tells_at(value) for by in by_arm for value in by)


def _utility(design: Design, values: TrueValues, name: str) -> str:
    """A true utility in each arm, and by how much each differs from that of the control."""
    weights = tuple(design.utility[name].items())
    base = Question(name, 0, kind="utility", weights=weights)

    def said(question: Question) -> str:
        true = values.quantity(question)
        return "not known here" if true is None or math.isnan(true.value) else _number(true)

    names, control = design.arm_names, design.control
    arms = [f"{arm} {said(replace(base, arm=k))}" for k, arm in enumerate(names)]
    apart = [
        f"{names[k]} − {control} {said(replace(base, arm=k, minus=0))}"
        for k in (design.experimental if control is not None else ())
    ]
    return f"{name}, utility: {', '.join([*arms, *apart])}"


def _better(
    design: Design, truth: Truth, values: TrueValues, name: str, error: float
) -> Iterator[str]:
    """Say how often a participant of each arm does better than one of the control."""
    if name not in values.categories:
        return
    if error > 0.0:  # where it is said directly it is told as drawn
        for place, arm in enumerate(truth.arms):
            shares = ", ".join(f"{own.level(place).value:.3f}" for own in values.categories[name])
            yield f"{name}, probability of each category in {arm}: {shares}"
    control = design.control
    for place in design.experimental if control is not None else ():
        true = values.quantity(Question(name, place, 0, kind="better"))
        assert true is not None
        arm = truth.arms[place]
        yield f"{name}, probability to do better: {arm} than {control} {_number(true)}"


def _common_odds_ratio(
    design: Design, truth: Truth, values: TrueValues, name: str
) -> Iterator[str]:
    """Say the odds ratio of each arm to the control, where the model has one."""
    kind, analysis = KINDS["common_odds_ratio"], design.analysis_of(name)
    if name not in values.categories or analysis is None or not analysis.can_be_asked(kind):
        return
    if design.control is None:
        return
    control, *others = truth.arms
    for place, arm in enumerate(others, start=1):
        true = values.quantity(Question(name, place, 0, kind=kind.name))
        assert true is not None
        yield f"{name}, {kind.comparison}: {arm} / {control} {_number(true)}"


def _cell(value: TrueValue, by_stratum: tuple[TrueValue, ...], strata: tuple[str, ...]) -> str:
    """Value of an arm, and of its strata where they differ."""
    parts = [_number(each) for each in by_stratum]
    if len(set(parts)) == 1:
        return parts[0]
    inside = ", ".join(f"{name} {part}" for name, part in zip(strata, parts, strict=True))
    return f"{_number(value)} ({inside})"


def _number(value: TrueValue) -> str:
    """A true value with the digits that its error allows."""
    if value.mcse > 0.0:
        allowed = math.floor(-math.log10(value.mcse))
        return f"{value.value:.{max(0, min(DIGITS, allowed))}f}"
    small = value.value != 0.0 and abs(value.value) < 10.0**-DIGITS
    return f"{value.value:.2g}" if small else f"{value.value:.{DIGITS}f}"


def _up(error: float) -> str:
    """An error with one digit that counts, rounded up."""
    scale = 10.0 ** math.floor(math.log10(error))
    return f"{math.ceil(error / scale - 1e-9) * scale:.1g}"


def _as_said(truth: Truth, name: str, endpoint: EndpointBase) -> str:
    """What a scenario says of each arm, by stratum where they differ."""

    def of_arm(by_stratum: tuple[Any, ...]) -> str:
        assert endpoint.direct is not None
        words = [endpoint.direct.words(value) for value in by_stratum]
        return words[0] if len(set(words)) == 1 else " / ".join(words)

    by_arm = zip(truth.arms, truth.direct[name], strict=True)
    return ", ".join(f"{arm} {of_arm(values)}" for arm, values in by_arm)


def _ratio(design: Design, truth: Truth, name: str) -> Iterator[str]:
    """Hazard ratios to the control, where they are constant."""
    if design.control is None:
        return
    known, everywhere = HazardRatios(design, truth, name), range(len(truth.strata))
    ratios = {arm: known.exact(place, 0, everywhere) for place, arm in enumerate(truth.arms)}
    if None not in ratios.values():
        words = ", ".join(f"{arm} {ratios[arm]:.{DIGITS}f}" for arm in truth.arms[1:])
        yield f"{name}, hazard ratio to {truth.arms[0]}: {words}"
    elif name == design.primary:
        yield (
            f"{name}: hazards are not proportional; the hazard ratio that the model tends to "
            f"is worked out by `simulate`"
        )


# ── where values come from, and which there are none of ───────────────────────────────────────
def _sources(truth: Truth) -> Iterator[str]:
    """Logistics of the arms that are infused, and whether the product or the file says them."""
    for arm, by_stratum in zip(truth.arms, truth.courses or (), strict=bool(truth.courses)):
        if not by_stratum[0].infused:
            continue
        for key in ("failure", "delay"):
            path = f"{arm}.infusion.{key}"
            words = list(dict.fromkeys(_logistics(group, key) for group in by_stratum))
            yield f"{path}: {' / '.join(words)} from {truth.sources[path]}"


def _logistics(group: GroupCourse, key: str) -> str:
    if key == "failure":
        return f"{group.failure:g}"
    assert group.delay is not None
    return group.delay.words()


def _left_out(design: Design, truth: Truth) -> Iterator[str]:
    """Hazards that nobody has, because nothing says them."""
    hazards: dict[str, list[list[float]]] = {
        "dropout": [list(by) for by in truth.dropout],
    }
    if truth.courses is not None:
        hazards["death"] = [[group.death for group in by] for by in truth.courses]
        if any(e.from_course for e in design.endpoints.values()):
            hazards["rescue"] = [[group.own.rescue for group in by] for by in truth.courses]
            hazards["remission on drugs"] = [[g.on_drugs for g in by] for by in truth.courses]
    none = []
    for what, by_arm in hazards.items():
        without = [arm for arm, by in zip(truth.arms, by_arm, strict=True) if not any(by)]
        if without:
            where = "" if len(without) == len(truth.arms) else f" in {', '.join(without)}"
            none.append(f"{what}{where}")
    yield f"none: {'; '.join(none)}" if none else f"given in every arm: {', '.join(hazards)}"


def _not_simulated(design: Design, truth: Truth) -> Iterator[str]:
    """Events and rates that are in the truth and belong to no endpoint."""
    followed = counted(design)
    named: dict[str, None] = {}
    for arm, by_stratum in zip(truth.arms, truth.courses or (), strict=bool(truth.courses)):
        for group in by_stratum:
            for feed in FEEDS:
                used = (*design.endpoints, *(followed if feed == "rates" else ()))
                unread = [name for name in getattr(group, feed) if name not in used]
                named |= dict.fromkeys(path_to(arm, feed, name) for name in unread)
    if named:
        yield f"not simulated, since no endpoint has the name: {', '.join(named)}"


# ── what a merge keeps ────────────────────────────────────────────────────────────────────────
def kept_by_merging(design: Design, scenario: str) -> Iterator[str]:
    """Values of ``[truth]`` that a scenario leaves in force beside what it says of the same thing.

    Tables are merged key by key: what a scenario says of an arm does not reach strata that have a
    value of their own, and what it says of every arm does not reach an arm that has.
    """
    table = design.scenarios[scenario]
    for arm in design.arm_names:
        own, base = _table(table, arm), _table(design.truth, arm)
        for stratum, part in _table(base, "strata").items():
            change = _table(_table(own, "strata"), stratum)
            where = path_to("truth", arm, "strata", stratum)
            yield from _kept(where, part, change, own, path_to("", arm))
            yield from _kept_alike(where, part, change, own, path_to("", arm))
        common = {key: table[key] for key in COMMON if key in table and key not in design.endpoints}
        yield from _kept(path_to("truth", arm), base, own, common, "")
        for stratum, part in _table(base, "strata").items():
            change = {**_table(_table(own, "strata"), stratum), **_whole(own, common)}
            where = path_to("truth", arm, "strata", stratum)
            yield from _kept(where, part, change, common, "")
    for endpoint in design.endpoints:
        for arm, change in _table(table, endpoint).items():
            base = _table(_table(design.truth, endpoint), arm)
            if isinstance(change, dict) and "dist" not in base and "dist" not in change:
                for stratum in set(change) & set(base) and [s for s in base if s not in change]:
                    path = path_to("truth", endpoint, arm, stratum)
                    beside = (
                        "the other strata's" if stratum in design.stratum_names else "what is said"
                    )
                    yield f"{path} = {_written(base[stratum])}, beside {beside}"


def _table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = tables.get(key, {})
    return value if isinstance(value, Mapping) else {}


def _whole(own: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """What the arm itself overrides of what is said of every arm."""
    return {key: own[key] for key in common if key in own}


def _kept(
    where: str,
    base: Mapping[str, Any],
    change: Mapping[str, Any],
    override: Mapping[str, Any],
    said: str,
) -> Iterator[str]:
    """Leaves of ``base`` that ``override`` speaks of too and ``change`` does not replace."""
    for key, value in base.items():
        if key not in override or key == "strata":
            continue
        inner, new = path_to(where, key), override[key]
        beside = path_to(said, key)
        replaced = change.get(key)
        if isinstance(value, Mapping) and isinstance(new, Mapping):
            if isinstance(replaced, Mapping) and "dist" in replaced:
                continue
            part = replaced if isinstance(replaced, Mapping) else {}
            if "dist" in new or "dist" in value:  # parameters belong together
                kept = {k: v for k, v in value.items() if k not in part}
                if kept:
                    yield _beside(inner, kept, beside, new)
            else:
                yield from _kept(inner, value, part, new, beside)
        elif replaced is None:
            yield _beside(inner, value, beside, new)


def _kept_alike(
    where: str,
    base: Mapping[str, Any],
    change: Mapping[str, Any],
    override: Mapping[str, Any],
    said: str,
) -> Iterator[str]:
    """A stratum that runs as in another arm, whatever the scenario says of its own arm."""
    if "same_as" in base and "same_as" not in change and "same_as" not in override:
        for key in DISEASE:
            if key in override and key not in base:
                inner = path_to(where, "same_as")
                yield _beside(inner, base["same_as"], path_to(said, key), override[key])


def _beside(inner: str, value: Any, beside: str, new: Any) -> str:
    return f"{inner} = {_written(value)}, beside {beside} = {_written(new)}"


def _written(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return written(value)
    return shown(value)
