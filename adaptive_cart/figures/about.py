"""What a figure says of the run: one row of it, the estimand in words, the margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_cart.conduct.estimated import alone, estimand_noun, estimand_pair
from adaptive_cart.conduct.plan import compared_by, estimand_kind, told_of
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.figures.kinds import ALONE, ARMS, ASKED_BELOW, COMPARED, MUST, NOUN
from adaptive_cart.figures.source import plan_of
from adaptive_cart.figures.thinning import harm_only, must_be_seen
from adaptive_cart.nouns.questions import Question
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    import pandas as pd


def about(result: Result, **more: Any) -> pd.DataFrame:
    """One row that says of what run a figure is; ``more`` are further cells."""
    import pandas as pd

    manifest, told = result.manifest, told_of(result.design)
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
                "primary": result.design.endpoint_label(result.design.primary),
                COMPARED: compared_by(result.design).name,
                ASKED_BELOW: asked_below(result),
                ALONE: alone(result.design),
                NOUN: estimand_noun(result.design),
                "called": told.estimate,
                "interval": told.interval,
                MUST: list(dict.fromkeys([*must_be_seen(result), *harm_only(result)])),
                ARMS: {arm: result.design.arm_label(arm) for arm in result.design.arm_names},
                **more,
            }
        ]
    )


def estimand_words(result: Result) -> str:
    """What the estimand is called on an axis."""
    design, plan = result.design, plan_of(result)
    primary = design.endpoint_label(design.primary)
    if not plan.estimands:
        return primary
    kind, pair = plan.estimands[0].question.of, estimand_pair(design)
    if not alone(design):
        return f"{kind.comparison_of(primary)}: {pair}"
    noun = estimand_noun(design)
    return f"{f'{noun} of {primary}' if kind.about_levels else noun}: {pair}"


def margin(result: Result) -> float | None:
    """What a success rule asks the estimand to be beyond; nothing where they differ."""
    found = {question.value for question in _claimed(result)}
    return found.pop() if len(found) == 1 else None


def asked_below(result: Result) -> bool:
    """Whether a success claims the estimand to be below its margin; a ratio, if nothing is said."""
    sides = {question.above for question in _claimed(result)}
    return not sides.pop() if len(sides) == 1 else compared_by(result.design).ratio


def _claimed(result: Result) -> list[Question]:
    """What success rules claim of the estimand."""
    estimands = plan_of(result).estimands
    minus = estimands[0].question.minus if estimands else None
    return [
        part.question if part.affirms else part.question.opposite
        for rule in plan_of(result).rules
        if rule.decision.ends == SUCCESS
        for part in rule.parts
        if part.prediction is None
        and part.question.endpoint == result.design.primary
        and part.question.minus == minus
        and part.question.of is estimand_kind(result.design)
    ]
