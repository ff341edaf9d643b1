"""Tests without a prior: their statistics, their intervals, and boundaries by alpha spending."""

from __future__ import annotations

import itertools
import math
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from adaptive_cart.design.design import Design
from adaptive_cart.design.spending import planned_bounds
from adaptive_cart.errors import DesignError
from adaptive_cart.figures.tables_rules import boundary_tables
from adaptive_cart.figures.words_rules import say_boundaries
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.classical.alpha_spending import Spending, spent
from adaptive_cart.models.classical.classical_analysis import OfProportions, OfTimes
from adaptive_cart.models.classical.logrank import FineIntervals, at_risk, hazard_ratio, logrank
from adaptive_cart.models.classical.proportions import likeliest, z_of_two
from adaptive_cart.models.classical.worked_out_anew import of_proportions
from adaptive_cart.models.classical.worked_out_anew import of_times as times_anew
from adaptive_cart.models.reference import OneTrial
from adaptive_cart.nouns.questions import ALL, KINDS, OPEN, Question
from adaptive_cart.nouns.summaries import Counts, Durations
from adaptive_cart.running.run import simulate
from checks import raw_design


def efficacy_bounds(
    information: Any,
    most: int,
    error: float,
    fineness: int = 16,
    reached: Any = None,
    shape: str = "obrien_fleming",
) -> tuple[float, ...]:
    """Boundaries of looks of which the last is the trial's last."""
    spending = Spending(error, shape, most)
    return spending.bounds(tuple(information), reached, fineness=fineness)


# ── boundaries by alpha spending ──────────────────────────────────────────────────────────────
# Lan-DeMets boundaries of the O'Brien-Fleming type at equally spaced looks, one-sided 0.025 (the
# upper ones of two-sided 0.05), as printed by ld98 (Reboussin et al. 2000, Control Clin Trials
# 21:190), ldbounds and gsDesign. Four decimals are published, the last of which is not sure:
# adaptive quadrature (the next test) gives 3.35701 where 3.3569 is printed. So two units of it.
PUBLISHED = {
    1: (1.9600,),
    2: (2.9626, 1.9686),
    3: (3.7103, 2.5114, 1.9930),
    4: (4.3326, 2.9631, 2.3590, 2.0141),
    5: (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
}


@pytest.mark.parametrize("looks", PUBLISHED)
def test_boundaries_are_the_published_ones(looks: int) -> None:
    found = efficacy_bounds(tuple(range(1, looks + 1)), looks, 0.025)
    assert found == pytest.approx(PUBLISHED[looks], abs=2e-4)


def test_second_boundary_against_adaptive_quadrature() -> None:
    """The second look alone, by another integration rule; our grid leaves 3e-6."""
    from scipy.integrate import quad

    for early, late in [(0.2, 0.4), (0.4, 1.0), (1 / 3, 2 / 3)]:
        first, bound = efficacy_bounds((round(3000 * early), round(3000 * late)), 3000, 0.025)
        root = stats.norm.ppf(1.0 - 0.0125)
        due = [2.0 * stats.norm.sf(root / math.sqrt(part)) for part in (early, 1.0)]
        due[1] = 0.025  # the last look spends all
        ratio = late / early

        def crosses(z: float, ratio: float = ratio, bound: float = bound) -> float:
            reach = (bound * math.sqrt(ratio) - z) / math.sqrt(ratio - 1.0)
            return float(stats.norm.pdf(z) * stats.norm.sf(reach))

        mass, _ = quad(crosses, -12.0, first, epsabs=1e-14, epsrel=1e-12)
        assert stats.norm.sf(first) == pytest.approx(due[0], rel=1e-9)
        # an error of 3e-6 in the bound moves the mass by that times a density of at most 0.06
        assert mass == pytest.approx(due[1] - due[0], abs=2e-7)


@pytest.mark.parametrize(
    ("information", "error"), [((36, 60, 90), 0.025), ((20, 90), 0.05), ((10, 45, 80), 0.10)]
)
def test_boundaries_spend_what_the_function_says(information: Any, error: float) -> None:
    """Against multivariate normal probabilities, whose own error is 1e-5 or so."""
    most = information[-1]
    bounds = efficacy_bounds(information, most, error)
    correlation = np.sqrt(np.minimum.outer(information, information)) / np.sqrt(
        np.maximum.outer(information, information)
    )
    for look in range(1, len(information) + 1):
        stays = stats.multivariate_normal.cdf(
            np.array(bounds[:look]),
            np.zeros(look),
            correlation[:look, :look],
            abseps=1e-7,
            releps=1e-7,
            maxpts=2_000_000,
        )
        quantile = stats.norm.ppf(1 - error / 2)
        function = 2 * (1 - stats.norm.cdf(quantile / math.sqrt(information[look - 1] / most)))
        assert 1.0 - stays == pytest.approx(function, abs=3e-5)


def test_grid_is_fine_enough() -> None:
    for information in (tuple(range(1, 11)), (36, 60, 90), (60, 105, 150)):
        usual = efficacy_bounds(information, information[-1], 0.025)
        fine = efficacy_bounds(information, information[-1], 0.025, 64)
        assert usual == pytest.approx(fine, abs=3e-6)


def test_a_look_without_new_information_has_no_boundary() -> None:
    bounds = efficacy_bounds((0, 30, 30, 90), 90, 0.025)
    assert bounds[0] == bounds[2] == math.inf
    assert bounds[1] == pytest.approx(-stats.norm.ppf(spent(1 / 3, 0.025)))
    short = efficacy_bounds(
        (30, 60, 80), 90, 0.025
    )  # fewer than planned: all is spent all the same
    full = efficacy_bounds((30, 60, 80), 80, 0.025)
    assert short[-1] < full[-1]


def test_z_is_the_root_of_the_chi_square_of_the_table() -> None:
    for x0, n0, x1, n1 in [(3, 20, 15, 40), (10, 50, 4, 25), (1, 7, 6, 7)]:
        table = [[x0, n0 - x0], [x1, n1 - x1]]
        square = stats.chi2_contingency(table, correction=False).statistic
        z = z_of_two(
            (np.array([x0]), np.array([x1])),
            (np.array([n0]), np.array([n1])),
        )[0]
        assert z == pytest.approx(math.copysign(math.sqrt(square), x1 / n1 - x0 / n0))
    nobody = z_of_two((np.array([0, 0]), np.array([0, 3])), (np.array([5, 0]), np.array([5, 4])))
    assert nobody.tolist() == [0.0, 0.0]


# ── the logrank test and the hazard ratio ─────────────────────────────────────────────────────
# Weeks in remission on 6-mercaptopurine and on placebo, negative where censored (Freireich et al.
# 1963, Blood 21:699)
ON_DRUG = (6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35)
ON_PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)


