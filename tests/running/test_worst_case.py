"""The worst case of an error: against the twin's enumeration, and a certificate that can break."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError, InputError
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.worst_case import Certificate, Place, Stated, WorstCase
from adaptive_cart.running import bernstein, certificate
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.certificate import cells, certify, random_points, tried
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.null_region import effects_of, rate_points
from adaptive_cart.running.region import region_of, with_threshold
from adaptive_cart.running.worst_case import _line, worst_case
from checks import raw_design
from twin import enumeration

ALL = (0.0, 1.0)
HELLO = Path(__file__).parents[2] / "designs" / "hello.toml"


def small(margin: float = 0.0, threshold: float = 0.95) -> dict[str, Any]:
    """Two looks of 12 and 24 participants, one in three in the control, with futility."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"] = 24
    raw["looks"]["observed"] = [12, 24]
    raw["rules"][0]["posterior"]["above"] = margin
    raw["rules"][0]["at_least"] = threshold
    raw["rules"][1]["looks"] = [1]
    return raw


def equivalence() -> dict[str, Any]:
    """Success for a difference that is neither large nor very negative: two margins."""
    raw = small()
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc"}
    parts = [
        {"posterior": asked | side, "at_least": 0.7} for side in ({"above": -0.3}, {"below": 0.3})
    ]
    raw["rules"] = [{"name": "alike", "then": "declare_success", "all": parts}]
    return raw


def two_claims() -> dict[str, Any]:
    raw = small(0.0)
    more = copy.deepcopy(raw["rules"][0]) | {"name": "much", "at_least": 0.8}
    more["posterior"]["above"] = 0.2
    raw["rules"] = [more, raw["rules"][0]]
    return raw


def less() -> dict[str, Any]:
    raw = small()
    raw["rules"][0]["posterior"] = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "below": 0.1}
    del raw["rules"][1]
    return raw


def alone() -> dict[str, Any]:
    raw = small()
    raw["rules"][0]["posterior"] = {"endpoint": "dfr", "arm": "cart", "above": 0.4}
    return raw


def either() -> dict[str, Any]:
    raw = small()
    asked = {"endpoint": "dfr", "arm": "cart"}
    parts = [
        {"posterior": asked | {"minus": "soc", "above": 0.1}, "at_least": 0.9},
        {"posterior": asked | {"above": 0.5}, "at_least": 0.8},
    ]
    raw["rules"] = [{"name": "either", "then": "declare_success", "any": parts}]
    return raw


DESIGNS = {
    "no margin": small(),
    "superiority by a margin": small(0.15),
    "non-inferiority": small(-0.15),
    "a claim of less": less(),
    "one arm alone": alone(),
    "two claims": two_claims(),
    "either of two": either(),
    "equivalence": equivalence(),
}


def of(raw: dict[str, Any]) -> ExactError:
    return ExactError(Design(**raw), set(), ALL)


def by_twin(raw: dict[str, Any], rates: Any, measure: str = "success") -> list[float]:
    """Probability of success at pairs of rates, by the twin."""
    tables = copy.deepcopy(raw)
    tables["scenarios"] = {
        f"point{place}": {"dfr": {"soc": float(control), "cart": float(other)}}
        for place, (control, other) in enumerate(rates)
    }
    found = enumeration.enumerate_design(tables)
    return [found[name, measure, None, None] for name in tables["scenarios"]]


# ── polynomials ───────────────────────────────────────────────────────────────────────────────
def test_coefficients_along_a_line_are_errors_of_trials_with_two_rates() -> None:
    """From the words: k of the 3 + 2, all choices alike, have the rates of the upper end."""
    from itertools import combinations, product

    event = np.random.default_rng(1).random((4, 3))
    first, other = (0.2, 0.7), (0.5, 0.1)
    found = bernstein.along(event, first, other)
    arms = [0, 0, 0, 1, 1]
    for k in range(6):
        every = []
        for chosen in combinations(range(5), k):
            rates = [(first, other)[arm][person in chosen] for person, arm in enumerate(arms)]
            every.append(
                sum(
                    event[sum(outcome[:3]), sum(outcome[3:])]
                    * np.prod([r if y else 1 - r for r, y in zip(rates, outcome, strict=True)])
                    for outcome in product((0, 1), repeat=5)
                )
            )
        assert found[k] == pytest.approx(np.mean(every), abs=1e-14)


