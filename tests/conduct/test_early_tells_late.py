"""Early months tell late: the predictive probability against an enumeration in two stages.

The twin goes participant by participant. Who waits moves by an urn: the chance of a state is what
it is worth beforehand and those seen (or drawn so far) to go there, of all who were seen to go
anywhere. Then those still to come respond by the beta-binomial law, given all that.
"""

from __future__ import annotations

import copy
import functools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.design import Design
from adaptive_cart.nouns import early_law_loops
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.equations import parsed
from adaptive_cart.telling.early_months import told_early
from checks import raw_design

Table = dict[str, Any]
STATES = ("out", "in", "failed")


def design(months: list[float], **more: Any) -> Table:
    """The main design, small, with a futility rule that looks ahead."""
    raw = raw_design("sle_autologous")
    raw["enrolment"] = {"max_n": 28, "per_month": 2.0}
    raw["looks"] = {"observed": [8, 28]}
    raw["rules"] = [
        {
            "name": "ahead",
            "then": "declare_futility",
            "predictive": {"rule": "efficacy", **more},
            "below": 0.001,
            "looks": [1],
        },
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.15},
            "at_least": 0.9,
        },
    ]
    raw["analysis"] = {"dfr": {"model": "beta_binomial", "prior": {"a": 1.0, "b": 1.0}}}
    raw["scenarios"] = {"expected": raw["scenarios"]["expected"]}
    if months:
        raw["prediction"] = {"dfr": {"from": months}}
    return raw


class Kept(SimulatedConduct):
    """A block of trials whose first look is kept."""

    seen: LookAnalysis | None = None

    def ended_at(self, *ended: Any, **more: Any) -> None:
        """Estimate nothing."""

    def analysis(self, date: Floats, held: Booleans) -> LookAnalysis:
        found = super().analysis(date, held)
        self.seen = self.seen or found
        return found


def first_look(raw: Table, trials: int) -> Kept:
    """The first look of some trials."""
    made = Design(**raw)
    conduct = Kept(Plan.of(made), made.truths["expected"], (), latents_for(made, 3, 0, trials))
    conduct.look(1)
    return conduct


def urn(number: int, worth: dict[str, float]) -> dict[tuple[int, ...], float]:
    """How a number splits over states, one participant after the other."""
    names = list(worth)
    reached = {tuple(0 for _ in names): 1.0}
    for drawn in range(number):
        after: dict[tuple[int, ...], float] = defaultdict(float)
        for counts, chance in reached.items():
            for place, name in enumerate(names):
                more = tuple(c + (k == place) for k, c in enumerate(counts))
                total = sum(worth.values()) + drawn
                after[more] += chance * (worth[name] + counts[place]) / total
        reached = after
    return reached


