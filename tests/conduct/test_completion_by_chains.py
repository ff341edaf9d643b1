"""Trials completed from draws of Markov chains tell what completing them fast tells.

No chain is needed here: draws come from the posteriors in closed form, by NumPy, or are a sample
of the prior weighted by the likelihood written out. With PyMC: ``tests/verification``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.completion import WANTED
from adaptive_cart.conduct.completion_by_chains import (
    COMPLETIONS,
    CompletedTrials,
    by_chain,
    chains_completed,
    face_ahead,
    what_is_ahead,
)
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models.reference_curves import next_event
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Categories, Counts, Durations, Exposure, Scores
from adaptive_cart.participants.population import latents_for
from checks import raw_design
from conduct.test_completion import Held, predicting, relapses
from conduct.test_early_tells_late import design as with_early_months
from conduct.test_predicted_scores import scores as of_scores

Drawn = Callable[[Any, Question | None], Mapping[str, Any]]  # of a summary and a question
DRAWS = 4 * 2500


class Kept(Held):
    """A block of trials of which every look is kept, and not how they end."""

    def ended_at(self, *about: Any, **more: Any) -> None:
        """Estimate nothing."""


def looks_of(raw: dict[str, Any], trials: int, scenario: str) -> tuple[Kept, Plan]:
    """The first look of some trials of one scenario."""
    design = Design(**raw)
    plan = Plan.of(design)
    conduct = Kept(plan, design.truths[scenario], (), latents_for(design, 5, 0, trials))
    conduct.kept = []
    conduct.look(1)
    return conduct, plan


def shares(
    conduct: Held, plan: Plan, drawn: Mapping[str, Drawn], seed: int = 1
) -> tuple[list[float], ...]:
    """By trial: the recorded fast answer, the share of completions by chains, and its error."""
    seen, record = conduct.kept[0], conduct.records[0]
    part = plan.parts[0]
    asks, target = part.prediction, part.targets[0]
    assert asks is not None
    ahead = what_is_ahead(asks, seen, target)
    found: tuple[list[float], ...] = ([], [], [])
    for row, trial in enumerate(seen.trials):
        then = ahead(row)

        def fitted(name: str, question: Question | None, now: Any = then.now) -> Mapping[str, Any]:
            return drawn[name](now[name], question)

        held = [
            asks.holds(last, target)
            for last in chains_completed(plan, then, partial(face_ahead, plan), fitted, seed)
        ]
        values = by_chain(np.concatenate(held), 4)
        found[0].append(float(record.probabilities[part.name][trial, 0]))
        found[1].append(float(values.mean()))
        found[2].append(math.sqrt(values.mean() * (1.0 - values.mean()) / values.size))
    return found


def assert_the_same(found: tuple[list[float], ...]) -> None:
    """Within four standard errors of both, and not all of them near 0 or 1."""
    fast, chains, error = (np.array(part) for part in found)
    away = np.abs(fast - chains) / np.hypot(error, WANTED)
    assert away.max() < 4.0, list(zip(*found, strict=True))
    assert np.abs(np.mean(fast - chains)) < 4.0 * WANTED / math.sqrt(len(fast))
    assert ((chains > 0.02) & (chains < 0.98)).sum() >= 2, "nothing to tell apart"


def of_beta(a: float, b: float) -> Drawn:
    def drawn(counts: Counts, question: Question | None) -> Mapping[str, Any]:
        assert question is not None
        strata = slice(None) if question.stratum < 0 else [question.stratum]
        yes = counts.successes[0][:, strata].sum(axis=1)
        number = counts.totals[0][:, strata].sum(axis=1)
        chance = np.random.default_rng(3).beta(a + yes, b + number - yes, (DRAWS, len(yes)))
        return {"probability": chance.reshape(4, -1, len(yes))}

    return drawn


def test_counts_of_several_endpoints() -> None:
    raw = raw_design("lupus_gated_claims")
    raw["rules"][1]["all"][0]["at_least"] = 0.9
    raw = predicting(raw, "benefit_without_harm")
    priors = {
        name: raw["analysis"].get(name, {}).get("prior", {}) for name in ("dfr", "crs3", "icans3")
    }
    conduct, plan = looks_of(raw, 12, "expected")
    faces = {}
    for name in priors:
        model = plan.fitted[name][1]
        assert all(len(prior.weights) == 1 for prior in model.priors)
        a, b = ([float(getattr(p, k)[0]) for p in model.priors] for k in "ab")
        faces[name] = of_beta(a, b)  # type: ignore[arg-type]
    assert_the_same(shares(conduct, plan, faces))


def good_outcomes(value: float) -> dict[str, Any]:
    """Ranked outcomes, of which one arm's share of the best is asked: quick to answer."""
    asked = {"endpoint": "outcome", "arm": "cart", "reaches": "drug_free_remission"}
    raw = raw_design("desirability_of_outcome")
    raw["rules"] = [
        {
            "name": "good",
            "then": "declare_success",
            "posterior": asked | {"above": value},
            "at_least": 0.9,
        }
    ]
    return predicting(raw, "good")