def test_halves_are_the_same_polynomial() -> None:
    coefficients = np.random.default_rng(2).random(9)
    lower, upper = bernstein.halved(coefficients)

    def value(of_: Any, x: float) -> float:
        return float(of_ @ stats.binom.pmf(np.arange(9), 8, x))

    for x in (0.0, 0.3, 1.0):
        assert value(lower, x) == pytest.approx(value(coefficients, x / 2), abs=1e-14)
        assert value(upper, x) == pytest.approx(value(coefficients, (1 + x) / 2), abs=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_any_polynomial_is_above_it_and_near(seed: int) -> None:
    coefficients = np.random.default_rng(seed).random((12, 7))
    found = bernstein.largest(coefficients, 1e-6)
    x = np.linspace(0.0, 1.0, 201)
    across, up = (stats.binom.pmf(np.arange(n + 1), n, x[:, None]) for n in (11, 6))
    values = across @ coefficients @ up.T
    assert values.max() <= found.upper + 1e-12
    assert found.upper - found.found <= 1e-6
    assert found.found >= values.max() - 1e-12 - 1e-3


# ── certificates ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", DESIGNS)
def test_a_certificate_is_above_all_errors_and_near_the_largest(name: str) -> None:
    error = of(DESIGNS[name])
    found = certify(error, ALL)
    rates = random_points(error, ALL, 10_000)
    assert len(rates) > 9_000
    errors = error.at(rates)
    assert errors.max() <= found.bound, "10,000 random truths"
    assert 0.0 <= found.gap <= 1e-5
    assert found.monotone == (name != "equivalence")
    assert error.at(np.array([found.at]))[0] == pytest.approx(found.found, abs=1e-12)


@pytest.mark.parametrize("name", ["no margin", "non-inferiority", "one arm alone"])
def test_the_twin_finds_the_certified_error_and_none_above_it(name: str) -> None:
    raw = DESIGNS[name]
    error = of(raw)
    found = certify(error, ALL)
    rates = random_points(error, ALL, 12)
    assert by_twin(raw, [found.at]) == [pytest.approx(found.found, abs=1e-10)]
    assert max(by_twin(raw, rates)) <= found.bound


def test_false_successes_of_two_claims_are_counted_where_each_is_false() -> None:
    """Between the margins only the larger claim is false, at and below the smaller one both."""
    raw = two_claims()
    error = of(raw)
    between, below = error.at(np.array([[0.3, 0.4], [0.4, 0.3]]))
    alone_ = raw | {"rules": raw["rules"][:1]}
    assert between == pytest.approx(by_twin(alone_, [(0.3, 0.4)])[0], abs=1e-12)
    assert below == pytest.approx(by_twin(raw, [(0.4, 0.3)])[0], abs=1e-12)
    assert {cell.false for cell in cells(error.success, ALL)} == {
        frozenset({"efficacy", "much"}),
        frozenset({"much"}),
    }


def test_a_narrower_region_has_a_certificate_of_its_own() -> None:
    error = of(small())
    narrow = certify(error, (0.05, 0.2))
    assert narrow.bound < certify(error, ALL).bound - 1e-3
    assert error.at(random_points(error, (0.05, 0.2), 2_000)).max() <= narrow.bound


def too_many() -> dict[str, Any]:
    """The trial is stopped where too many respond, so that more responders may spoil success."""
    raw = small()
    asked = {"endpoint": "dfr", "arm": "cart"}
    raw["rules"] = [
        {"name": "too_many", "then": "stop_for_safety", "posterior": asked | {"above": 0.6},
         "at_least": 0.6},
        {"name": "efficacy", "then": "declare_success",
         "posterior": asked | {"minus": "soc", "above": 0.3}, "at_least": 0.1},
    ]  # fmt: skip
    return raw


def test_where_success_is_not_monotone_the_inside_of_the_region_is_bounded() -> None:
    """With a control rate near one half the worst rate of the other arm is not at the margin."""
    raw = too_many()
    error, limits = of(raw), (0.45, 0.5)
    found = certify(error, limits)
    assert not found.monotone
    assert found.at[0] + 0.3 - found.at[1] > 0.05
    assert found.gap <= 1e-5
    errors = error.at(random_points(error, limits, 10_000))
    assert errors.max() <= found.bound
    at_the_margin = error.at(np.array([[c, c + 0.3] for c in np.linspace(*limits, 101)]))
    assert at_the_margin.max() < found.bound - 0.01, "margins alone would not do"
    assert by_twin(raw, [found.at]) == [pytest.approx(found.found, abs=1e-10)]


@pytest.mark.parametrize("share", [0.999, 0.5])
def test_a_shrunken_bound_is_found_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: float
) -> None:
    real = certificate.largest

    def shrunken(*arguments: Any) -> bernstein.Bounds:
        found = real(*arguments)
        return bernstein.Bounds(
            found.upper * share, found.found * share, *list(vars(found).values())[2:]
        )

    monkeypatch.setattr(certificate, "largest", shrunken)
    error = of(small())
    broken = tried(certify(error, ALL), error, ALL)
    assert not broken.holds
    assert worst_case(Design(**small())).words().count("BROKEN") == 1
    if share == 0.5:
        return
    done = CliRunner().invoke(
        main, ["worst-case", str(HELLO), "--out", str(tmp_path), "--format", "svg"]
    )
    assert done.exit_code == 1
    assert "BROKEN" in done.output


