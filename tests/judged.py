"""Simulated trials of a design in one process, with what became of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.participants.population import latents_for

BLOCK = 500


@dataclass(frozen=True)
class Judged:
    """What became of the trials of one scenario; ``(trial,)`` unless said."""

    success: Booleans
    futility: Booleans
    won: Booleans  # (trial, arm), experimental arms only
    look: Integers
    months: Floats
    randomised: Integers
    analysed: Integers
    estimate: Floats  # (trial, arm)
    reversal: Booleans


def enumerated(design: ac.Design, scenario: str) -> dict[str, float]:
    """Measures of the trial as a whole, without Monte Carlo error."""
    table = ac.simulate(design, engine="exact", scenarios=[scenario]).operating_characteristics
    whole = table[table["look"].isna() & table["arm"].isna() & table["reason"].isna()]
    return dict(zip(whole["measure"], whole["estimate"], strict=True))


def block_of(design: ac.Design, scenario: str, seed: int, first: int, trials: int) -> Block:
    """A block of trials, its participants kept."""
    plan = Plan.of(design)
    targets = (0.5,) * len(plan.estimands)
    latents = latents_for(design, seed, first, trials)
    return run_block(plan, design.truths[scenario], targets, latents, keep_population=True)


def judged(design: ac.Design, scenario: str, seed: int, trials: int) -> Judged:
    """Run the first trials of a seed."""
    parts: list[dict[str, Any]] = []
    for first in range(0, trials, BLOCK):
        block = block_of(design, scenario, seed, first, min(BLOCK, trials - first))
        reason, won = block.standing.reason, block.standing.won[0] > 0
        parts.append({
            "success": reason == 0,
            "futility": reason == 1,
            "won": won,
            "look": block.look.astype(np.int64),
            "months": block.months,
            "randomised": block.randomised.sum(axis=1),
            "analysed": block.analysed.sum(axis=1),
            "estimate": block.estimate,
            "reversal": block.reversal,
        })  # fmt: skip
    return Judged(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