def risk_of(control: Any, experimental: Any) -> Any:
    """One trial of times, negative where censored, in any order."""
    both = np.array([*control, *experimental], dtype=float)[None]
    mine = np.arange(both.shape[1])[None] >= len(control)
    return at_risk(np.abs(both), both > 0, ~mine, mine)


def test_logrank_of_the_leukaemia_trial_is_the_published_one() -> None:
    """As R's survdiff prints it: 9 relapses against 19.3 expected, chi-square 16.8."""
    weeks = np.abs([*ON_PLACEBO, *ON_DRUG])
    assert (round(weeks.mean(), 2), float(np.median(weeks))) == (12.88, 10.5)  # the right data
    risk = risk_of(ON_PLACEBO, ON_DRUG)
    share = risk.experimental / np.maximum(risk.control + risk.experimental, 1)
    assert risk.of_experimental.sum() == 9
    assert risk.total[0] == 30
    assert round(float((risk.events * share).sum()), 1) == 19.3
    z = float(logrank(risk)[0])
    assert round(z**2, 1) == 16.8
    assert z < 0.0


def several_trials(seed: int, ties: bool) -> list[tuple[Any, Any]]:
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(30):
        n = generator.integers(2, 25, 2)
        times = [generator.exponential(10.0, size) + 0.1 for size in n]
        times = [np.ceil(part) if ties else part for part in times]
        found.append(tuple(part * generator.choice([1, 1, -1], len(part)) for part in times))
    return found


