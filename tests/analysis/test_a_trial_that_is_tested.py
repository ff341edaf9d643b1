"""A real trial whose design tests hypotheses: judged by the boundaries of what its looks see."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.comparison.classical import group_sequential
from adaptive_cart.models.classical.alpha_spending import Spending
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from adaptive_cart.verification.verify import verify
from checks import DESIGNS, raw_design
from judged import block_of


@pytest.fixture(scope="module")
def design() -> ac.Design:
    return group_sequential(ac.load_design(DESIGNS / "hello.toml"), 0.0)


def test_every_look_has_the_boundary_of_its_numbers(design: ac.Design) -> None:
    """Held anew, with the looks before it, and told with what a test is."""
    block = block_of(design, "expected", 3, 0, 1)
    assert block.population is not None
    bounds = stats.norm.cdf(Spending(0.025, "obrien_fleming", 150).bounds((60, 105, 150)))
    for look, bound in enumerate(bounds, 1):
        record = block.looks[look - 1]
        date = float(record.date[0])
        rows = participants_table(design, block.population, 0, date, int(record.randomised.sum()))
        found = ac.analyze(design, pd.DataFrame(rows), look).findings
        efficacy = found.rules[0]
        assert efficacy.threshold == pytest.approx(bound, abs=1e-15)
        assert efficacy.fast == pytest.approx(record.probabilities["efficacy"][0, 0], abs=1e-12)
        assert efficacy.reference is None
        assert efficacy.question.startswith("1 − p(")
        assert efficacy.holds == (efficacy.fast >= bound)
        assert any("tested, without a prior" in note for note in found.notes)
        if efficacy.holds:
            assert look == block.look[0]
            break
    else:
        pytest.fail("the trial should succeed")


def test_it_is_told_as_a_test_and_not_as_a_posterior(design: ac.Design) -> None:
    text = described(design)
    assert "efficacy: declare_success if 1 − p(cart − soc > 0.00 | dfr) >= 0.9996" in text
    assert "O'Brien-Fleming-type spending: z at least 3.3569, 2.4445, 2.0005" in text
    assert "dfr: none; proportions_test is a test" in text
    assert "Before any data" not in text
    assert "P(" not in text
    told = example(design, "expected", 3).text
    assert "1 − p(cart − soc > 0.00 | dfr) = " in told
    assert "(observed difference); its 95% score confidence interval" in told
    for word in ("posterior", "credible"):
        assert word not in told


def test_what_is_verified_is_the_test_by_other_code(design: ac.Design) -> None:
    found = verify(design, looks=2, jobs=1)
    assert not found.failed, found.text()
    assert {row.by for row in found.rows} == {"other code"}


def predicted() -> ac.Design:
    """Ends for futility where the test is unlikely to hold at the last look."""
    raw = raw_design("hello")
    test = {"model": "proportions_test", "to_come": {"model": "beta_binomial"}}
    efficacy = {
        "name": "efficacy",
        "then": "declare_success",
        "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
        "at_least": 0.9999,
    }
    futility = {
        "name": "futility",
        "then": "declare_futility",
        "predictive": {"rule": "efficacy"},
        "below": 0.001,
        "looks": [1],
    }
    return ac.Design(**raw | {"analysis": {"dfr": test}, "rules": [futility, efficacy]})


@pytest.mark.parametrize(
    "reference", [False, pytest.param(True, marks=[pytest.mark.reference, pytest.mark.slow])]
)
def test_a_predicted_test_is_told_of_a_real_trial(reference: bool) -> None:
    """By completions of the fast posterior beside it, and by those of PyMC."""
    design = predicted()
    block = block_of(design, "expected", 3, 0, 1)
    record, population = block.looks[0], block.population
    assert population is not None
    date = float(record.date[0])
    rows = participants_table(design, population, 0, date, int(record.randomised.sum()))
    found = ac.analyze(design, pd.DataFrame(rows), 1, fast=not reference).findings
    futility = next(rule for rule in found.rules if rule.rule == "futility")
    assert futility.fast == pytest.approx(record.probabilities["futility"][0, 0], abs=1e-12)
    assert 0.05 < futility.fast < 0.95
    if reference:
        assert futility.reference == pytest.approx(futility.fast, abs=0.04)
    assert "drawn from the posterior of beta_binomial (soc: Beta(1, 1)" in described(design)
