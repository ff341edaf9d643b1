"""A programme of two designs on counts, without Monte Carlo error: early counts by later ones.

Valid where both designs are enumerated: truths said directly, fixed numbers analysed at every look.
The mass of early tables is carried to where the early trial ends; each number of responders with
which a candidate goes on has a controlled design of its own, with its prior, whose probability of
success is enumerated. Given what is drawn, all of that is a polynomial in it, so that Gaussian
nodes integrate it without error between the values at which the claim becomes true, or selection
reaches 1. Candidates are independent given the share that works; the number of them of any kind is
then a binomial one, averaged over that share by nodes. Effects of classes and products are not
enumerated, and what depends on the calendar is left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import STOPS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import EngineError
from adaptive_cart.nouns.parameter_draws import AnyDraw
from adaptive_cart.nouns.records import Floats
from adaptive_cart.programmes.candidate_trial import CandidateTrial
from adaptive_cart.programmes.known import CLAIM, ESTIMAND, LEVEL, Known, known_of, numbers_of
from adaptive_cart.programmes.law import LawOfFile
from adaptive_cart.programmes.measured import COUNTED, HOLD_UP, Key, Measures
from adaptive_cart.programmes.planting import Steps
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.programmes.stages import with_early
from adaptive_cart.results.estimand import SobolLatents
from adaptive_cart.results.figure import Figure, exact
from adaptive_cart.running.carrying import carried, step
from adaptive_cart.running.engine import analysed_at, obstacles
from adaptive_cart.running.exact import JudgedLook, judged_look

MORE = 24  # nodes beyond those of the polynomial, where a density is no part of the rule's weight


@dataclass(frozen=True)
class Enumerated:
    """A design with all its tables judged."""

    design: Design
    looks: tuple[JudgedLook, ...]

    @staticmethod
    def of(design: Design) -> Enumerated:
        """Judge every table of every look."""
        plan, total = Plan.of(design), sum(design.allocation)
        return Enumerated(
            design,
            tuple(
                judged_look(plan, look, tuple(number * part // total for part in design.allocation))
                for look, number in enumerate(analysed_at(design), start=1)
            ),
        )

    def ended(self, rates: Sequence[float]) -> Iterator[tuple[JudgedLook, Floats, Floats]]:
        """Looks with the mass of each table that ends there, and of that with a success."""
        before, running = (0,) * len(rates), np.ones((1,) * len(rates))
        for look in self.looks:
            steps = [step(b, a, p) for b, a, p in zip(before, look.analysed, rates, strict=True)]
            mass = carried(running, steps).ravel()
            ends = np.logical_or.reduce([look.ends[ending] for ending in STOPS])
            last = look is self.looks[-1]
            yield look, np.where(ends | last, mass, 0.0), np.where(look.ends[SUCCESS], mass, 0.0)
            running = np.where(ends, 0.0, mass).reshape([n + 1 for n in look.analysed])
            before = look.analysed

    def success(self, rates: Sequence[float]) -> float:
        """Probability of a success."""
        return math.fsum(float(won.sum()) for _, _, won in self.ended(rates))


@dataclass
class Sums:
    """Weights of candidates of a kind, and weighted sums of numbers of theirs, by name."""

    weight: dict[str, float] = field(default_factory=dict)
    total: dict[Key, float] = field(default_factory=dict)

    def add(self, kind: str, weight: float, **numbers: float) -> None:
        """Add candidates of a kind."""
        self.weight[kind] = self.weight.get(kind, 0.0) + weight
        for name, value in numbers.items():
            self.total[name, kind] = self.total.get((name, kind), 0.0) + weight * value


def exact_measures(programme: Programme) -> Measures:
    """What a programme on counts tells, exactly.

    Raises
    ------
    EngineError
        With all that stands in the way.
    """
    law = _enumerable(programme)
    nodes = list(_truths(programme, law))
    confirmed: dict[tuple[int, int], Enumerated] = {}
    sums, shares = Sums(), {True: Sums(), False: Sums()}
    early = None if programme.early is None else Enumerated.of(programme.early.design)
    own = Enumerated.of(programme.confirm.design)
    share = _mean(law.share)
    for works, weight, values in nodes:
        for into, part in ((sums, share if works else 1.0 - share), (shares[works], 1.0)):
            _add(into, programme, early, own, confirmed, works, weight * part, values)
    return Measures(_figures(sums, law.count), _distributions(law, shares))


# ── what can be enumerated ────────────────────────────────────────────────────────────────────
def _enumerable(programme: Programme) -> LawOfFile:
    law, why = programme.law, []
    for trial in (programme.early, programme.confirm):
        if trial is not None:
            truths = {"works": trial.planted.base, "does_not_work": trial.null}
            why += [f"{trial.design.name}: {reason}" for reason in obstacles(trial.design, truths)]
    if not isinstance(law, LawOfFile):
        raise EngineError("exact: candidates are drawn by another law than the file's")
    if programme.tables.candidates.control == "common":
        why.append("trials that share controls are not independent")
    if programme.tables.candidates.class_signal is not None:
        why.append("a signal that stops a class comes on the calendar")
    if programme.tables.candidates.benefit is not None:
        why.append("years in remission (candidates.benefit) are not enumerated")
    if law.effect_on is not None:
        why.append("effects of classes and products are not enumerated")
    if len(law.draws) > 1:
        why.append(f"{len(law.draws)} values are drawn, and one at most is integrated over")
    if any(dist.reach[1] > 1e6 for dist in law.draws.values()):
        why.append("a value without bound is drawn")
    if why:
        raise EngineError(f"exact: this programme cannot be enumerated: {'; '.join(why)}")
    return law


def _truths(
    programme: Programme, law: LawOfFile
) -> Iterator[tuple[bool, float, Mapping[Steps, float]]]:
    """Whether a candidate works, with what weight, and its values."""
    yield False, 1.0, {}
    if not law.draws:
        yield True, 1.0, {}
        return
    ((steps, dist),) = law.draws.items()
    number = max(programme.confirm.design.planned)
    if programme.early is not None:
        number += max(programme.early.design.planned)
    known = known_of(programme.confirm, law.reaches)
    for value, weight in _nodes(dist, number // 2 + 1, _edges(programme, dist, known)):
        yield True, weight, {steps: value}


def _edges(programme: Programme, dist: AnyDraw, known: Known) -> list[float]:
    """Values between which everything is a polynomial."""
    low, high = dist.reach
    inner = {*known.changes}
    if programme.early is not None and programme.early.selected:
        inner.add(1.0 - programme.early.selected)
    return [low, *sorted(edge for edge in inner if low < edge < high), high]


def _nodes(dist: AnyDraw, number: int, edges: Sequence[float]) -> Iterator[tuple[float, float]]:
    more = MORE * (len(edges) > 2)
    for start, end in itertools.pairwise(edges):
        for value, weight in zip(*dist.nodes(number + more, start, end), strict=True):
            yield float(value), float(weight)


def _mean(share: float | AnyDraw) -> float:
    if isinstance(share, float | int):
        return float(share)
    return math.fsum(value * weight for value, weight in _nodes(share, 2, share.reach))


# ── one truth ─────────────────────────────────────────────────────────────────────────────────
def _rates(trial: CandidateTrial, truth: Truth) -> list[float]:
    return [float(by[0]) for by in truth.direct[trial.design.primary]]


def _add(
    sums: Sums,
    programme: Programme,
    early: Enumerated | None,
    own: Enumerated,
    confirmed: dict[tuple[int, int], Enumerated],
    works: bool,
    weight: float,
    values: Mapping[Steps, float],
) -> None:
    """Add candidates of one truth."""
    flags = np.array([works])
    drawn = {steps: np.array([value]) for steps, value in values.items()}
    confirm = programme.confirm
    truth = confirm.truths(flags, drawn).first
    points = SobolLatents(scrambles=1, points=2)  # nothing of a direct truth is integrated
    found = numbers_of(confirm, Plan.of(confirm.design), points, truth)
    true = {"true_level": found[LEVEL], "true_effect": found[ESTIMAND]}
    right = found[CLAIM] == 1.0
    rates = _rates(confirm, truth)
    if early is None:
        success = own.success(rates)
        _of_kinds(sums, right, weight, 1.0, success, true)
        return
    trial = programme.early
    assert trial is not None
    as_seen = trial.truths(flags, drawn).first
    plain = (
        trial.planted.truth(values)
        if works and values
        else (trial.planted.base if works else trial.null)
    )
    true["early_true"] = _rates(trial, plain)[trial.arm]
    believe = programme.believe
    for look, ended, won in early.ended(_rates(trial, as_seen)):
        responders = look.successes[:, trial.arm]
        participants = look.analysed[trial.arm]
        for r in np.unique(responders):
            mine = responders == r
            observed = {"early_observed": r / participants}
            observed["early_overstated"] = r / participants - true["early_true"]
            going = float(won[mine].sum())
            stopped = float(ended[mine].sum()) - going
            _of_kinds(sums, right, weight * stopped, 0.0, 0.0, {**true, **observed})
            if going > 0.0:
                later = own
                if believe is not None:
                    key = (int(r), participants)
                    if key not in confirmed:
                        design = with_early(confirm.design, *key, believe)
                        confirmed[key] = Enumerated.of(design)
                    later = confirmed[key]
                success = later.success(rates)
                _of_kinds(sums, right, weight * going, 1.0, success, {**true, **observed})


def _of_kinds(
    sums: Sums, works: bool, weight: float, go: float, success: float, numbers: Mapping[str, float]
) -> None:
    """Add candidates that all go on, or none of which does, to every kind that they are of."""
    chances = {
        "all": 1.0, "work": float(works), "not_work": float(not works), "go": go,
        "no_go": 1.0 - go, "succeed": success, "go_and_fail": go * (1.0 - success),
    }  # fmt: skip
    for kind, chance in chances.items():
        sums.add(kind, weight * chance, **numbers)
        both = {other: chance * value for other, value in chances.items()}
        if kind in ("go", "no_go", "succeed", "go_and_fail"):
            # given a kind others are certain or excluded, and not as probable as before
            both = {
                "work": float(works), "go": float(kind != "no_go"),
                "succeed": success if kind == "go" else float(kind == "succeed"),
            }  # fmt: skip
            both = {other: chance * value for other, value in both.items()}
        for measure in ("work", "go", "succeed"):
            key = (f"P({measure})", kind)
            sums.total[key] = sums.total.get(key, 0.0) + weight * both[measure]
    hold = (HOLD_UP, "all")
    sums.total[hold] = sums.total.get(hold, 0.0) + weight * success * works


# ── what they come to ─────────────────────────────────────────────────────────────────────────
TOLD = (
    ("work", ("all", "go", "no_go", "succeed", "go_and_fail")),
    ("go", ("all", "work", "not_work")),
    ("succeed", ("all", "go", "work", "not_work")),
)


def _figures(sums: Sums, count: int) -> dict[Key, Figure]:
    def mean(name: str, kind: str) -> Figure:
        weight = sums.weight.get(kind, 0.0)
        return exact(sums.total[name, kind] / weight if weight > 0.0 else math.nan)

    found = {
        (f"P({measure})", kind): mean(f"P({measure})", kind)
        for measure, kinds in TOLD
        for kind in kinds
    }
    for name, kind in sums.total:
        if not name.startswith("P(") and name != HOLD_UP:
            found[name, kind] = mean(name, kind)
    number = {
        name: count * sums.total[name if name == HOLD_UP else f"P({name})", "all"]
        for name in COUNTED
    }
    for name, mean_number in number.items():
        found[f"number_{name}", "portfolio"] = exact(mean_number)
    found["working_lost", "portfolio"] = exact(number["work"] - number[HOLD_UP])
    found["working_not_gone", "portfolio"] = exact(count * sums.total["P(work)", "no_go"])
    return found


def _distributions(law: LawOfFile, shares: Mapping[bool, Sums]) -> dict[str, tuple[Figure, ...]]:
    from scipy import stats

    nodes: list[tuple[float, float]] = [(_mean(law.share), 1.0)]
    if not isinstance(law.share, float | int):
        nodes = list(_nodes(law.share, law.count // 2 + 1, law.share.reach))
    counts, found = np.arange(law.count + 1), {}
    for name in COUNTED:
        key = (name if name == HOLD_UP else f"P({name})", "all")
        chance = [
            share * shares[True].total.get(key, 0.0) + (1.0 - share) * shares[False].total[key]
            for share, _ in nodes
        ]
        masses = sum(
            weight * stats.binom.pmf(counts, law.count, min(max(p, 0.0), 1.0))
            for p, (_, weight) in zip(chance, nodes, strict=True)
        )
        found[name] = tuple(exact(float(mass)) for mass in np.asarray(masses))
    return found