@pytest.mark.parametrize("ties", [False, True])
def test_logrank_is_that_of_another_implementation(ties: bool) -> None:
    """SciPy's, trial by trial; the counts are whole numbers, so that only rounding is left."""
    for control, other in several_trials(1, ties):
        samples = [
            stats.CensoredData(uncensored=part[part > 0], right=-part[part < 0])
            for part in (other, control)
        ]
        if not any((part > 0).any() for part in (control, other)):
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = stats.logrank(*samples).statistic
        found = float(logrank(risk_of(control, other))[0])
        assert found == pytest.approx(expected if np.isfinite(expected) else 0.0, abs=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_hazard_ratio_is_the_highest_partial_likelihood(ties: bool) -> None:
    """Each event against everybody at risk then, participant by participant."""
    for control, other in several_trials(2, ties):
        time = np.abs(np.concatenate([control, other]))
        event = np.concatenate([control, other]) > 0
        group = np.repeat([0.0, 1.0], [len(control), len(other)])

        def loss(log_ratio: float, time: Any = time, event: Any = event, group: Any = group) -> Any:
            total = 0.0
            for person in np.flatnonzero(event):
                there = time >= time[person]
                weights = np.exp(log_ratio * group[there]).sum()
                total += log_ratio * group[person] - math.log(weights)
            return -total

        found = float(hazard_ratio(risk_of(control, other))[0])
        if not 0.0 < found < math.inf:  # then the likelihood rises to the very end
            if not math.isnan(found):
                assert loss(20.0 if found else -20.0) <= loss(19.0 if found else -19.0)
            continue
        best = optimize.minimize_scalar(loss, bounds=(-12, 12), options={"xatol": 1e-9}).x
        # the likelihood is flat at its top: half the digits of its own
        assert math.log(found) == pytest.approx(best, abs=1e-6)


def test_nobody_to_compare() -> None:
    """No event; events in one arm alone; nobody in an arm; the last one has the event."""
    assert logrank(risk_of((-3, -4), (-2, -5))).tolist() == [0.0]
    assert math.isnan(hazard_ratio(risk_of((-3, -4), (-2, -5)))[0])
    assert hazard_ratio(risk_of((3, 4), (-9, -9))).tolist() == [0.0]
    assert hazard_ratio(risk_of((-9, -9), (3, 4))).tolist() == [math.inf]
    assert logrank(risk_of((), (3, 4))).tolist() == [0.0]
    assert math.isnan(hazard_ratio(risk_of((), (3, 4)))[0])


def test_a_trial_does_not_depend_on_those_beside_it() -> None:
    pairs = several_trials(3, ties=True)[:8]
    width = max(len(a) + len(b) for a, b in pairs)
    months, event, mine, control = (
        np.zeros((8, width), dtype=t) for t in (float, bool, bool, bool)
    )
    for row, (first, second) in enumerate(pairs):
        both = np.concatenate([first, second])
        months[row, : len(both)], event[row, : len(both)] = np.abs(both), both > 0
        control[row, : len(first)] = True
        mine[row, len(first) : len(both)] = True
    together = at_risk(months, event, control, mine)
    alone = [risk_of(*pair) for pair in pairs]
    assert logrank(together) == pytest.approx([logrank(risk)[0] for risk in alone], rel=1e-12)
    ratios = [hazard_ratio(risk)[0] for risk in alone]
    assert hazard_ratio(together) == pytest.approx(ratios, rel=1e-12)


# ── boundaries ────────────────────────────────────────────────────────────────────────────────
# As printed for sfLDOF by the R packages gsDesign (3 equal looks), gsDesign2 (first look at 0.6)
# and rpact (asOF, 2 equal looks), one-sided 0.025. Their grids leave 1e-5 (gsDesign prints 2.511427
# where gsDesign2 has 2.511434).
PRINTED = [
    ((30, 60, 90), (3.710303, 2.511427, 1.993048)),
    ((45, 90), (2.962588, 1.968596)),
    ((54, 90), (2.668630,)),
]


@pytest.mark.parametrize(("events", "printed"), PRINTED)
def test_boundaries_by_events_are_the_printed_ones(events: Any, printed: Any) -> None:
    assert efficacy_bounds(events, events[-1], 0.025)[: len(printed)] == pytest.approx(
        printed, abs=2e-5
    )
    assert spent(0.6, 0.025) == pytest.approx(0.003808063, abs=5e-10)  # gsDesign, at 18 of 30


def test_several_arms_spend_by_what_the_whole_trial_has_seen() -> None:
    """Against multivariate normal probabilities, whose own error is 1e-5 or so."""
    information, reached = (14, 31, 40), (30, 60, 90)
    bounds = efficacy_bounds(information, 90, 0.0125, reached=reached)
    roots = np.sqrt(information)
    correlation = np.minimum.outer(roots, roots) / np.maximum.outer(roots, roots)
    for look in range(1, 4):
        stays = stats.multivariate_normal.cdf(
            np.array(bounds[:look]), np.zeros(look), correlation[:look, :look],
            abseps=1e-7, releps=1e-7, maxpts=2_000_000,
        )  # fmt: skip
        quantile = stats.norm.ppf(1 - 0.0125 / 2)
        function = 2 * (1 - stats.norm.cdf(quantile / math.sqrt(reached[look - 1] / 90)))
        assert 1.0 - stays == pytest.approx(function, abs=3e-5)


# Lan-DeMets boundaries of the Pocock type at equally spaced looks, one-sided 0.025, as printed by
# rpact (asP) and ldbounds.
POCOCK = {2: (2.157, 2.201), 5: (2.438, 2.427, 2.410, 2.397, 2.386)}


@pytest.mark.parametrize("looks", POCOCK)
def test_boundaries_of_pococks_type_are_the_published_ones(looks: int) -> None:
    found = efficacy_bounds(range(1, looks + 1), looks, 0.025, shape="pocock")
    assert found == pytest.approx(POCOCK[looks], abs=6e-4)
    assert spent(1.0, 0.025, "pocock") == pytest.approx(0.025, abs=1e-15)


def test_a_look_that_is_not_the_last_spends_only_what_is_due() -> None:
    spending = Spending(0.025, "obrien_fleming", 90)
    whole = spending.bounds((30, 60, 90))
    assert spending.bounds((30, 60), ended=False) == whole[:2]
    assert spending.bounds((30, 60))[1] < whole[1]
    last = np.array([False, True])
    both = np.repeat([[30], [60]], 2, axis=1)
    found = spending.thresholds(both, both, last)
    expected = stats.norm.cdf([whole[1], spending.bounds((30, 60))[1]])
    assert found == pytest.approx(expected, abs=1e-15)


# ── other differences than none, and intervals ────────────────────────────────────────────────
TABLES = [(3, 20, 15, 40), (10, 50, 4, 25), (1, 7, 6, 7), (0, 12, 5, 9), (6, 6, 2, 8)]


@pytest.mark.parametrize("difference", [-0.3, -0.05, 0.1, 0.4])
@pytest.mark.parametrize("table", TABLES)
def test_the_likeliest_proportions_that_lie_a_difference_apart(
    table: tuple[int, int, int, int], difference: float
) -> None:
    """By maximising the likelihood of the two binomials over the first proportion."""
    x0, n0, x1, n1 = table

    def loss(p0: float) -> float:
        both = stats.binom.logpmf(x0, n0, p0) + stats.binom.logpmf(x1, n1, p0 + difference)
        return -float(both)

    inside = max(0.0, -difference), min(1.0, 1.0 - difference)
    best = optimize.minimize_scalar(loss, bounds=inside, options={"xatol": 1e-11}).x
    p0, p1 = likeliest(*(np.array([v]) for v in (x0 / n0, x1 / n1, n0 / n1)), difference)
    # the likelihood is flat at its top: half the digits of its own
    assert (p0[0], p1[0]) == pytest.approx((best, best + difference), abs=2e-5)
    z = z_of_two((np.array([x0]), np.array([x1])), (np.array([n0]), np.array([n1])), difference)[0]
    spread = math.sqrt(best * (1 - best) / n0 + (best + difference) * (1 - best - difference) / n1)
    assert z == pytest.approx((x1 / n1 - x0 / n0 - difference) / spread, rel=1e-3)


def asked(table: tuple[int, int, int, int]) -> OfProportions:
    x0, n0, x1, n1 = table
    successes, totals = np.array([[[x0], [x1]]]), np.array([[[n0], [n1]]])
    return OfProportions(summary=Counts(successes, totals, 0 * totals, totals))


@pytest.mark.parametrize("difference", [-0.3, -0.1, 0.05, 0.1, 0.2, 0.25, 0.35])
def test_a_tie_with_a_margin_is_on_neither_side(difference: float) -> None:
    """Every table of arms of 10 and 20, and of 12 and 15: the sign is that of exact fractions."""
    written, ties = Fraction(str(difference)), 0
    for n0, n1 in ((10, 10), (10, 20), (20, 20), (12, 15)):
        x0, x1 = (part.reshape(-1) for part in np.indices((n0 + 1, n1 + 1)))
        z = z_of_two((x0, x1), (np.full_like(x0, n0), np.full_like(x1, n1)), difference)
        exact = [
            Fraction(int(b), n1) - Fraction(int(a), n0) - written
            for a, b in zip(x0, x1, strict=True)
        ]
        assert np.sign(z).tolist() == [(part > 0) - (part < 0) for part in exact]
        ties += sum(part == 0 for part in exact)
    assert ties >= 10
    tied = asked((4, 10, 5, 10)).probability(Question("dfr", 1, 0, value=0.1))
    assert tied.tolist() == [0.5]


@pytest.mark.parametrize("table", TABLES)
def test_what_is_not_rejected_of_one_arm_is_wilsons_interval(
    table: tuple[int, int, int, int],
) -> None:
    _, _, x1, n1 = table
    wilson = stats.binomtest(x1, n1).proportion_ci(0.95, "wilson")
    tested = asked(table)
    for end in wilson:
        for value, inside in ((end + 1e-6, end == wilson[0]), (end - 1e-6, end == wilson[1])):
            if not 0.0 < value < 1.0:
                continue
            assert tested.covers(Question("dfr", 1, value=value), 0.95)[0] == inside
    assert tested.mean(Question("dfr", 1))[0] == x1 / n1


def test_answers_are_one_less_the_p_value() -> None:
    """Of SciPy's chi-square without continuity correction, halved on the side of the difference."""
    for x0, n0, x1, n1 in TABLES:
        table = [[x0, n0 - x0], [x1, n1 - x1]]
        two_sided = stats.chi2_contingency(table, correction=False).pvalue
        one_sided = two_sided / 2 if x1 / n1 > x0 / n0 else 1.0 - two_sided / 2
        tested = asked((x0, n0, x1, n1))
        above, below = (
            float(tested.probability(Question("dfr", 1, 0, above=side))[0])
            for side in (True, False)
        )
        assert above == pytest.approx(1.0 - one_sided, abs=1e-12)
        assert above + below == pytest.approx(1.0, abs=1e-15)
        assert [part.tolist() for part in tested.information(Question("dfr", 1, 0))] == [
            [n0 + n1], [n0 + n1],
        ]  # fmt: skip


@pytest.mark.parametrize("ties", [False, True])
def test_ratios_that_the_score_does_not_reject_hold_the_estimate(ties: bool) -> None:
    """The score falls as the tested ratio rises, and is zero at Cox's estimate."""
    for control, other in several_trials(5, ties):
        risk = risk_of(control, other)
        estimate = float(hazard_ratio(risk)[0])
        if not 0.0 < estimate < math.inf:
            continue
        assert logrank(risk, estimate)[0] == pytest.approx(0.0, abs=1e-8)
        ratios = estimate * np.exp(np.linspace(-1.5, 1.5, 13))
        scores = [float(logrank(risk, ratio)[0]) for ratio in ratios]
        assert all(later < earlier for earlier, later in itertools.pairwise(scores))


def test_short_intervals_add_up_to_events_and_time() -> None:
    months = np.array([[0.1, 0.25, 3.9, 130.0, 7.0]])
    event = np.array([[True, True, False, True, True]])
    included = np.array([[True, True, True, True, False]])
    events, time = FineIntervals().split(months, event, included)
    assert events.sum() == 3
    assert events[0, :2].tolist() == [1, 1]
    assert time.sum() == pytest.approx(0.1 + 0.25 + 3.9 + 130.0)
    assert time[0, 0] == pytest.approx(0.1 + 3 * 0.25)


@pytest.mark.parametrize("name", ["proportions_test", "logrank_test"])
def test_a_test_has_no_prior_and_no_reference(name: str) -> None:
    analysis = ANALYSES[name].model_validate({"model": name})
    assert not analysis.bayesian
    with pytest.raises(DesignError, match="is a test and has no posterior"):
        analysis.reference(("soc", "cart"), (), (1.0,))


# ── the design file ───────────────────────────────────────────────────────────────────────────
def spends(**changes: Any) -> dict[str, Any]:
    raw = raw_design("hello")
    raw["analysis"] = {"dfr": {"model": "proportions_test"}}
    raw["rules"] = [{**raw["rules"][0], "at_least": {"alpha": 0.025}, **changes}]
    return raw


@pytest.mark.parametrize("name", [n for n, a in ANALYSES.items() if not a.bayesian])
def test_a_test_is_asked_for_nothing_that_would_be_drawn(name: str) -> None:
    test = ANALYSES[name]
    assert {kind.name for kind in KINDS.values() if test.can_be_asked(kind)} == set(test.answers)


def test_a_rule_may_not_ask_a_test_which_arm_is_best() -> None:
    raw = raw_design("products_multiarm")
    raw.pop("randomisation")
    raw["analysis"] = {"dfr": {"model": "proportions_test"}}
    asked = {"endpoint": "dfr", "arm": "each", "best": True}
    raw["rules"] = [
        raw["rules"][0],
        {"name": "drop", "then": "drop_arm", "posterior": asked, "below": 0.05},
    ]
    with pytest.raises(DesignError, match="'proportions_test' cannot be asked for the best arm"):
        Design(**raw)


def test_a_design_that_spends_alpha_has_a_threshold_a_look() -> None:
    design = Design(**spends())
    (rule,) = design.rules
    bounds = Spending(0.025, "obrien_fleming", 150).bounds((60, 105, 150))
    found = [design.threshold_at(rule, look) for look in (1, 2, 3)]
    assert found == pytest.approx(stats.norm.cdf(bounds), abs=1e-15)
    assert Design(**tomllib.loads(design.as_toml())) == design


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"then": "declare_futility"}, "rules[0].at_least", "a rule that declares success"),
        ({"at_least": None, "below": {"alpha": 0.025}}, "rules[0].below", "declares success"),
        ({"every": 3}, "rules[0].every", "spent at looks"),
        ({"at_least": {"alpha": 0.6}}, "rules[0].at_least.alpha", "less than 0.5"),
        ({"at_least": {"alpha": 0.1, "spending": "haybittle"}}, "rules[0].at_least.spending",
         "obrien_fleming"),
    ],
)  # fmt: skip
def test_alpha_is_for_tests_that_declare_success(
    change: dict[str, Any], path: str, words: str
) -> None:
    raw = spends(**change)
    raw["rules"][0] = {key: value for key, value in raw["rules"][0].items() if value is not None}
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert words in str(problem)