@pytest.mark.parametrize(
    ("arms", "named"), [(["cart"], "cart − soc"), (["one", "two"], "one − soc and two − soc")]
)
def test_a_line_of_power_names_every_arm_that_has_the_effect(arms: list[str], named: str) -> None:
    raw = small()
    raw["arms"] = {"soc": {"control": True}, **{arm: {} for arm in arms}}
    raw["rules"] = [raw["rules"][0]]
    raw["rules"][0]["posterior"]["arm"] = arms[-1]
    raw["scenarios"] = {
        name: {"dfr": {"soc": 0.2} | dict.fromkeys(arms, rate)}
        for name, rate in (("null", 0.2), ("expected", 0.6))
    }
    design = Design(**raw)
    rates, words = _line(design, region_of(design), 0.4, 7)
    assert words == f"all soc rates from 0 to 0.6, with {named} = 0.4"
    assert rates.shape == (7, 1 + len(arms))
    for column in rates.T[1:]:
        assert column == pytest.approx(rates[:, 0] + 0.4)


def test_the_smallest_power_is_certified() -> None:
    raw = small()
    found = worst_case(Design(**raw), measure="power", effect=0.4)
    assert found.certificate is not None
    controls = np.linspace(0.0, 0.6, 25)
    powers = by_twin(raw, [(c, min(c + 0.4, 1.0)) for c in controls])
    assert min(powers) >= 1.0 - found.certificate.bound
    assert min(powers) <= found.worst.figure.estimate + 4e-3
    assert 0.0 <= found.worst.figure.estimate - (1.0 - found.certificate.bound) <= 1e-5
    assert found.certificate.tried == 10_000
    assert [*found.worst.rates] == ["soc"]
    assert "smallest power" in found.words()
    assert f"from the smallest found, {1.0 - found.certificate.found:.9f}" in found.words()


