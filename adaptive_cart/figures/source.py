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

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.design.truth import Truth
from adaptive_cart.figures.kinds import Missing
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.result import Result
from adaptive_cart.results.rows import looks_table, trials_table

if TYPE_CHECKING:
    import pandas as pd

REPLAYED = 200  # trials whose participants are shown
REPLAYED_BESIDE_EXACT = 1_000  # trials drawn where the run itself drew none
ROLES = ("null", "alternative", "robustness")
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
    roles = result.manifest["roles"]
    run = [name for name in roles if name in result.manifest["trials"]]
    return [(name, role) for role in ROLES for name in run if roles[name] == role]


def with_role(result: Result, role: str) -> list[str]:
    """Scenarios of one role that have been run."""
    return [name for name, found in scenarios(result) if found == role]


def main_scenario(result: Result) -> str:
    """The scenario that a picture of one truth shows: the first alternative, else the first."""
    return next(iter([*with_role(result, "alternative"), *(n for n, _ in scenarios(result))]))


def displayed(result: Result, most: int, role: str | None = None) -> set[str]:
    """Scenarios that a figure with room for so many shows: all, or some from each part.

    Where there are too many, they are put in the order of the true effect and taken at equal
    steps, the first and the last among them; tables hold them all.
    """
    names = [name for name, found in scenarios(result) if role in (None, found)]
    if len(names) <= most:
        return set(names)
    effects = {name: _effect_of(result, name) for name in names}
    ordered = sorted(names, key=lambda name: effects[name])
    step = (len(ordered) - 1) / (most - 1)
    return {ordered[round(k * step)] for k in range(most)}


def _effect_of(result: Result, scenario: str) -> float:
    for estimand in plan_of(result).estimands:
        value = result.figure(
            scenario, "estimand", arm=estimand.arm, stratum=estimand.stratum
        ).estimate
        if value == value:
            return float(value)
    return 0.0


def truth_of(result: Result, scenario: str) -> Truth:
    """A scenario as the run resolved it."""
    return kept(result, "truths", lambda: truths_of(result.design))[scenario]


def is_exact(result: Result) -> bool:
    """Whether the run was enumerated."""
    return bool(result.manifest["engine"] == "exact")


def plan_of(result: Result) -> Plan:
    """The run's design made ready to run."""
    return kept(result, "plan", lambda: Plan.of(result.design))


# ── what a caption says of the run ────────────────────────────────────────────────────────────
def about(result: Result, **more: Any) -> pd.DataFrame:
    """One row that says of what run a figure is; ``more`` are further cells."""
    import pandas as pd

    manifest = result.manifest
    numbers = sorted({*manifest["trials"].values()})
    return pd.DataFrame(
        [
            {
                "design": result.design.name,
                "digest": manifest["digest"],
                "engine": manifest["engine"],
                "seed": manifest["seed"],
                "trials_fewest": numbers[0],
                "trials_most": numbers[-1],
                "version": manifest["version"],
                "scenarios": len(manifest["trials"]),
                "primary": endpoint_words(result.design, result.design.primary),
                **more,
            }
        ]
    )


def endpoint_words(design: Design, name: str) -> str:
    """What an endpoint is called: its label, else its name."""
    return design.endpoints[name].label or name


def estimand_words(result: Result) -> str:
    """What the estimand is called on an axis."""
    design, plan = result.design, plan_of(result)
    primary = endpoint_words(design, design.primary)
    if not plan.estimands:
        return primary
    kind = plan.estimands[0].question.kind
    arm = design.arm_names[1] if len(design.arm_names) == 2 else "arm"
    if kind == "hazard_ratio":
        return f"hazard ratio of {primary}: {arm} / {design.arm_names[0]}"
    return f"difference in {primary}: {arm} − {design.arm_names[0]}"


def margin(result: Result) -> float | None:
    """What a success rule asks the estimand to be beyond; nothing where they differ."""
    found = {
        rule.question.value
        for rule in plan_of(result).rules
        if rule.then == "declare_success"
        and rule.prediction is None
        and rule.question.endpoint == result.design.primary
        and rule.question.minus == 0
        and rule.question.kind in ("level", "hazard_ratio")
    }
    return found.pop() if len(found) == 1 else None


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
    if not is_exact(result):
        return result.trials
    return kept(result, "trials", lambda: _beside_exact(result, trials_table))


def looks_of(result: Result) -> pd.DataFrame:
    """A row a look, arm and stratum of the same trials as :func:`trials_of`."""
    if not is_exact(result):
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