def test_alpha_is_not_spent_by_a_posterior_probability() -> None:
    raw = spends()
    raw["analysis"] = {}
    with pytest.raises(DesignError, match=r"rules\[0\]\.at_least.*gives a posterior probability"):
        Design(**raw)


def of_times(**endpoints: Any) -> dict[str, Any]:
    """Looks by events of the primary, and further endpoints beside it."""
    raw = raw_design("durability_event_driven")
    raw["endpoints"] = {"relapse": {**raw["endpoints"]["relapse"], "primary": True}, **endpoints}
    raw["analysis"] = {"relapse": {"model": "logrank_test"}}
    raw["rules"][0]["at_least"] = {"alpha": 0.025}
    for truths in raw["scenarios"].values():
        truths |= {name: truths["relapse"] for name in endpoints}
    return raw


def test_alpha_of_a_proportion_is_not_spent_at_looks_by_events() -> None:
    raw = of_times(dfr={"type": "landmark", "month": 3})
    for truths in raw["scenarios"].values():
        truths["dfr"] = {"withdraw_late": 0.2, "consolidate": 0.2}
    raw["analysis"]["dfr"] = {"model": "proportions_test"}
    raw["rules"][0]["posterior"] = {
        "endpoint": "dfr", "arm": "consolidate", "minus": "withdraw_late", "above": 0.0
    }  # fmt: skip
    with pytest.raises(
        DesignError, match=r"rules\[0\]\.at_least.*'dfr'.*counts participants.*write"
    ):
        Design(**raw)