class Arm:
    """What is known of one arm of one trial at its first look, read off the course."""

    def __init__(
        self, conduct: Kept, trial: int, arm: int, months: list[float], at_once: bool = True
    ) -> None:
        assert conduct.seen is not None
        population, now = conduct.population, float(conduct.seen.snapshot.date[trial])
        course = population.course
        assert course is not None
        remission = population.state("drug_free_remission")
        sustained = remission.throughout(9.0, 12.0)[trial]
        marks = [*months, 12.0]
        self.responders = self.analysed = self.failed = 0
        self.waiting = {(m, s): 0 for m in months for s in STATES[:2]}
        self.rows: dict[tuple[float, str], dict[str, float]] = {}
        for month in months:
            last = month == months[-1]
            for state in STATES[:2]:
                self.rows[month, state] = dict.fromkeys(("none", "response") if last else STATES, 1)
        for k in range(int(conduct.seen.snapshot.randomised[trial])):
            if population.arm[trial, k] != arm:
                continue
            age = now - population.arrival[trial, k] + 1e-9  # of who brings the look about, 12
            fails = min(c[trial, k] for c in (course.rescue, course.death, course.dropout))
            states = {
                month: "failed"
                if fails <= month
                else STATES[int(remission.hold_at(month)[trial, k])]
                for month in months
            }
            if age >= 12.0:
                response = bool(sustained[k]) and fails > 12.0
                self.analysed += 1
                self.responders += response
                end = "response" if response else "none"
            elif fails <= (age if at_once else max([m for m in months if age >= m], default=0.0)):
                self.failed += 1
            for early, late in zip(months, marks[1:], strict=True):
                if age >= late and states[early] != "failed":
                    to = end if late == 12.0 else states[late]
                    self.rows[early, states[early]][to] += 1
            reached = [month for month in months if age >= month]
            until = age if at_once else max(reached, default=0.0)
            if age < 12.0 and fails > until and reached:
                self.waiting[reached[-1], states[reached[-1]]] += 1

    def more(self, months: list[float]) -> dict[int, float]:
        """How many of those who wait will respond."""
        numbers = {(0, 0): 1.0}
        for month in months:
            here = [self.waiting[month, state] for state in STATES[:2]]
            after: dict[tuple[int, int], float] = defaultdict(float)
            for (out, in_), chance in numbers.items():
                by_row = [
                    urn(n + came, self.rows[month, state])
                    for n, came, state in zip(here, (out, in_), STATES[:2], strict=True)
                ]
                for first, p in by_row[0].items():
                    for second, q in by_row[1].items():
                        together = (first[0] + second[0], first[1] + second[1])
                        after[together] += chance * p * q
            numbers = after
        found: dict[int, float] = defaultdict(float)
        for (_, response), chance in numbers.items():
            found[response] += chance
        return found


def tables(arm: Arm, final: int, months: list[float]) -> Iterator[tuple[int, int, float]]:
    """Responders and participants at the last look, with their probability."""
    now = arm.analysed + arm.failed + sum(arm.waiting.values())
    last = max(final, now)
    for more, chance in arm.more(months).items():
        responders = arm.responders + more
        law = stats.betabinom(last - now, 1.0 + responders, 1.0 + now - responders)
        for later in range(last - now + 1):
            yield responders + later, last, chance * float(law.pmf(later))


@pytest.mark.parametrize("months", [[6.0], [3.0, 6.0], [4.0, 9.0], [3.0, 6.0, 9.0]])
@pytest.mark.parametrize("sample", ["max_n", "enrolled"])
def test_the_two_stages_are_summed(months: list[float], sample: str) -> None:
    raw = design(months, **{"with": sample})
    trials = 4
    conduct = first_look(raw, trials)
    found = conduct.records[0].probabilities["ahead"][:, 0]
    model = conduct.plan.fitted["dfr"][1]
    waited = 0
    for trial in range(trials):
        arms = [Arm(conduct, trial, arm, months) for arm in (0, 1)]
        assert conduct.seen is not None
        enrolled = int(conduct.seen.snapshot.randomised[trial])
        of = conduct.population.arm[trial, :enrolled]
        final = [9, 19] if sample == "max_n" else [int((of == arm).sum()) for arm in (0, 1)]
        waited += sum(sum(arm.waiting.values()) for arm in arms)
        expected = 0.0
        first, second = (
            list(tables(arm, number, months)) for arm, number in zip(arms, final, strict=True)
        )
        holds: dict[tuple[int, int], bool] = {}
        for control, n, p in first:
            for cart, m, q in second:
                if (control, cart) not in holds:
                    answer = model.difference_above(
                        1, 0, np.array([[control, cart]]), np.array([[n, m]]), 0.15
                    )
                    holds[control, cart] = bool(answer[0] >= 0.9)
                expected += p * q * holds[control, cart]
        assert found[trial] == pytest.approx(expected, abs=1e-9)
    assert waited > 20  # floors: somebody waits