def test_what_calibrate_promises_is_proven() -> None:
    raw = small(0.1) | {"calibration": {"type_one_error": 0.05}}
    raw["rules"][0]["at_least"] = "calibrate"
    design = Design(**raw)
    with pytest.raises(DesignError, match="finds it first"):
        worst_case(design)
    kept = calibrate(design)
    found = worst_case(with_threshold(design, kept.threshold))
    assert found.certificate is not None
    assert found.certificate.bound <= 0.05
    assert found.worst.figure.estimate == pytest.approx(kept.worst_point.error, abs=1e-6)
    assert "at most 0.05 is promised: proven" in found.words()
    easier = worst_case(with_threshold(design, 0.9)).words()
    assert "MORE than the 0.05" in easier


def test_futility_that_is_not_binding_is_left_out() -> None:
    raw = small() | {"calibration": {"type_one_error": 0.05, "futility": "not_binding"}}
    plain = small()
    plain["rules"] = plain["rules"][:1]
    found, without = worst_case(Design(**raw)), worst_case(Design(**plain))
    assert found.worst == without.worst
    assert "not binding" in found.words()


# ── curve, map, files ─────────────────────────────────────────────────────────────────────────
def test_the_curve_and_the_map_show_the_errors_of_the_twin() -> None:
    raw = small(0.1)
    curve = worst_case(Design(**raw), points=5)
    assert curve.axes == ("soc",)
    rates = [(r, min(r + 0.1, 1.0)) for r in (0.0, 0.25, 0.5, 0.75, 1.0)]
    found = [place.figure.estimate for place in curve.places]
    assert found == pytest.approx(by_twin(raw, rates), abs=1e-12)
    assert curve.worst.figure.estimate > max(found), "between the five"
    both = worst_case(Design(**raw), over="arms", points=3)
    assert both.axes == ("soc", "cart")
    pairs = [tuple(place.rates.values()) for place in both.places]
    assert pairs == [(0, 0), (0.5, 0), (0.5, 0.5), (1, 0), (1, 0.5), (1, 1)]
    assert [p.figure.estimate for p in both.places] == pytest.approx(by_twin(raw, pairs), abs=1e-12)
    assert both.certificate == curve.certificate


@pytest.mark.parametrize("over", ["control", "arms"])
def test_the_command_writes_curve_certificate_and_figure(tmp_path: Path, over: str) -> None:
    out = tmp_path / "out"
    words = ["worst-case", HELLO, "--over", over, "--out", out, "--points", 11, "--format", "png"]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    kept = json.loads((out / "worst_case.json").read_text())
    bound = Certificate(**kept["certificate"])
    assert f"{-(-bound.bound * 1e9 // 1) / 1e9:.9f}" in done.output
    assert bound.bound == pytest.approx(0.0382331, abs=1e-6)
    assert len((out / "worst_case.csv").read_text().splitlines()) == (
        12 if over == "control" else 67
    )
    assert (out / "worst_case.png").stat().st_size > 5_000
    assert CliRunner().invoke(main, [str(word) for word in words]).exit_code == 0, "again"
    (out / "worst_case.csv").write_text("mine")
    refused = CliRunner().invoke(main, [str(word) for word in words])
    assert refused.exit_code != 0
    assert (out / "worst_case.csv").read_text() == "mine"


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def test_a_simulated_curve_agrees_with_the_enumerated_one() -> None:
    design = Design(**small())
    drawn = worst_case(design, points=3, trials=2_000, seed=4, jobs=1, engine="simulate")
    assert drawn.certificate is None
    assert "no certificate: it is simulated" in drawn.words()
    exact = worst_case(design, points=3)
    for one, other in zip(drawn.places, exact.places, strict=True):
        assert one.rates == other.rates
        assert abs(one.figure.estimate - other.figure.estimate) <= 5 * one.figure.mcse + 1e-9
    assert drawn.fresh is not None
    assert abs(drawn.fresh.estimate - drawn.worst.figure.estimate) < 6 * drawn.fresh.mcse