def test_alpha_of_times_is_spent_by_the_events_of_the_primary_alone() -> None:
    raw = of_times(flare={"type": "time_to_event", "horizon": 36})
    assert Design(**raw).rules
    raw["analysis"]["flare"] = {"model": "logrank_test"}
    raw["rules"][0]["posterior"]["endpoint"] = "flare"
    with pytest.raises(
        DesignError, match=r"rules\[0\]\.at_least.*'flare'.*primary 'relapse'; write"
    ):
        Design(**raw)


@pytest.mark.parametrize("looks", [{"months": [20, 30, 38]}, {"enrolled": [80, 120, 150]}])
def test_planned_boundaries_are_of_those_whose_endpoint_is_known(looks: dict[str, Any]) -> None:
    """Five a month, known after twelve: 40, 90 and 130 at months 20, 30 and 38."""
    raw = spends() | {"looks": {**looks, "final": "all_observed"}}
    raw["endpoints"]["dfr"]["month"] = 12
    raw["enrolment"] = {"max_n": 150, "per_month": 5}
    design = Design(**raw)
    seen = (40, 90, 130, 150) if "months" in looks else (20, 60, 90, 150)
    found = planned_bounds(design, design.rules[0])
    assert list(found) == [1, 2, 3, 4]
    assert tuple(found.values()) == Spending(0.025, "obrien_fleming", 150).bounds(seen)