def test_categories() -> None:
    conduct, plan = looks_of(good_outcomes(0.5), 12, "expected")

    def drawn(seen: Categories, question: Question | None) -> Mapping[str, Any]:
        prior = plan.fitted["outcome"][1].parameters(seen.names)
        counts = seen.counts[0].sum(axis=1)
        gamma = np.random.default_rng(4).gamma(prior + counts, size=(DRAWS, *counts.shape))
        return {"share": (gamma / gamma.sum(axis=-1, keepdims=True)).reshape(4, -1, *counts.shape)}

    assert_the_same(shares(conduct, plan, {"outcome": drawn}))


def test_rates() -> None:
    raw = raw_design("enrichment_biomarker")
    raw["rules"] = [
        {
            "name": "fewer",
            "then": "declare_success",
            "posterior": {
                "endpoint": "infection", "arm": "cart", "minus": "soc", "below": 0.0,
            },
            "at_least": 0.8,
        }
    ]  # fmt: skip
    raw.pop("calibration")
    conduct, plan = looks_of(predicting(raw, "fewer"), 6, "null")

    def drawn(seen: Exposure, question: Question | None) -> Mapping[str, Any]:
        events, years = seen.events[0].sum(axis=1), seen.years[0].sum(axis=1)
        rate = np.random.default_rng(5).gamma(0.5 + events, 1.0 / (5.0 + years), (DRAWS, 2))
        return {"rate": rate.reshape(4, -1, 2)}

    assert_the_same(shares(conduct, plan, {"infection": drawn}))


def test_times_by_hazards() -> None:
    conduct, plan = looks_of(relapses(), 4, "expected")
    model = plan.fitted["relapse"][1]
    (a, b), (mean, sd) = model.baseline, model.log_hazard_ratio

    def drawn(data: Durations, question: Question | None) -> Mapping[str, Any]:
        """The log hazard ratio by its density on a fine grid, and hazards given it."""
        rng = np.random.default_rng(6)
        events, time = np.zeros((2, 2)), np.zeros((2, 2))
        for k in np.flatnonzero(data.included[0]):
            month, arm = data.months[0, k], data.arm[0, k]
            time[arm] += [min(month, 6.0), max(month - 6.0, 0.0)]
            events[arm, int(month > 6.0)] += data.event[0, k]
        grid = np.linspace(-8, 8, 8001)
        log = stats.norm.logpdf(grid, mean, sd) + grid * events[1].sum()
        for j in (0, 1):
            log -= (a + events[:, j].sum()) * np.log(b + time[0, j] + np.exp(grid) * time[1, j])
        mass = np.exp(log - log.max())
        beta = rng.choice(grid, size=DRAWS, p=mass / mass.sum())
        rate = b + time[0] + np.exp(beta)[:, None] * time[1]
        hazard = rng.gamma(a + events.sum(axis=0), size=(DRAWS, 2)) / rate
        return {
            "baseline_hazard": hazard.reshape(4, -1, 2),
            "log_hazard_ratio": beta.reshape(4, -1, 1),
        }

    assert_the_same(shares(conduct, plan, {"relapse": drawn}))


