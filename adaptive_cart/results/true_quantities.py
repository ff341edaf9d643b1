"""True values of what lasts, of medians and of proportions, as far as a question asks for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints import is_time
from adaptive_cart.nouns.distributions import Exponential
from adaptive_cart.nouns.questions import Cut, Quantity
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.hazard_ratios import last_looks
from adaptive_cart.results.sampled_cells import Measured, sampled_cells
from adaptive_cart.results.true_times import OF_TIMES, SampledMedians, median_of, months_about
from adaptive_cart.results.true_value import Cells

if TYPE_CHECKING:
    from adaptive_cart.results.estimand import SobolLatents

Known: TypeAlias = tuple[str, str, float | Cut]  # an endpoint, a quantity, a month or a cut


def only_said(design: Design, truth: Truth, name: str) -> bool:
    """Whether an endpoint is a time whose distribution is said, and nothing else feeds it."""
    endpoint = design.endpoints[name]
    return is_time(endpoint) and not (endpoint.from_course and truth.courses is not None)


def counted_of(
    design: Design, truth: Truth, names: list[str], points: SobolLatents
) -> dict[str, Floats]:
    """By endpoint, where not everybody counts alike: ``(scramble, arm, stratum)``."""
    found: dict[str, Floats] = {}
    measured: dict[str, Measured] = {}
    exact = exactly_known(design, truth)
    for name in names:
        endpoint = design.endpoints[name]
        if endpoint.counts_time():
            if _followed_unequally(design, truth) and _varies(design, truth, name):
                found[name] = np.array(
                    [look.followed_for() for look in last_looks(design, truth, name)]
                )
        elif endpoint.counts_some() and name not in exact:
            measured[name] = partial(endpoint.counted, name)
    return found | (sampled_cells(design, truth, measured, points) if measured else {})


def _followed_unequally(design: Design, truth: Truth) -> bool:
    """Whether participants of one arm may be followed longer in one stratum than in another."""
    hazards = truth.side_by_side.leaving()
    crossed = design.crossover is not None and len({str(arm) for arm in hazards}) > 1
    return crossed or any(len(set(strata)) > 1 for strata in hazards)


def _varies(design: Design, truth: Truth, name: str) -> bool:
    """Whether what is true of an endpoint differs between the strata of an arm."""
    said = truth.side_by_side.said(name, design.endpoints[name].named_in) or ()
    return any(len(set(strata)) > 1 for strata in said)


def lasting(
    design: Design, truth: Truth, points: SobolLatents, wanted: Sequence[Quantity]
) -> dict[Known, Cells]:
    """The fractions that last, at the months at which they are wanted."""
    found: dict[Known, Cells] = {}
    measured: dict[Known, Measured] = {}
    for needed in wanted:
        name, endpoint = needed.endpoint, design.endpoints[needed.endpoint]
        if not endpoint.gives.lasts or needed.to is not None:
            continue
        key, of = (name, needed.name, needed.month), OF_TIMES[needed.name]
        if name in truth.direct:
            found[key] = of.directly(truth.direct[name], truth.shares, needed.month)
        elif not only_said(design, truth, name):
            if of.of_strata_pooled and len(truth.strata) > 1:
                found[key] = _sampled_medians(design, truth, points, name)
            else:
                measured[key] = partial(of.sampled, endpoint, needed.month)
    if measured:
        found |= _sampled_times(design, truth, points, measured)
    return {key: _beside_times(design, truth, key, cells) for key, cells in found.items()}


def _sampled_times(
    design: Design, truth: Truth, points: SobolLatents, measured: Mapping[Known, Measured]
) -> dict[Known, Cells]:
    """The same of times that follow from a course."""
    medians = {key: of for key, of in measured.items() if OF_TIMES[key[1]].of_strata_pooled}
    means = {key: of for key, of in measured.items() if key not in medians}
    values = sampled_cells(design, truth, means, points) if means else {}
    if medians:
        values |= sampled_cells(design, truth, medians, points, together=True)
    names = list(dict.fromkeys(key[0] for key in measured))
    counted = counted_of(design, truth, names, points) if len(truth.strata) > 1 else {}
    return {key: Cells(v, truth.shares, counted.get(key[0])) for key, v in values.items()}


def _beside_times(design: Design, truth: Truth, key: Known, cells: Cells) -> Cells:
    """The same, and behind the arms external data, whose hazards are constant."""
    name, quantity, month = key
    hazards = [truth.external.get((name, one)) for one in design.comparators]
    if not any(hazards):
        return cells
    assert isinstance(month, float)
    unknown = Exponential(dist="exponential", rate=1.0)  # of another endpoint: nobody asks
    if any(design.external[one].month is not None for one in design.comparators):
        nobody = (math.nan,) * len(truth.shares)
        said = [nobody if by is None else by for by in hazards]  # of that month itself
        values = np.array(said, dtype=np.float64)
        return cells.with_arms(Cells(values[None], truth.shares))
    none = (unknown.rate,) * len(truth.shares)
    times = [
        [unknown.model_copy(update={"rate": rate}) for rate in (none if by is None else by)]
        for by in hazards
    ]
    return cells.with_arms(OF_TIMES[quantity].directly(times, truth.shares, month))


# ── proportions beyond a value ────────────────────────────────────────────────────────────────
def proportions(
    design: Design, truth: Truth, points: SobolLatents, wanted: Sequence[Quantity]
) -> dict[Known, Cells]:
    """The proportions of participants beyond the cuts of which they are wanted."""
    found: dict[Known, Cells] = {}
    for needed in wanted:
        name, cut = needed.endpoint, needed.cut
        key: Known = (name, needed.name, needed.point)
        if cut is None or key in found:
            continue
        endpoint = design.endpoints[name]
        said, exact = truth.said(name, endpoint.named_in), None
        if said is not None and truth.mixture is None:
            course = truth.courses is not None
            exact = endpoint.proportions(said, np.array(truth.dropout), course, cut)
        if exact is not None:
            values = exact[None]
        else:
            measured: dict[Known, Measured] = {key: partial(endpoint.proportion, name, cut=cut)}
            world = truth.without(endpoint.absent())
            values = sampled_cells(design, world, measured, points)[key]
        counted = counted_of(design, truth, [name], points) if len(truth.strata) > 1 else {}
        found[key] = Cells(values, truth.shares, counted.get(name))
    return found


def _sampled_medians(design: Design, truth: Truth, points: SobolLatents, name: str) -> Cells:
    """Medians of a time that follows from a course, of each stratum and of strata together."""
    endpoint = design.endpoints[name]
    alone: Measured = partial(median_of, endpoint, math.inf)
    own = sampled_cells(design, truth, {name: alone}, points, together=True)[name]
    months = months_about(own)
    measured: dict[float, Measured] = {
        float(month): partial(endpoint.lasting, month=float(month)) for month in months
    }
    lasts = sampled_cells(design, truth, measured, points)
    counted = counted_of(design, truth, [name], points).get(name)
    left = np.stack([lasts[float(month)] for month in months], axis=-1)
    return SampledMedians(own, truth.shares, counted, months=months, left=left)


def exactly_known(design: Design, truth: Truth) -> dict[str, Floats]:
    """By endpoint whose truth is the true value itself, or that and dropout: ``(arm, stratum)``."""
    if truth.mixture is not None:
        return _exact_of_parts(design, truth)
    found = {}
    for name, endpoint in design.endpoints.items():
        said = truth.said(name, endpoint.named_in)
        if said is not None:
            dropout, course = np.array(truth.dropout), truth.courses is not None
            found[name] = endpoint.closed_form(said, dropout, course)
    return {name: value for name, value in found.items() if value is not None}


def _exact_of_parts(design: Design, truth: Truth) -> dict[str, Floats]:
    """The same where parts of the participants fare otherwise, if everybody counts alike."""
    assert truth.mixture is not None
    weights = truth.mixture.weights(np.zeros(1))[:, 0]
    by_part = [exactly_known(design, part) for part in truth.parts]
    found = {}
    for name in by_part[0]:
        endpoint = design.endpoints[name]
        own = [part[name] for part in by_part if name in part]
        counts = endpoint.counts_some() or endpoint.counts_time()
        unequal = counts and len({part.leaving() for part in truth.parts}) > 1
        alike = all(np.array_equal(own[0], other) for other in own[1:])
        if len(own) == len(by_part) and alike:
            found[name] = own[0]
        elif len(own) == len(by_part) and not unequal:
            found[name] = np.einsum("p,pas->as", weights, np.stack(own))
    return found