def test_who_is_to_come_where_an_arm_enters_is_its_share_while_it_is_open() -> None:
    """A third arm enters at month 22: the last numbers are worked out anew at the look."""
    raw = design([3.0, 6.0])
    raw["arms"]["other"] = {"product": "autologous", "enters": 22.0, "allocation": 2}
    raw["truth"]["other"] = {"same_as": "cart"}
    raw["randomisation"] = {"method": "permuted_blocks"}
    raw["enrolment"] = {"max_n": 60, "per_month": 2.0}
    conduct = first_look(raw, 4)
    found = conduct.records[0].probabilities["ahead"][:, 0]
    model = conduct.plan.fitted["dfr"][1]
    assert conduct.seen is not None
    allocation = [conduct.plan.design.arms[name].allocation for name in ("soc", "cart")]
    assert conduct.seen.snapshot.date.min() < 22.0 < conduct.seen.snapshot.date.max() + 8.0
    for trial in range(4):
        now = float(conduct.seen.snapshot.date[trial])
        enrolled = int(conduct.seen.snapshot.randomised[trial])
        of = conduct.population.arm[trial, :enrolled]
        alone = min(2.0 * max(22.0 - now, 0.0), 60 - enrolled)
        parts = [
            alone * part / sum(allocation) + (60 - enrolled - alone) * part / (sum(allocation) + 2)
            for part in allocation
        ]
        parts.append(60 - enrolled - sum(parts))
        whole = [int(part + 1e-9) for part in parts]
        first = sorted(range(3), key=lambda arm: round(whole[arm] - parts[arm], 9))
        for arm in first[: 60 - enrolled - sum(whole)]:
            whole[arm] += 1
        final = [int((of == arm).sum()) + whole[arm] for arm in (0, 1)]
        expected = 0.0
        for control, n, p in tables(Arm(conduct, trial, 0, [3.0, 6.0]), final[0], [3.0, 6.0]):
            for cart, m, q in tables(Arm(conduct, trial, 1, [3.0, 6.0]), final[1], [3.0, 6.0]):
                if p * q > 1e-10:
                    answer = difference_above(model, control, n, cart, m)
                    expected += p * q * (answer >= 0.9)
        assert found[trial] == pytest.approx(expected, abs=1e-6)
    assert 0.02 < found.mean() < 0.98


@functools.cache
def difference_above(model: Any, control: int, n: int, cart: int, m: int) -> float:
    seen = np.array([[control, cart, 0]]), np.array([[n, m, 0]])
    return float(model.difference_above(1, 0, *seen, 0.15)[0])


def looks_at(conduct: Kept, above: float) -> Floats:
    """The posterior probability of the rule at the first look, ``(trial,)``."""
    assert conduct.seen is not None
    question = replace(conduct.plan.rules[1].parts[0].question, value=above, against=())
    return conduct.seen.posterior("dfr").probability(question)


def mixture(arm: Arm, months: list[float]) -> list[tuple[float, float, float]]:
    """Weight and parameters of an arm's posterior: a beta for each number who will respond."""
    now = arm.analysed + arm.failed + sum(arm.waiting.values())
    return [
        (chance, 1.0 + arm.responders + more, 1.0 + now - arm.responders - more)
        for more, chance in arm.more(months).items()
    ]


@pytest.mark.parametrize("months", [[6.0], [3.0, 6.0], [3.0, 6.0, 9.0]])
def test_the_posterior_is_a_mixture_over_those_who_wait(months: list[float]) -> None:
    raw = design(months)
    raw["prediction"]["dfr"]["counts"] = "all"
    trials, above = 6, 0.15
    conduct = first_look(raw, trials)
    assert conduct.seen is not None
    found = looks_at(conduct, above)
    asked = replace(conduct.plan.rules[1].parts[0].question, against=())
    posterior = conduct.seen.posterior("dfr")
    mean, drawn = posterior.mean(asked), posterior.drawn(asked)
    node, weight = np.polynomial.legendre.leggauss(400)
    at = (1.0 - above) * (node + 1.0) / 2.0
    waited = 0
    for trial in range(trials):
        control, cart = (Arm(conduct, trial, arm, months, at_once=False) for arm in (0, 1))
        waited += sum(sum(arm.waiting.values()) for arm in (control, cart))
        density = sum(w * stats.beta(a, b).pdf(at) for w, a, b in mixture(control, months))
        beyond = sum(w * stats.beta(a, b).sf(at + above) for w, a, b in mixture(cart, months))
        expected = float((weight * density * beyond).sum()) * (1.0 - above) / 2.0
        assert found[trial] == pytest.approx(expected, abs=1e-9)
        means = [
            sum(w * a / (a + b) for w, a, b in mixture(arm, months)) for arm in (cart, control)
        ]
        assert mean[trial] == pytest.approx(means[0] - means[1], abs=1e-12)
        assert float((drawn[trial] > above).mean()) == pytest.approx(expected, abs=0.005)
    assert waited > 30  # floors: somebody waits


