"""Truths that a design prior draws: integrated over where tables are enumerated, else simulated.

*Enumerated*: the probability of a success is a polynomial in the rate of each arm, whose degree is
the number of its participants. Gauss-Jacobi (of a beta) and Gauss-Legendre nodes (of a uniform),
half as many, integrate it without error. What depends on whether the claim is true jumps where that
changes, so the last value that is drawn is integrated between its jumps.

*Simulated*: every trial has a truth of its own, from uniforms that belong to the seed, the trial
and the draw, and goes through the looks beside trials of other truths. Trial i has the same
participants as in every scenario. Where the truth is a course, whether its claim is true is judged
by fewer points than for a scenario.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_own
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import Draw, Weighed
from adaptive_cart.design.own_truths import OwnTruths
from adaptive_cart.design.scenarios import truth_with, truths_with
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.streams import uniforms
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.averages import (
    Member,
    could_be,
    gain_by_arm,
    verdicts,
    what_could_be_claimed,
)
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import SobolLatents, TrueValues, true_values
from adaptive_cart.running.workers import spread

MOST_NODES = 3_000  # truths that are enumerated for one scenario
STEPS = 64  # at which it is looked whether the claim is true, before a jump is halved down to
HALVINGS = 44
SMOOTH = 24  # more nodes where the density is no part of the rule's own weight
SCRAMBLES, POINTS = 4, 2**10  # by which the truth of a drawn course is judged

OF_MEMBERS = ("success", "false", "some_true", "some_false", "claimed", "ended")

TOGETHER = 250  # drawn trials that are run at once, at most

Values = dict[tuple[str, ...], float]
Drawn = Mapping[tuple[str, ...], Floats]  # by steps: ``(trial,)``
Stretch = tuple[Drawn, int]


# ── enumerated ────────────────────────────────────────────────────────────────────────────────
def nodes_of(
    design: Design, scenario: str, draws: Sequence[Draw]
) -> list[tuple[float, Truth]] | None:
    """Truths and weights by which a scenario is integrated; nothing where they are too many."""
    if too_many(design, draws):
        return None
    found = []
    every = _nodes(design, scenario, draws, _number(design), {})
    for place, (weight, values) in enumerate(every):
        truth = replace(truth_with(design, scenario, values), name=f"{scenario} {place}")
        found.append((weight, truth))
    return found


def too_many(design: Design, draws: Sequence[Draw]) -> bool:
    """Whether so many values that are drawn have more nodes than are enumerated."""
    return bool(_number(design) ** len(draws) > MOST_NODES)


def _number(design: Design) -> int:
    """How many nodes integrate one draw."""
    return max(design.planned) // 2 + 1


def _nodes(
    design: Design, scenario: str, draws: Sequence[Draw], number: int, before: Values
) -> Iterator[tuple[float, Values]]:
    first, *others = draws
    low, high = first.dist.reach
    edges = [low, high]
    if not others:
        edges = [low, *_jumps(design, scenario, first, before), high]
    split = len(edges) > 2
    for start, end in itertools.pairwise(edges):
        values, weights = first.dist.nodes(number + SMOOTH * split, start, end)
        for value, weight in zip(values, weights, strict=True):
            here = {**before, first.steps: float(value)}
            if not others:
                yield float(weight), here
                continue
            for inner, whole in _nodes(design, scenario, others, number, here):
                yield float(weight) * inner, whole


def _jumps(design: Design, scenario: str, draw: Draw, before: Values) -> list[float]:
    """Values at which it changes what could be claimed."""
    points = SobolLatents()

    def claims(value: float) -> tuple[float, float]:
        truth = truth_with(design, scenario, {**before, draw.steps: value})
        return what_could_be_claimed(design, true_values(design, truth, points))

    low, high = draw.dist.reach
    at = [low + (high - low) * step / STEPS for step in range(STEPS + 1)]
    found = []
    said = [claims(value) for value in at]
    for (a, b), (left, right) in zip(itertools.pairwise(at), itertools.pairwise(said), strict=True):
        if left == right:
            continue
        for _ in range(HALVINGS):
            middle = (a + b) / 2.0
            a, b = (middle, b) if claims(middle) == left else (a, middle)
        if low < b < high:
            found.append(b)
    return found


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def simulated(
    design: Design,
    one: Weighed,
    seed: int,
    trials: int,
    jobs: int,
    progress: Callable[[int], None],
) -> Member:
    """Trials of a scenario, each with a truth of its own."""
    columns = trials_drawn(design, one, seed, trials, jobs, progress)
    success, false, some_true, some_false, claimed, ended = (
        columns.pop(name) for name in OF_MEMBERS
    )
    return Member(one.weight, success, false, some_true, some_false, claimed, columns, ended)


def trials_drawn(
    design: Design,
    one: Weighed,
    seed: int,
    trials: int,
    jobs: int,
    progress: Callable[[int], None],
) -> dict[str, Floats]:
    """Trials of a scenario, each with a truth of its own: ``(trial,)`` by name.

    What a trial was and came to, as :class:`~adaptive_cart.results.averages.Member` has it, and by
    arm how many were randomised.
    """
    drawn = drawn_values(one.prior, one.draws, seed, trials)
    items = stretches(drawn, max(min(TOGETHER, -(-trials // jobs)), 1))
    pieces: list[dict[str, Floats]] = []
    for piece in spread(partial(_stretch, design, one.scenario, seed), items, jobs):
        pieces.append(piece)
        progress(len(piece["success"]))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def drawn_values(prior: str, draws: Sequence[Draw], seed: int, trials: int) -> Drawn:
    """Values of draws by their steps, ``(trial,)``: alike in every scenario."""
    return {draw.steps: _values(prior, draw, seed, trials) for draw in draws}


def stretches(drawn: Drawn, size: int = TOGETHER) -> list[Stretch]:
    """What is drawn for so many trials at a time, and the number of the first of them."""
    trials = len(next(iter(drawn.values())))
    return [
        ({steps: values[first : first + size] for steps, values in drawn.items()}, first)
        for first in range(0, trials, size)
    ]


def _values(prior: str, draw: Draw, seed: int, trials: int) -> Floats:
    """Values of a draw, ``(trial,)``: the same for every scenario and any number of trials."""
    stream = f"design_prior:{prior}:{draw.path}"
    u = uniforms(seed, stream, 0, trials, 1)[:, 0]
    return draw.dist.quantile(np.clip(u, 1e-16, 1.0 - 1e-16))


def own_truths(design: Design, scenario: str, drawn: Drawn) -> list[Truth]:
    """The truth of each trial of a stretch."""
    trials = len(next(iter(drawn.values())))
    rows = ({steps: float(of[k]) for steps, of in drawn.items()} for k in range(trials))
    return truths_with(design, scenario, rows)


def own_blocks(plan: Plan, truths: Sequence[Truth], seed: int, first: int) -> list[Block]:
    """Trials with a truth each: in one block, or where truths differ in too much in one each.

    Parameters
    ----------
    first
        Number of the first trial.
    """
    design, own = plan.design, OwnTruths.each(truths)
    if own.together(design):
        return [run_own(plan, own, latents_for(design, seed, first, len(truths)))]
    return [
        run_own(plan, OwnTruths.each([truth]), latents_for(design, seed, first + place, 1))
        for place, truth in enumerate(truths)
    ]


def few_points() -> SobolLatents:
    """Points by which the truth of a drawn course is judged."""
    return SobolLatents(scrambles=SCRAMBLES, points=POINTS)


def _stretch(design: Design, scenario: str, seed: int, some: Stretch) -> dict[str, Floats]:
    """Some trials, ``(trial,)`` by name: by what is drawn for each, and the number of the first."""
    drawn, first = some
    plan = Plan.of(design)
    truths = own_truths(design, scenario, drawn)
    points = few_points()
    # what nothing is claimed of need not be known truly
    true = [true_values(design, truth, points, only_claimed=plan) for truth in truths]
    blocks = own_blocks(plan, truths, seed, first)
    columns = _of_blocks(plan, blocks, true)
    claimed = [could_be(Claims(plan.rules, values)) for values in true]
    columns["some_true"], columns["some_false"] = np.array(claimed).T
    gains = [gain_by_arm(design, values) for values in true]
    by_arm = np.concatenate([block.randomised for block in blocks])
    columns |= {f"n_{arm}": of for arm, of in zip(design.arm_names, by_arm.T, strict=True)}
    for name, side in (("participants_helped", 1.0), ("participants_harmed", -1.0)):
        if design.primary_endpoint.binary:
            gained = [[max(side * gain, 0.0) for gain in each or ()] for each in gains]
            columns[name] = np.add.reduce((by_arm * np.array(gained)).T)
    return columns


def _of_blocks(
    plan: Plan, blocks: Sequence[Block], true: Sequence[TrueValues]
) -> dict[str, Floats]:
    """What became of trials and was it false, ``(trial,)`` by name."""
    found: dict[str, list[Floats]] = {}
    place = 0
    for block in blocks:
        standing = block.standing
        success = standing.reason == SUCCESS
        false = np.zeros(len(success))
        for trial in range(len(success)):
            if success[trial]:
                claims = Claims(plan.rules, true[place + trial])
                of_trial = claims.of_trials(standing, chosen=np.array([trial]))
                false[trial] = verdicts(of_trial)[trial]
        place += len(success)
        for name, values in {
            "success": success,
            "false": false,
            "claimed": np.where(success, standing.probability, np.nan),
            "participants": block.randomised.sum(axis=1),
            "analysed": block.analysed.sum(axis=1),
            "months": block.months,
            "ended": block.look,
        }.items():
            found.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
    return {name: np.concatenate(values) for name, values in found.items()}
