"""What is known of a posterior goes with the trials that are asked about again.

Against posteriors that are worked out anew, of which nothing is known.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.conduct.trial import AtTheEnd, Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.hazards.ratios_analysis import RatiosPosterior
from adaptive_cart.participants.population import latents_for
from tests.models.test_stratified_hazards import SHARES, data, question

DESIGN = Path(__file__).parents[2] / "designs" / "durability_event_driven.toml"
RATIO = {"dist": "normal", "mean": 0.2, "sd": 1.5}
GAMMA = {"a": 0.5, "b": 5.0}


def asked(posterior: Any) -> list[Any]:
    """All that a look and an end ask of a hazard ratio."""
    at = question(0.8)
    return [
        posterior.probability(question(1.0)),
        posterior.mean(at),
        posterior.covers(at, LEVEL),
        posterior.probability(question(1.4, stratum=1)),
        posterior.failed,
        posterior._unseen(at, np.arange(len(posterior.data.months))),
    ]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("piecewise_exponential", {}),
        ("stratified_piecewise_exponential", {"hazard_ratios": "shared"}),
        ("stratified_piecewise_exponential", {"hazard_ratios": "own"}),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_some_trials_have_the_same_answers_as_by_themselves(
    name: str, more: dict[str, str], known: bool
) -> None:
    prior = {"baseline": GAMMA, "log_hazard_ratio": RATIO}
    table = ANALYSES[name].model_validate(
        {"model": name, "cuts": [6.0, 12.0], "prior": prior, **more}
    )
    fitted = table.fitted(("soc", "cart"), SHARES)
    summary, rows = data(), np.array([0, 2, 5])
    whole = table.posterior(fitted, summary, None)
    if not known:
        assert whole.of_trials(rows) is None
        return
    asked(whole)
    some = whole.of_trials(rows)
    assert some is not None
    for own, anew in zip(
        asked(some), asked(table.posterior(fitted, summary.rows(rows), None)), strict=True
    ):
        np.testing.assert_array_equal(own, anew)


def block(design: Design, scenario: str, trials: int) -> Block:
    plan = Plan.of(design)
    return run_block(plan, truths_of(design)[scenario], (0.6,), latents_for(design, 3, 0, trials))


def test_a_block_is_what_it_is_with_every_posterior_worked_out_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    design, taken, kept = load_design(DESIGN), [], RatiosPosterior.of_trials

    def counted(self: Any, rows: Any) -> Any:
        found = kept(self, rows)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(RatiosPosterior, "of_trials", counted)
    found = block(design, "expected", 60)
    # of looks at which few end, of looks at which most do, and of the end
    assert sum(taken) >= 3
    monkeypatch.setattr(RatiosPosterior, "of_trials", lambda self, rows: None)
    anew = block(design, "expected", 60)
    for field in dataclasses.fields(found):
        one, other = getattr(found, field.name), getattr(anew, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other, err_msg=field.name)


class _Rows:
    def of_trials(self, rows: Any) -> Any:
        return rows


def test_trials_without_a_pipeline_have_no_posterior_to_take() -> None:
    nothing: Any = None
    seen = AtTheEnd(nothing, nothing, np.array([2, 5, 9]), _Rows())  # type: ignore[arg-type]
    np.testing.assert_array_equal(seen.of(np.array([5, 9])), [1, 2])  # type: ignore[arg-type]
    for others in ([5, 10], [3], [0, 2], []):
        assert seen.of(np.array(others, dtype=np.int64)) is None