def test_a_map_of_two_strata_joins_their_control_rates() -> None:
    raw = small() | {"strata": {"high": 0.5, "low": 0.5}}
    raw["rules"] = raw["rules"][:1]
    raw["looks"] = {"observed": [24]}
    found = worst_case(
        Design(**raw), over="strata", points=2, trials=200, seed=1, jobs=1, engine="simulate"
    )
    assert found.axes == ("soc high", "soc low")
    assert [tuple(place.rates.values()) for place in found.places] == [
        (0, 0), (0, 1), (1, 0), (1, 1)
    ]  # fmt: skip
    by_rates = {tuple(place.rates.values()): place.figure.estimate for place in found.places}
    assert by_rates[0, 0] == by_rates[1, 1] == 0.0
    assert found.places[1].name == "soc high 0.0000, soc low 1.0000"


def test_a_map_of_strata_runs_over_their_own_ranges_and_shows_true_rates() -> None:
    raw = small() | {"strata": {"high": 0.5, "low": 0.5}}
    raw["rules"], raw["looks"] = raw["rules"][:1], {"observed": [24]}
    raw["truth"] = {"dropout": {"per_year": 0.4}}
    raw["calibration"] = {
        "type_one_error": 0.05,
        "null_region": {"soc.high": [0.2, 0.3], "soc.low": [0.1, 0.4], "elsewhere": [0.0, 0.2]},
    }
    found = worst_case(
        Design(**raw), over="strata", points=2, trials=20, seed=1, jobs=1, engine="simulate"
    )
    rates = [tuple(place.rates.values()) for place in found.places]
    assert rates == [(0.2, 0.1), (0.2, 0.4), (0.3, 0.1), (0.3, 0.4)]
    assert "all soc rates in high from 0.2 to 0.3 and in low from 0.1 to 0.4" in found.region
    assert any("held over every choice of other arms" in note for note in found.notes)


def test_a_curve_shows_the_rates_that_its_places_name() -> None:
    raw = small()
    raw["truth"] = {"dropout": {"per_year": 0.4}}
    found = worst_case(Design(**raw), points=5, trials=20, seed=1, jobs=1, engine="simulate")
    for place in found.places:
        assert place.name.startswith(f"soc {place.rates['soc']:.4f}, ")


def promised(worst: int, fresh: int, n: int = 10_000, **given: Any) -> WorstCase:
    at = Place("soc 0.2, cart 0.2", {"soc": 0.2}, proportion(worst, n))
    return WorstCase(
        "mine", "false_success", "control", None, "here", "simulated", n, 1,
        proportion(fresh, 100_000), (at,), at, None, "it is simulated", 0.025, (), "", **given,
    )  # fmt: skip


def test_a_promise_is_judged_by_trials_that_chose_nothing() -> None:
    kept = promised(270, 2_400)  # the largest of many estimates is too large by chance
    assert "MORE" not in kept.words()
    assert "at most 0.025 is promised" in kept.words()
    broken = promised(245, 2_700).words()
    assert broken.endswith("that is MORE than the 0.025 that [calibration] asks for")
    hardly = promised(245, 2_510).words()
    assert "MORE than the 0.025" in hardly
    assert "no more than chance" in hardly


def test_a_bound_that_is_broken_shows_nothing() -> None:
    broken = Stated(0.02, 0.95, 0.03, "soc 0.2", 10, 1_000, 1, 100, 3)
    assert not broken.holds
    words = promised(200, 2_000, stated=broken).words()
    assert "BROKEN" in words
    assert "shown" not in words


def test_truths_of_a_course_are_the_null_scenarios(tmp_path: Path) -> None:
    raw = raw_design("sle_autologous")
    found = worst_case(Design(**raw), trials=60, jobs=1)
    nulls = [name for name, truth in Design(**raw).truths.items() if truth.role == "null"]
    assert [place.name for place in found.places] == nulls
    from adaptive_cart.figures.worst_case import write_worst_case

    names = write_worst_case(found, tmp_path / "out", ("svg",))
    assert "worst_case.svg" in names


