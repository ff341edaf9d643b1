"""What stands in the way of a null region, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adaptive_cart.design.checks.design_priors import no_value
from adaptive_cart.design.checks.pieces import Found, Pieces, has_control, without_control
from adaptive_cart.design.null_ranges import (
    ELSEWHERE,
    MOST,
    MOST_CELLS,
    NullRanges,
    ValueRange,
    null_ranges,
    too_many,
)
from adaptive_cart.design.scenario_frame import NOT_INFUSED, role_of
from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import meant, path_to, shown
from adaptive_cart.errors import one_of

PATH = "calibration.null_region"


def null_region(pieces: Pieces) -> Found:
    """What stands in the way of a null region.

    One of rates is of an endpoint that a participant has or has not, and each rate is put in the
    place of a truth that is given directly.
    """
    region = None if pieces.calibration is None else pieces.calibration.null_region
    if region is None:
        return
    ranges = _ranges(pieces)
    if not region:
        yield PATH, f"names no arm; write null_region = {{ {_control(pieces)} = [0.02, 0.30] }}"
    for key, limits in region.items():
        yield from _limits(ranges, key, limits)
    yield from _arms(pieces, ranges)
    yield from _elsewhere(pieces, ranges)
    for one in ranges.values:
        yield from _value(pieces, one)
    if not ranges.values or ranges.rates or ranges.by_stratum or ranges.elsewhere is not None:
        yield from _of_rates(pieces)
    yield from _how_many(pieces, ranges)


def _ranges(pieces: Pieces) -> NullRanges:
    assert pieces.calibration is not None
    outside = pieces.comparators_of(calibrated_endpoint(pieces) or "")
    scenarios = pieces.scenarios if isinstance(pieces.scenarios, dict) else {}
    compared = (*(pieces.arms or pieces.calibration.null_region or ()), *outside)
    return null_ranges(
        pieces.calibration.null_region, compared, tuple(pieces.strata or ()), scenarios
    )


def _control(pieces: Pieces) -> str:
    return next(iter(pieces.arm_names), "soc")


def _limits(ranges: NullRanges, key: str, limits: Sequence[float]) -> Found:
    """Whether a range has two ends, in order, and rates are rates."""
    own = path_to(PATH, key)
    if key in ranges.unknown:
        return
    if len(limits) != 2 or limits[0] > limits[1]:
        yield (
            own,
            f"found {shown(limits)}; a lower and an upper limit are expected, [0.02, 0.30]",
            own,
        )
        return
    lowest = -1.0 if key == ELSEWHERE else 0.0
    of_values = any(key == one.path for one in ranges.values)
    if not of_values and not lowest <= limits[0] <= limits[1] <= 1.0:
        yield own, f"found {shown(limits)}; limits from {lowest:g} to 1 are expected", own


def _arms(pieces: Pieces, ranges: NullRanges) -> Found:
    """Whether rates are of the control, or of what is in its place."""
    control = _control(pieces)
    outside = pieces.comparators_of(calibrated_endpoint(pieces) or "")
    for arm in ranges.unknown:
        also = f"; external data that arms are compared with: {one_of(outside)}"
        yield (
            path_to(PATH, arm),
            f"no arm of this design{meant(arm, (*pieces.arms, *outside, ELSEWHERE))}; "
            f"the arms are {one_of(pieces.arm_names)}{also if outside else ''}; a number of a null "
            f'scenario is named by its path, "{control}.remission.probability"',
        )
    strata = [(f"{arm}.{stratum}", arm) for arm, stratum in ranges.by_stratum]
    for key, arm in [*((arm, arm) for arm in ranges.rates), *strata]:
        own = path_to(PATH, key)
        if without_control(pieces) and outside and arm not in outside:
            yield own, f"the region is of external control rates; write {outside[0]} = [0.02, 0.30]"
        elif without_control(pieces) and len(pieces.arms) > 1 and not outside:
            yield own, "no arm is the control; the region is all rates of the arms: leave it out"
        elif has_control(pieces) and arm != control:
            yield own, f"the region is of control rates; write {control} = [0.02, 0.30]"
    whole = {arm for arm, _ in ranges.by_stratum} & set(ranges.rates)
    for arm in whole:
        if len(ranges.by_stratum) == len(pieces.strata or ()):
            yield (
                path_to(PATH, arm),
                f"has no effect: every stratum of {arm} has a range of its own; leave it out",
            )


def _elsewhere(pieces: Pieces, ranges: NullRanges) -> Found:
    """Whether there are others that could differ, and few enough for every choice of them."""
    if ranges.elsewhere is None:
        return
    own = path_to(PATH, ELSEWHERE)
    arms = len(pieces.arms) - bool(pieces.control)
    cells = arms * max(len(pieces.strata or ()), 1)
    if cells < 2:
        yield (
            own,
            "is about other arms and strata than those in which the claim is just false, and this "
            "design has one arm and no strata; leave it out",
            "arms",
            "strata",
        )
    elif cells > MOST_CELLS:
        yield (
            own,
            f"every choice of {cells} arms and strata is more than are searched (those of "
            f"{MOST_CELLS}); write scenarios in which some differ, and leave it out",
            "arms",
            "strata",
        )


def _value(pieces: Pieces, one: ValueRange) -> Found:
    """Whether a number that runs is there in every scenario that it concerns."""
    own = path_to(PATH, one.path)
    if not isinstance(pieces.scenarios, dict):
        return
    name = calibrated_endpoint(pieces) or ""
    of_arm = one.steps[:1] == (name,) and {*one.steps[1:2]} & {*pieces.arms}
    if _rates_run(pieces) and of_arm:
        yield (
            own,
            f"has no effect: the rates of '{name}' are put in the place of what scenarios say; "
            f"write {_control(pieces)} = [0.02, 0.30], or by stratum",
        )
        return
    tables = {n: table for n, table in pieces.scenarios.items() if isinstance(table, dict)}
    concerned = [n for n, table in tables.items() if one.concerns(n, role_of(n, table))]
    if not concerned and tables:
        yield own, "is in no scenario: none has the role null", "scenarios"
    for scenario in concerned:
        message = no_value(pieces, scenario, one.steps)
        if message:
            named = path_to("", scenario, *one.steps)
            others = (
                "; every null scenario has to say it, or the path begins with the one that does, "
                f'as "{named}"'
            )
            yield (
                own,
                f"{message} (scenario {scenario}){'' if one.scenario else others}",
                path_to("scenarios", scenario),
            )
            return


def _of_rates(pieces: Pieces) -> Found:
    """Whether rates can be put in the place of what scenarios say."""
    name = calibrated_endpoint(pieces)
    endpoint = pieces.endpoints.get(name or "")
    control = _control(pieces)
    if name in pieces.utility:
        yield (
            PATH,
            f"the region is of control rates from 0 to 1, and the utility '{name}' is none; leave "
            f'it out, and write null scenarios (role = "null") instead',
            path_to("utility", name or ""),
        )
    elif endpoint is not None and not endpoint.binary:
        yield (
            PATH,
            f"the region is of control rates from 0 to 1, and '{name}' of type '{endpoint.type}' "
            f'has none; leave it out, and write null scenarios (role = "null") instead',
            path_to("endpoints", name or "", "type"),
        )
    elif endpoint is not None and never_direct(pieces, name or ""):
        chain = name in pieces.prediction
        course = "a chain of states or a course" if chain else "the participant course"
        changed = f", {control}.remission.probability = 0.05" if pieces.control else ""
        ranged = (
            ""
            if chain or not pieces.control
            else (
                f' (or a range of a number of it: "{control}.remission.probability" = [0.02, 0.1])'
            )
        )
        yield (
            PATH,
            f"every scenario leaves '{name}' to {course}, in which no rate can be "
            f"put; leave it out{ranged}, and write null scenarios over the range instead, for "
            f'example [scenarios.null_low] with role = "null"{changed} and {no_effect(pieces)}',
            "truth",
            "scenarios",
        )


def _how_many(pieces: Pieces, ranges: NullRanges) -> Found:
    """Whether no more ranges run together than are searched."""
    names = [one.path for one in ranges.values]
    if _rates_run(pieces):
        own = [f"{arm}.{stratum}" for arm, stratum in ranges.by_stratum]
        if len(own) < max(len(pieces.strata or ()), 1):
            own.append(_control(pieces))
        names += own
    names += [ELSEWHERE] if ranges.elsewhere is not None else []
    if ranges.beyond_rates and len(names) > MOST:
        yield PATH, too_many(names)
    if ranges.beyond_rates and pieces.claims is not None:
        yield (
            PATH,
            "runs over more than control rates, and [claims] shares the error: claims are "
            "calibrated in the scenarios in which they are false; write such scenarios",
            "claims",
        )


def _rates_run(pieces: Pieces) -> bool:
    """Whether the region is one of rates, put in the place of what scenarios say directly."""
    name = calibrated_endpoint(pieces) or ""
    endpoint = pieces.endpoints.get(name)
    levels = all(one.kind.about_levels for rule in pieces.success_rules for one in rule.asked)
    return bool(endpoint is not None and endpoint.binary and levels) and not never_direct(
        pieces, name
    )


def ends_of_null_region(pieces: Pieces) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Path of a range, and where the smallest and the largest of its numbers stand in the file."""
    if pieces.calibration is None or not pieces.calibration.null_region:
        return
    roles = {name: role_of(name, own) for name, own in pieces.scenarios.items()}
    for one in _ranges(pieces).values:
        for scenario in [name for name, role in roles.items() if one.concerns(name, role)]:
            for end in one.limits:
                yield path_to(PATH, one.path), ("scenarios", scenario, *one.steps), end


