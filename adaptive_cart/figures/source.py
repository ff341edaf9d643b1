"""Numbers behind figures: the tables of a run, and trials that are replayed for what it left out.

A results folder keeps a row a trial and look, and no participants. Trial i of a run is had again by
its number and the run's seed, to the last bit; so what a figure says of participants is of trials
that the run consists of. An exact run drew none: its figures show simulated trials beside it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.truth import Truth
from adaptive_cart.figures.kinds import Missing
from adaptive_cart.nouns.course import Course
from adaptive_cart.nouns.records import Population
from adaptive_cart.nouns.roles import ALTERNATIVE
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.result import Result
from adaptive_cart.results.rows import looks_table, trials_table

if TYPE_CHECKING:
    import pandas as pd

REPLAYED = 200  # trials whose participants are shown
REPLAYED_BESIDE_EXACT = 1_000  # trials drawn where the run itself drew none
T = TypeVar("T")
_KEPT: weakref.WeakKeyDictionary[Result, dict[Any, Any]] = weakref.WeakKeyDictionary()


def kept(result: Result, key: Any, make: Callable[[], T]) -> T:
    """Work something out once for a result."""
    found = _KEPT.setdefault(result, {})
    if key not in found:
        found[key] = make()
    answer: T = found[key]
    return answer


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────
def scenarios(result: Result) -> list[tuple[str, str]]:
    """Scenarios that have been run with their roles: nulls, alternatives, robustness."""
    return list(result.roles.items())


def with_role(result: Result, role: str) -> list[str]:
    """Scenarios of one role that have been run."""
    return [name for name, found in scenarios(result) if found == role]


def main_scenario(result: Result) -> str:
    """The scenario that a picture of one truth shows: the first alternative, else the first."""
    return next(iter([*with_role(result, ALTERNATIVE), *(n for n, _ in scenarios(result))]))


def truth_of(result: Result, scenario: str) -> Truth:
    """A scenario as the run resolved it."""
    return kept(result, "truths", lambda: result.design.truths)[scenario]


def plan_of(result: Result) -> Plan:
    """The run's design made ready to run."""
    return kept(result, "plan", lambda: Plan.of(result.design))


# ── replayed trials ───────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Replay:
    """Trials of one scenario with their participants, from number 0 on."""

    plan: Plan
    truth: Truth
    block: Block
    seed: int

    @property
    def trials(self) -> int:
        """How many trials."""
        return len(self.block.look)

    @property
    def population(self) -> Population:
        """Their participants."""
        assert self.block.population is not None
        return self.block.population

    @property
    def course(self) -> Course:
        """What happens to the participants, of a truth that is a course."""
        assert self.population.course is not None
        return self.population.course


def replay(result: Result, scenario: str, first: int = 0, trials: int | None = None) -> Replay:
    """Have trials of a run again, with their participants.

    Parameters
    ----------
    trials
        How many; if left out, :data:`REPLAYED`, or all where the run has fewer.
    """
    held = result.manifest["trials"][scenario]
    number = trials or min(REPLAYED, held or REPLAYED)
    return kept(
        result, (scenario, first, number), lambda: _replayed(result, scenario, first, number)
    )


def _replayed(result: Result, scenario: str, first: int, number: int) -> Replay:
    plan, truth, seed = plan_of(result), truth_of(result, scenario), result.manifest["seed"]
    latents = latents_for(result.design, seed, first, number)
    block = run_block(plan, truth, targets_of(result, scenario), latents, keep_population=True)
    return Replay(plan, truth, block, seed)


def targets_of(result: Result, scenario: str) -> tuple[float, ...]:
    """True values of the estimands as the run worked them out."""
    return tuple(
        result.figure(scenario, "estimand", arm=e.arm, stratum=e.stratum).estimate
        for e in plan_of(result).estimands
    )


def _beside_exact(result: Result, table: Callable[..., Any]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for name, _ in scenarios(result):
        found = replay(result, name, trials=REPLAYED_BESIDE_EXACT)
        parts.append(table(found.plan, name, [found.block]).to_pandas())
    return pd.concat(parts, ignore_index=True)


def trials_of(result: Result) -> pd.DataFrame:
    """A row a simulated trial: the run's own, or trials drawn beside an exact run."""
    if not result.exact:
        return result.trials
    return kept(result, "trials", lambda: _beside_exact(result, trials_table))


def looks_of(result: Result) -> pd.DataFrame:
    """A row a look, arm and stratum of the same trials as :func:`trials_of`."""
    if not result.exact:
        return result.looks
    return kept(result, "looks", lambda: _beside_exact(result, looks_table))


def no_course(result: Result, scenario: str) -> Missing | None:
    """Say that a scenario's participants have no course, where that is so."""
    if truth_of(result, scenario).courses is not None:
        return None
    return Missing(
        f"the truth of '{scenario}' gives outcomes directly, so that nobody is infused, remits or "
        f"relapses in the simulation",
        "write [truth] as a course (adaptive-cart init --template sle_autologous shows one) and "
        "simulate again",
    )