@pytest.mark.slow
def test_the_cured_and_the_others() -> None:
    raw = raw_design("lupus_gated_claims")
    raw["rules"] = [
        {
            "name": "lasting", "then": "declare_success", "at_least": 0.9,
            "posterior": {"endpoint": "relapse", "arm": "cart", "remains_at": 24, "above": 0.75},
        }
    ]  # fmt: skip
    conduct, plan = looks_of(predicting(raw, "lasting"), 2, "expected")
    model = plan.fitted["relapse"][1]

    def drawn(data: Durations, question: Question | None) -> Mapping[str, Any]:
        """A sample of the prior, drawn again by the likelihood, in each arm."""
        rng = np.random.default_rng(7)
        number, found = 40_000, {}
        for arm in (0, 1):
            cured = rng.beta(*model.cured, number)
            median = np.exp(rng.normal(math.log(model.median_months[0]),
                                       model.median_months[1], number))  # fmt: skip
            shape = np.exp(rng.normal(math.log(model.shape[0]), model.shape[1], number))
            log = np.zeros(number)
            for k in np.flatnonzero(data.included[0] & (data.arm[0] == arm)):
                month = max(data.months[0, k], 1e-6)
                hazard = math.log(2.0) * (month / median) ** shape
                if data.event[0, k]:
                    log += np.log((1 - cured) * shape * hazard / month) - hazard
                else:
                    log += np.log(cured + (1 - cured) * np.exp(-hazard))
            mass = np.exp(log - log.max())
            rows = rng.choice(number, DRAWS, p=mass / mass.sum())
            found[arm] = (cured[rows], median[rows], shape[rows])
        names = ("cured", "median_months", "shape")
        both = (np.stack([found[0][k], found[1][k]], axis=-1) for k in range(3))
        return {n: part.reshape(4, -1, 2) for n, part in zip(names, both, strict=True)}

    assert_the_same(shares(conduct, plan, {"relapse": drawn}))


@pytest.mark.parametrize("model", ["normal", pytest.param("normal_visits", marks=pytest.mark.slow)])
def test_scores(model: str) -> None:
    """Visit by visit a flat regression; what PyMC would draw is drawn by least squares."""
    raw = of_scores(model)
    raw["truth"]["mgadl"]["cart"]["change"] = [-0.8, -1.8]
    conduct, plan = looks_of(predicting(raw, "better"), 10, "expected")

    def drawn(seen: Scores, question: Question | None) -> Mapping[str, Any]:
        rng, visits = np.random.default_rng(9), 1 if model == "normal" else 2
        found: dict[str, list[Any]] = {"mean": [], "slope": [], "log_sd": [], "carried": []}
        first = seen.products[0, :, 0, -visits].sum(axis=0)
        centre = first[0, 1] / first[0, 0]
        for visit in range(visits):
            # sums of (arms, baseline less its mean, earlier changes; change) of those seen then
            keep = [0, 1, -1] if visits == 1 else [*range(visit + 3)]
            sums = seen.products[0, :, 0, visit - visits][:, keep][:, :, keep]
            turn = np.eye(len(keep))
            turn[1, 0], turn[2:, 1] = -centre, -1.0
            sums = turn @ sums @ turn.T
            size = 2 + len(keep) - 1
            whole = np.zeros((size, size))
            for arm in (0, 1):
                place = [arm, *range(2, size)]
                whole[np.ix_(place, place)] += sums[arm]
            x, xy, yy = whole[:-1, :-1], whole[:-1, -1], whole[-1, -1]
            inverse = np.linalg.inv(x)
            fit = inverse @ xy
            freedom = whole[0, 0] + whole[1, 1] - len(fit)
            sd = np.sqrt((yy - xy @ fit) / rng.chisquare(freedom, DRAWS))
            away = rng.multivariate_normal(np.zeros(len(fit)), inverse, DRAWS)
            own = fit + sd[:, None] * away
            mean, slope = own[:, :2], own[:, 2]
            for before in range(visit):
                mean = mean + own[:, 3 + before, None] * found["mean"][before]
                slope = slope + own[:, 3 + before] * found["slope"][before]
            found["mean"].append(mean)
            found["slope"].append(slope)
            found["log_sd"].append(np.log(sd))
            found["carried"] += list(own[:, 3:].T)
        if visits == 1:
            one = {name: values[0] for name, values in found.items() if values}
            return {name: values.reshape(4, -1, *values.shape[1:]) for name, values in one.items()}
        return {
            name: np.stack(values, axis=-1).reshape(4, -1, *np.stack(values, -1).shape[1:])
            for name, values in found.items()
        }

    assert_the_same(shares(conduct, plan, {"mgadl": drawn}))