def test_planned_boundaries_are_not_drawn_against_what_trials_have_seen(tmp_path: Path) -> None:
    raw = spends() | {"looks": {"months": [20, 30, 40]}}
    futile = {**raw["rules"][0], "name": "futile", "then": "declare_futility", "below": 0.1}
    raw["rules"].append({key: value for key, value in futile.items() if key != "at_least"})
    result = simulate(Design(**raw), trials=40, engine="simulate", jobs=1, out=tmp_path / "run")
    tables = boundary_tables(result)
    assert isinstance(tables, dict)
    assert set(tables["seen"]["rule"]) == {"futile"}
    assert "Not drawn: efficacy, with thresholds by alpha spending" in say_boundaries(tables)


# ── the other code that `verify` holds them against ───────────────────────────────────────────
def test_other_code_says_the_same_of_proportions() -> None:
    random, trials = np.random.default_rng(1), 60
    totals = random.integers(0, 30, (trials, 2, 2))
    successes = random.binomial(totals, random.random((trials, 2, 1)))
    counts = Counts(successes, totals, 0 * totals, totals)
    open_strata = random.random((trials, 2)) < 0.7
    for value, above, stratum, minus in itertools.product(
        (0.0, 0.1, -0.2, 0.5), (True, False), (ALL, 0, OPEN), (0, None)
    ):
        if minus is None and value <= 0.0:
            continue
        question = Question("dfr", 1, minus, stratum=stratum, value=value, above=above)
        fast = OfProportions(open_strata, summary=counts).computed(question)
        again = [
            of_proportions(OneTrial(counts, k, open_strata[k], question)) for k in range(trials)
        ]
        assert fast == pytest.approx(again, abs=1e-7), question