def no_effect(pieces: Pieces) -> str:
    """What a scenario says in which an arm does nothing at all."""
    if without_control(pieces):
        return (
            f'{next(iter(pieces.arm_names), "cart")} = {{ same_as = "{NOT_INFUSED}" }}, or another '
            f"course that is no better than the number"
        )
    control = next(iter(pieces.arm_names), "soc")
    return f"{next(iter(pieces.arm_names[1:]), 'cart')} = {{ same_as = {shown(control)} }}"


def calibrated_endpoint(pieces: Pieces) -> str | None:
    """Endpoint of the rules whose threshold is to be calibrated, else of those for success."""
    asked = [rule for rule in pieces.success_rules if rule.asked]
    asked.sort(key=lambda rule: not rule.to_calibrate)
    return asked[0].asked[0].about if asked else pieces.primary


def never_direct(pieces: Pieces, endpoint: str) -> bool:
    """Whether no scenario gives an endpoint's truth directly, as a rate and nothing else."""
    if endpoint in pieces.prediction:  # a rate does not say the states that it asks for
        return True
    if not isinstance(pieces.truth, dict) or not isinstance(pieces.scenarios, dict):
        return False
    tables = [table for table in pieces.scenarios.values() if isinstance(table, dict)]
    laid = [merged(dict(pieces.truth), dict(table)) for table in tables]
    return bool(laid) and not any(endpoint in table for table in laid)