def test_earlier_months_tell() -> None:
    """The sum over all tables with the chain's law; here its rows are drawn, and those who wait."""
    conduct, plan = looks_of(with_early_months([3.0, 6.0]), 12, "expected")
    face = face_ahead(plan, "dfr")

    def drawn(seen: Counts, question: Question | None) -> Mapping[str, Any]:
        rng = np.random.default_rng(8)
        data = face.data(seen, 0, None, question)
        found = {f"seen_{name}": np.broadcast_to(data[name], (4, DRAWS // 4, *data[name].shape))
                 for name in ("successes", "totals", "waiting")}  # fmt: skip
        last, before = data["moved"][:, -1], data["moved"][:, :-1]
        rows = {
            "responds": (last[..., 1], last[..., 0]),
            "first": (before[..., 0], before[..., 1:].sum(axis=-1)),
            "second": (before[..., 1], before[..., 2]),
        }
        worth = {"responds": (1.0, 1.0), "first": (1.0, 2.0), "second": (1.0, 1.0)}
        for name, (yes, no) in rows.items():
            a, b = worth[name]
            found[name] = rng.beta(a + yes, b + no, (4, DRAWS // 4, *yes.shape))
        return found

    assert_the_same(shares(conduct, plan, {"dfr": drawn}))


def test_a_draw_that_is_wrong_is_found_out() -> None:
    conduct, plan = looks_of(good_outcomes(0.5), 12, "expected")

    def drawn(seen: Categories, question: Question | None) -> Mapping[str, Any]:
        counts = seen.counts[0].sum(axis=1) + np.arange(seen.counts.shape[-1])  # too good
        gamma = np.random.default_rng(4).gamma(1.0 + counts, size=(DRAWS, *counts.shape))
        return {"share": (gamma / gamma.sum(axis=-1, keepdims=True)).reshape(4, -1, *counts.shape)}

    with pytest.raises(AssertionError):
        assert_the_same(shares(conduct, plan, {"outcome": drawn}))


def test_months_to_the_next_event() -> None:
    """By hand: 0.1 a month until 6, then 0.02."""
    hazard, cuts = np.array([[0.1, 0.02]]), (6.0,)
    since = np.array([[0.0, 0.0, 4.0, 9.0]])
    burden = np.array([[0.3, 0.7, 0.3, 0.2]])
    found = next_event(hazard, cuts, since, burden)
    # 0.7 = 6 x 0.1 + 5 x 0.02; from 4: 2 x 0.1 + 5 x 0.02; from 9: 10 x 0.02
    assert found == pytest.approx(np.array([[3.0, 11.0, 11.0, 19.0]]))
    assert next_event(0.0 * hazard, cuts, since, burden) == pytest.approx(np.inf)


def test_blocks_of_completions_are_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from adaptive_cart.conduct import completion_by_chains

    conduct, plan = looks_of(relapses(), 1, "expected")
    asks, seen = plan.parts[0].prediction, conduct.kept[0]
    assert asks is not None
    ahead = what_is_ahead(asks, seen, plan.parts[0].targets[0])(0)
    monkeypatch.setattr(completion_by_chains, "CELLS", 300 * 1000)
    draws = {
        "baseline_hazard": np.full((4, 1000, 2), 0.05), "log_hazard_ratio": np.zeros((4, 1000, 1)),
    }  # fmt: skip
    found: list[CompletedTrials] = list(
        chains_completed(plan, ahead, partial(face_ahead, plan), lambda name, question: draws, 1)
    )
    assert len(found) > 2
    assert sum(len(last.trials) for last in found) == COMPLETIONS
    assert len(np.unique([last.summary("relapse").months.sum() for last in found])) > 2


def test_every_completion_has_the_open_arms_and_strata_of_its_trial() -> None:
    ahead = SimpleNamespace(open_arms=np.array([True, False]), open_strata=np.array([True, False]))
    plan = Plan.of(Design(**raw_design("hello")))
    completed = CompletedTrials(plan, ahead, {"dfr": Counts.empty(2, 2).rows(np.zeros(3, int))})  # type: ignore[arg-type]
    assert completed.open_strata is not None
    assert completed.open_arms.tolist() == completed.open_strata.tolist() == [[True, False]] * 3


def test_nobody_is_still_to_come_where_all_who_are_planned_are_due() -> None:
    design = Design(**raw_design("hello"))
    plan = Plan.of(design)
    conduct = Kept(plan, design.truths["null"], (), latents_for(design, 5, 0, 20))
    conduct.kept = []
    for look in (1, 2, 3):
        conduct.look(look)
    seen, question = conduct.kept[-1], plan.parts[0].question
    _, now, final = seen.to_come(question, enrolled=False)
    assert (now.sum(axis=1) == design.enrolment.max_n).all()
    assert (final == now).all()
