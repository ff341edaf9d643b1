"""How trials end, where nothing else is asked, is how they end in a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.standing import Standing, why_not_asked
from adaptive_cart.conduct.trial import run_block, run_looks
from adaptive_cart.decisions import FUTILITY, Holding
from adaptive_cart.participants.population import latents_for

DESIGNS = Path(__file__).parents[2] / "designs"


def ends_alike(design: ac.Design, trials: int) -> bool:
    """Whether both ways give every trial the same end, by the same rule of the same target."""
    plan = Plan.of(design)
    for truth in design.truths.values():
        unknown = (float("nan"),) * len(plan.estimands)
        whole = run_block(plan, truth, unknown, latents_for(design, 5, 7, trials)).standing
        alone = run_looks(plan, truth, latents_for(design, 5, 7, trials))
        for one, other in ((whole.reason, alone.reason), (whole.rule, alone.rule),
                           *((whole.won[k], alone.won[k]) for k in whole.won),
                           *((whole.noted[k], alone.noted[k]) for k in whole.noted)):  # fmt: skip
            if not np.array_equal(one, other):
                return False
    return True


@pytest.mark.parametrize(
    "name", ["sle_autologous", "goldilocks_allogeneic", "enrichment_biomarker"]
)
def test_trials_end_as_they_do_where_everything_is_recorded(name: str) -> None:
    assert ends_alike(ac.load_design(DESIGNS / f"{name}.toml"), 40)


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(DESIGNS.glob("*.toml")), ids=lambda file: file.stem)
def test_trials_of_every_shipped_design_do(file: Path) -> None:
    assert ends_alike(ac.load_design(file), 40)


def test_the_probability_that_ended_a_trial_is_of_the_first_target_that_held() -> None:
    plan = Plan.of(ac.load_design(DESIGNS / "hello.toml"))
    standing = Standing.at_start(plan.design, plan.rules, 3)
    where = np.array([[False, True], [True, True], [False, False]])
    probabilities = np.array([[0.1, 0.9], [0.8, 0.7], [0.3, 0.2]])
    numbers = np.zeros(3, dtype=np.int64)
    held = Holding(0, where, (probabilities,), (probabilities,), 1, numbers, numbers > 0)
    standing.end(held, FUTILITY)
    assert standing.reason.tolist()[:2] == [FUTILITY, FUTILITY]
    np.testing.assert_array_equal(standing.probability, [0.9, 0.8, np.nan])


def test_what_a_claim_waits_for_is_what_it_requires_and_has_not_held() -> None:
    plan = Plan.of(ac.load_design(DESIGNS / "lupus_gated_claims.toml"))
    position, claim = next((p, rule) for p, rule in enumerate(plan.rules) if rule.requires)
    standing = Standing.at_start(plan.design, plan.rules, 1)
    names = [plan.rules[required].name for required in claim.requires]
    told = why_not_asked(standing, position)
    assert told == f"{', '.join(f'{name!r}' for name in names)} has not held"
    for required in claim.requires:
        standing.noted[required][0] = 1
    assert not any(name in why_not_asked(standing, position) for name in names)