@pytest.mark.parametrize("value", [-0.97, 0.97])
def test_other_code_says_the_same_of_a_margin_that_few_proportions_can_have(value: float) -> None:
    tables = np.array([*itertools.product((0, 3, 12, 20), repeat=2)])[:, :, None]
    totals = np.full(tables.shape, 20)
    counts = Counts(tables, totals, 0 * totals, totals)
    question = Question("dfr", 1, 0, value=value)
    again = [of_proportions(OneTrial(counts, k, question=question)) for k in range(len(tables))]
    assert OfProportions(None, summary=counts).computed(question) == pytest.approx(again, abs=1e-7)


def test_other_code_says_the_same_of_times() -> None:
    random, shape = np.random.default_rng(2), (60, 40)
    months = random.exponential(5.0, shape)
    months[::2] = np.ceil(months[::2])  # ties
    event, included = (random.random(shape) < random.random((60, 1)) for _ in range(2))
    arm, stratum = (random.integers(0, 2, shape) for _ in range(2))
    seen = Durations.of(months, event, included, arm, stratum, (2, 2))
    open_strata = random.random((60, 2)) < 0.7
    for value, where in itertools.product((1.0, 0.5, 1.3), (ALL, 0, OPEN)):
        question = Question(
            "flare", 1, 0, kind="hazard_ratio", stratum=where, value=value, above=False
        )
        fast = OfTimes(open_strata, summary=seen).computed(question)
        again = [times_anew(OneTrial(seen, k, open_strata[k], question)) for k in range(60)]
        assert fast == pytest.approx(again, abs=1e-12), question
