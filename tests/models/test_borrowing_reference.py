"""A control that borrows, in PyMC and in the fast posterior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adaptive_cart.models.base import holds
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Counts
from models.test_borrowed_numbers import hazards, means, rates
from models.test_borrowing_by_stratum import stratified
from running.test_external_by_stratum import single_arm
from running.test_redrawn_borrowing import borrowing as redrawn
from running.test_redrawn_lent import lent, looks_of

ARMS = ("soc", "cart")
EXTERNAL = {
    name: External(source="s", endpoint="dfr", responders=x, participants=n)
    for name, (x, n) in {"registry": (14, 90), "trial": (6, 20)}.items()
}
METHODS = {
    "pooled": {},
    "power": {"weight": 0.4},
    "robust_map": {"weight": 0.7},
    "sam": {"difference": 0.2},
}


def counts(*tables: tuple[int, int, int, int]) -> Counts:
    """Tables of (responders, participants) in the control and the other arm."""
    cells = np.array(tables).reshape(-1, 2, 2)
    successes, totals = cells[:, :, 0, None], cells[:, :, 1, None]
    return Counts(successes, totals, np.zeros_like(totals), totals)


@pytest.mark.slow  # each takes seven seconds, and the first of them twenty
@pytest.mark.reference
@pytest.mark.parametrize("method", METHODS)
def test_both_faces_agree(method: str) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    prior = {"external": ["registry", "trial"], "method": method, **METHODS[method]}
    table = BetaBinomialAnalysis(model="beta_binomial", prior={"soc": prior})
    analysis = table.told_external(EXTERNAL)
    face, compiled = analysis.reference(ARMS, (), (1.0,)), None
    fitted = analysis.fitted(ARMS, (1.0,))
    for seen in ((3, 20, 20, 40), (12, 20, 20, 40)):  # as expected, and in conflict
        summary = counts(seen)
        fast, data = analysis.posterior(fitted, summary, None), face.data(summary, 0)
        compiled = compiled or Compiled(face, data)
        fit, trouble = fitted_carefully(compiled, data, seed=3, draws=2_000)
        assert trouble is None
        for question in (Question("dfr", 1, 0, value=0.1), Question("dfr", 0, value=0.3)):
            quantity = face.quantity(fit.draws, question)
            probability, error = mean_and_error(holds(question, quantity))
            answer = float(fast.probability(question)[0])
            assert abs(answer - probability) < 4.0 * error + 0.002, (seen, question)
            mean, error = mean_and_error(quantity)
            assert abs(float(fast.mean(question)[0]) - mean) < 4.0 * error + 0.002


def test_the_reference_has_its_own_weights() -> None:
    """Worked out from the likelihoods, and not by the fast posterior."""
    prior = {"external": ["registry"], "method": "sam", "difference": 0.1}
    table = BetaBinomialAnalysis(model="beta_binomial", prior={"soc": prior})
    analysis = table.told_external(EXTERNAL)
    fitted, face = analysis.fitted(ARMS, (1.0,)), analysis.reference(ARMS, (), (1.0,))
    for x in (0, 4, 11, 30):
        weights = face.data(counts((x, 30, 1, 2)), 0)["weights"]
        logs = fitted.priors[0].log_weights(np.array([x]), np.array([30]))[0]
        np.testing.assert_allclose(weights[0], np.exp(logs), rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(weights[1], [0.5, 0.5])  # one component, twice
    assert "w Beta(15, 77) + (1 − w) Beta(1, 1)" in face.statement


LOOKED_AT = {
    **{f"by stratum, {how}": (stratified(how), "active") for how in ("pooled", "power", "sam")},
    "beside counts by stratum": (single_arm(), "active"),
    **{f"counts drawn anew, {how}": (redrawn(how), None) for how in ("pooled", "power", "sam")},
    **{f"{make.__name__} drawn anew": (lent(make, {"method": "pooled"}), None)
       for make in (rates, hazards, means)},
}  # fmt: skip


@pytest.mark.reference
@pytest.mark.parametrize("case", LOOKED_AT)
def test_a_model_has_a_place_for_all_data_that_it_is_given(case: str) -> None:
    """A sampler refuses data that the density does not hang on."""
    from pytensor.graph.traversal import ancestors

    raw, stratum = LOOKED_AT[case]
    conduct, plan = looks_of(raw, 2, "expected")
    (name,) = plan.fitted
    design, analysis = plan.design, plan.fitted[name][0]
    face = analysis.reference(design.arm_names, design.stratum_names, design.shares)
    place = design.stratum_names.index(stratum) if stratum else -1
    question = replace(plan.rules[-1].parts[0].question, stratum=place)
    data = face.data(conduct.kept[0].summary(name), 1, None, question)
    model = face.model(data)
    used = {variable.name for variable in ancestors([model.logp()])}
    assert set(data) - set(face.made_of) <= used