METHODS: list[tuple[Table, Table]] = [
    ({"method": "pooled"}, {"a": 5.0, "b": 57.0}),
    ({"method": "power", "weight": 0.5}, {"a": 3.0, "b": 29.0}),
    ({"method": "robust_map", "weight": 0.8, "heterogeneity": 0.5}, {}),
]


@pytest.mark.parametrize(("method", "written"), METHODS, ids=lambda one: one.get("method", ""))
def test_who_waits_counts_beside_what_is_borrowed(method: Table, written: Table) -> None:
    """What external data say is a prior, and the posterior that of the same prior in numbers."""
    raw = design([3.0, 6.0])
    raw["prediction"]["dfr"]["counts"] = "all"
    raw["external"] = {"registry": {"source": "a registry", "endpoint": "dfr", "responders": 4,
                                    "participants": 60}}  # fmt: skip
    raw["analysis"]["dfr"]["prior"] = {"soc": {"external": ["registry"]} | method}
    borrowing = first_look(raw, 6)
    assert borrowing.seen is not None
    by_arm = borrowing.plan.fitted["dfr"][1].priors
    if not written:
        parts = zip(by_arm[0].weights, by_arm[0].a, by_arm[0].b, strict=True)
        written = {"mixture": [{"weight": w, "a": a, "b": b} for w, a, b in parts]}
    other = {key: value for key, value in raw.items() if key != "external"}
    other["analysis"] = {"dfr": {"model": "beta_binomial", "prior": {"soc": written}}}
    told = first_look(other, 6)
    found, same = looks_at(borrowing, 0.15), looks_at(told, 0.15)
    assert found == pytest.approx(same, abs=1e-9)
    assert np.ptp(found) > 0.05
    prior = borrowing.plan.fitted["dfr"][0].borrowed(("soc", "cart"))["soc"]
    added = prior.added(0, borrowing.seen.summary("dfr"))
    assert np.isfinite(added.participants).all()


def test_where_everybody_has_reached_the_month_nothing_is_different() -> None:
    raw = design([3.0, 6.0])
    raw["rules"][1]["at_least"] = 1.0  # no trial ends at its first look
    raw["rules"][0]["below"] = 0.0
    plain = first_look(raw, 4)
    raw["prediction"]["dfr"]["counts"] = "all"
    every = first_look(raw, 4)
    for conduct in (plain, every):
        conduct.look(2)
    early, late = (
        [conduct.records[look].probabilities["efficacy"] for conduct in (plain, every)]
        for look in (0, 1)
    )
    assert np.isfinite(late[0]).all()
    assert (late[0] == late[1]).all()
    assert (early[0] != early[1]).all()