# ── what cannot be done is said ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"measure": "power"}, "--effect: goes with --measure power"),
        ({"effect": 0.2}, "--effect: goes with --measure power"),
        ({"measure": "power", "effect": 1.5}, "between -1 and 1"),
        ({"points": 1}, "from 2 to"),
        ({"trials": 0}, "from 1 to"),
        ({"over": "strata"}, "a map has two and 4 can run, and the design has 0"),
        ({"measure": "power", "effect": 0.2, "over": "arms"}, "over the control rate"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        worst_case(Design(**small()), **asked)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(DesignError) as caught:
        worst_case(Design(**small()), points=1, trials=0, effect=0.2)
    assert len(caught.value.problems) == 3


def test_a_margin_that_is_a_curve_has_no_certificate_and_says_so() -> None:
    raw = small()
    raw["rules"][0]["posterior"] = {
        "endpoint": "dfr", "arm": "cart", "odds_ratio_to": "soc", "above": 1.5
    }  # fmt: skip
    found = worst_case(Design(**raw), points=5)
    assert found.certificate is None
    assert "no straight line" in found.words()


def test_what_is_simulated_refuses_what_needs_counts() -> None:
    design = Design(**raw_design("sle_autologous"))
    with pytest.raises(InputError, match=r"--over arms: over rates, and .* to a course"):
        worst_case(design, over="arms")
    with pytest.raises(EngineError, match="the null region is one of scenarios"):
        worst_case(design, engine="exact")
    assert ac.worst_case is worst_case


# ── a single arm ──────────────────────────────────────────────────────────────────────────────
def test_a_single_arm_has_a_certificate_too() -> None:
    """One look: the error is a binomial tail at the rate of the claim, where it is largest."""
    raw = small()
    raw["arms"] = {"cart": {}}
    raw["looks"]["observed"] = [24]
    raw["rules"] = [raw["rules"][0]]
    raw["rules"][0]["posterior"] = {"endpoint": "dfr", "arm": "cart", "above": 0.3}
    raw["scenarios"] = {"null": {"dfr": {"cart": 0.3}}}
    found = worst_case(Design(**raw), points=4)
    least = next(r for r in range(25) if stats.beta.sf(0.3, 1 + r, 25 - r) >= 0.95)
    assert found.worst.figure.estimate == pytest.approx(stats.binom.sf(least - 1, 24, 0.3))
    assert found.certificate is not None
    assert found.certificate.holds
    assert 0.0 <= found.certificate.gap < 1e-9
    for asked in ({"over": "arms"}, {"measure": "power", "effect": 0.2}):
        with pytest.raises(DesignError, match="is about two arms, and the design has one"):
            worst_case(Design(**raw), **asked)  # type: ignore[arg-type]


def test_a_success_below_its_threshold_claims_the_opposite() -> None:
    """Not P(cart better) >= 0.95 but P(cart worse) < 0.05: the same trials, and the same claim.

    It was taken to claim what it asks, so that its error was 1 where the arm works always.
    """
    raw = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 24, [12, 24]
    raw["rules"] = [raw["rules"][0] | {"at_least": 0.95}]
    turned = copy.deepcopy(raw)
    (rule,) = turned["rules"]
    rule["posterior"]["below"], rule["below"] = rule["posterior"].pop("above"), 0.05
    del rule["at_least"]
    one, other = (ac.worst_case(Design(**tables), points=9) for tables in (raw, turned))
    assert other.words() == one.words()
    assert "the claim (cart − soc > 0.00)" in other.words()
    assert other.places == one.places
    truth = Design(**raw).truths["null"]
    for tables in (raw, turned):
        design = Design(**tables)
        rules = Plan.of(design).rules
        effects = effects_of(rules, design)
        points = rate_points(design, truth, "dfr", rules, effects, np.array([0.2, 0.4]))
        assert [point.false["efficacy"] for point in points] == [(0,), (0,)]