def test_a_failure_is_known_before_its_month_and_moves_no_look() -> None:
    with_, without = first_look(design([3.0, 6.0]), 30), first_look(design([]), 30)
    assert with_.seen is not None
    assert without.seen is not None
    assert (with_.seen.snapshot.date == without.seen.snapshot.date).all()
    assert (
        with_.records[0].probabilities["efficacy"][:, 0]
        == without.records[0].probabilities["efficacy"][:, 0]
    ).all()
    early = with_.seen.plan.design.endpoints["dfr"].early(
        "dfr", with_.seen.prepared["dfr"], with_.seen.snapshot, (3.0, 6.0)
    )
    assert early.failed.sum() > 10


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"prediction": {"dfr": {"from": [12.0]}}}, "prediction.dfr.from", "months before that"),
        ({"prediction": {"dfr": {"from": [6.0, 3.0]}}}, "prediction.dfr.from", "that increase"),
        ({"prediction": {"dfr": {"from": []}}}, "prediction.dfr.from", "at least one"),
        ({"prediction": {"dfr": {"from": [3.0], "counts": "x"}}}, "prediction.dfr.counts", "all"),
        ({"prediction": {"dfr": {"from": [3.0], "prior": 1e9}}}, "prediction.dfr.prior", "5,000,0"),
        ({"enrolment": {"max_n": 1002, "per_month": 20.0}}, "prediction.dfr", "at most 1,000"),
        ({"prediction": {"crs3": {"from": [0.5]}}}, "prediction.crs3", "of type landmark"),
        ({"prediction": {"drf": {"from": [3.0]}}}, "prediction.drf", "'dfr'?"),
        ({"prediction": {"remission": {"from": [3.0]}}}, "prediction.remission", "no rule"),
        (
            {"prediction": {"dfr": {"from": [3.0]}}, "analysis": {"dfr": {"model": "logistic",
             "prior": {"arm": {"dist": "normal", "mean": 0.0, "sd": 2.0}}}}},
            "prediction.dfr",
            "beta_binomial",
        ),
    ],
)  # fmt: skip
def test_what_cannot_tell_is_refused(change: Table, path: str, words: str) -> None:
    raw = copy.deepcopy(design([3.0])) | change
    with pytest.raises(ac.DesignError) as refused:
        Design(**raw)
    told = {problem.path: problem.message for problem in refused.value.problems}
    assert any(where.startswith(path) and words in said for where, said in told.items()), told


def test_what_is_compiled_is_said_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Design(**design([3.0])), Design(**design([3.0, 6.0]))
    monkeypatch.setattr(early_law_loops, "THERE", True)
    assert not any("numba" in line for line in told_early(two))
    monkeypatch.setattr(early_law_loops, "THERE", False)
    assert not any("numba" in line for line in told_early(one))
    assert any('"adaptive_cart[compiled]"' in line for line in told_early(two))


def test_a_direct_truth_does_not_say_the_states() -> None:
    raw = raw_design("goldilocks_allogeneic")
    raw["prediction"] = {"dfr": {"from": [3.0]}}
    with pytest.raises(ac.DesignError, match="does not say the states"):
        Design(**raw)


def test_a_rule_on_several_questions_is_predicted_with_earlier_months_too() -> None:
    def first(months: list[float], several: bool) -> Floats:
        raw = design(months)
        asked = {k: raw["rules"][1].pop(k) for k in ("posterior", "at_least")}
        if several:
            sure = {"endpoint": "dfr", "arm": "cart", "above": 0.0}
            raw["rules"][1]["all"] = [asked, {"posterior": sure, "at_least": 0.5}]
        else:
            raw["rules"][1] |= asked
        return first_look(raw, 6).records[0].probabilities["ahead"][:, 0]

    exact, drawn, without = first([3.0, 6.0], False), first([3.0, 6.0], True), first([], True)
    assert np.abs(drawn - exact).max() < 0.03  # three of the largest standard errors, 0.009
    assert np.abs(drawn - without).max() > 0.05


def test_the_equations_of_the_report_say_who_waits() -> None:
    raw = design([3.0, 6.0])
    raw["prediction"]["dfr"]["counts"] = "all"
    analysis = Plan.of(Design(**raw)).fitted["dfr"][0]
    assert any("who wait" in statement.words for statement in analysis.statements)
    for statement in analysis.statements:
        assert parsed(statement.source)
    told = list(told_early(Design(**raw)))
    assert len(told) == 1
    assert "and its posterior" in told[0]
    assert "months 3 and 6" in told[0]


def test_the_second_face_draws_those_who_wait_and_then_the_probability() -> None:
    raw = design([3.0, 6.0])
    raw["prediction"]["dfr"]["counts"] = "all"
    parts = [{"weight": 0.8, "a": 1.2, "b": 8.8}, {"weight": 0.2, "a": 1.0, "b": 1.0}]
    flat = {"a": 1.0, "b": 1.0}
    raw["analysis"]["dfr"]["prior"] = {"soc": {"mixture": parts}, "cart": flat}
    conduct, number = first_look(raw, 2), 200_000
    assert conduct.seen is not None
    asked = replace(conduct.plan.rules[1].parts[0].question, against=())
    reference = conduct.plan.fitted["dfr"][0].reference(("soc", "cart"), (), (1.0,))
    random = np.random.default_rng(1)
    for trial in (0, 1):
        data = reference.data(conduct.seen.summary("dfr"), trial, None, asked)
        moved = 1.0 + data["moved"]
        draws = {f"seen_{name}": np.broadcast_to(data[name] + 0.2, (1, number, *data[name].shape))
                 for name in ("successes", "totals", "waiting")}  # fmt: skip
        draws["responds"] = random.beta(moved[:, -1, :, 1], moved[:, -1, :, 0], (1, number, 2, 2))
        first, rest = moved[:, :1, :, 0], moved[:, :1, :, 1:]
        draws["first"] = random.beta(first, rest.sum(axis=-1), (1, number, 2, 1, 2))
        draws["second"] = random.beta(rest[..., 0], rest[..., 1], (1, number, 2, 1, 2))
        quantity = reference.quantity(draws, asked)
        for above in (0.0, 0.15, 0.3):
            fast = looks_at(conduct, above)[trial]
            error = np.sqrt(fast * (1.0 - fast) / number)
            assert abs((quantity > above).mean() - fast) < 4.0 * error


@pytest.mark.parametrize("missing", ["exclude", "non_response"])
def test_nobody_is_seen_to_fail_after_dropout(missing: str) -> None:
    raw = design([3.0, 6.0])
    raw["endpoints"]["dfr"]["missing"] = missing
    raw["truth"]["dropout"] = {"per_year": 1.5}
    for arm in ("soc", "cart"):
        raw["truth"][arm]["rescue"] = {"per_year": 1.5}
    conduct = first_look(raw, 20)
    assert conduct.seen is not None
    population, course = conduct.population, conduct.population.course
    assert course is not None
    today = conduct.seen.snapshot.date[:, None] - population.arrival
    fails, leaves = np.minimum(course.rescue, course.death), course.dropout
    seen = (fails <= today) & ((fails <= leaves) | (missing == "non_response"))
    if missing == "non_response":  # leaving is a failure itself
        seen |= leaves <= today
    waiting = (today >= 0.0) & (today < 12.0) & np.isfinite(population.arrival)
    enrolled = np.arange(waiting.shape[1]) < conduct.seen.snapshot.randomised[:, None]
    found = conduct.seen.early("dfr").failed.sum(axis=(1, 2))
    np.testing.assert_array_equal(found, (seen & waiting & enrolled).sum(axis=1))
    after = (fails <= today) & (fails > leaves) & waiting & enrolled
    assert after.any()


@pytest.mark.parametrize("missing", ["exclude", "impute"])
def test_what_comes_after_dropout_teaches_nothing(missing: str) -> None:
    raw = design([3.0, 6.0])
    raw["endpoints"]["dfr"] |= {"missing": missing}
    raw["truth"]["dropout"] = {"per_year": 1.0}
    conduct = first_look(raw, 20)
    assert conduct.seen is not None
    population, course = conduct.population, conduct.population.course
    assert course is not None
    there = conduct.seen.snapshot.date[:, None] - population.arrival >= 12.0 - 1e-9
    there &= np.arange(there.shape[1]) < conduct.seen.snapshot.randomised[:, None]
    fails = np.minimum(course.rescue, course.death)
    seen = there & (fails > 6.0) & (course.dropout > 6.0)
    left = seen & (course.dropout < np.minimum(fails, 12.0))
    moved = conduct.seen.early("dfr").moved[:, :, -1, :, :2].sum(axis=(1, 2, 3))
    assert left.any()
    np.testing.assert_array_equal(moved, (seen & ~left).sum(axis=1))
