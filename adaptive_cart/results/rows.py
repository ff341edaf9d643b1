"""Blocks of trials as rows: what ``trials.parquet`` and ``looks.parquet`` hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.standing import holds_apart
from adaptive_cart.conduct.trial import LookRecord
from adaptive_cart.decisions import REASONS, SUCCESS
from adaptive_cart.nouns.counters import narrow
from adaptive_cart.results.arrow_columns import column_of, labels_of
from adaptive_cart.results.borrowing import borrowing_columns
from adaptive_cart.results.claims import Claims, any_of_them

if TYPE_CHECKING:
    import pyarrow as pa

FALSE_SUCCESS = "false_success"
OBSERVED = "as_observed_"  # before what is known of a trial beside external data as observed
SIDES = ("estimate_lower", "estimate_upper")  # of the interval of an estimate, before its suffix


def trials_table(
    plan: Plan, scenario: str, blocks: list[Block], claims: Claims | None = None
) -> pa.Table:
    """Rows of ``trials.parquet``, one a trial.

    Parameters
    ----------
    claims
        The scenario's, by which successes are false or not; the column is left out without.
    """
    parts: dict[str, list[Any]] = {}
    for block in blocks:
        known = {} if claims is None else _false(plan, block, claims)
        columns = _trial_columns(plan, block) | _as_observed(plan, block) | known
        for name, values in columns.items():
            parts.setdefault(name, []).append(values)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    rules = [*(rule.name for rule in plan.rules), ""]
    table = {"scenario": _constant(scenario, len(columns["trial"])), "trial": columns.pop("trial")}
    table["reason"] = labels_of(REASONS, columns.pop("reason"))
    table["rule"] = labels_of(rules, columns.pop("rule"))
    return _table(table, columns)


def _as_observed(plan: Plan, block: Block) -> dict[str, Any]:
    """The same participants beside external data as observed: success, and estimates at the end."""
    beside = block.as_observed
    if beside is None:
        return {}
    columns: dict[str, Any] = {"success": beside.standing.reason == SUCCESS}
    if plan.design.by_target:
        columns |= successes_by_target(plan, beside)
    for place, estimand in enumerate(plan.estimands):
        columns[f"estimate{estimand.suffix}"] = beside.estimate[:, place]
        columns[f"covered{estimand.suffix}"] = beside.covered[:, place]
    return {f"{OBSERVED}{name}": values for name, values in columns.items()}


def false_columns(plan: Plan) -> list[str]:
    """Names of the columns that say what is false, in their order."""
    claims = [plan.rules[position] for position in plan.claims]
    again = [rule.name for rule in claims if rule.followed_up]
    return [
        FALSE_SUCCESS,
        *(f"false_claim_{rule.name}" for rule in claims),
        *(["any_false_claim"] if claims else []),
        *(f"false_claim_final_{name}" for name in again),
        *(["any_false_claim_final"] if again else []),
        *([f"{OBSERVED}{FALSE_SUCCESS}"] if plan.design.redrawn else []),
    ]


def _false(plan: Plan, block: Block, claims: Claims) -> dict[str, Any]:
    """Whether a success is false, and where there are further claims each of those, and any."""
    columns = {FALSE_SUCCESS: claims.of_trials(block.standing)}
    for position in plan.claims:
        one = claims.of_trials(block.standing, (position,))
        columns[f"false_claim_{plan.rules[position].name}"] = one
    if plan.claims:
        columns["any_false_claim"] = any_of_them([*columns.values()])
    for position in plan.claims:
        name = plan.rules[position].name
        if name in block.claimed_final:
            made = {position: block.claimed_final[name]}
            columns[f"false_claim_final_{name}"] = claims.of_made(made, len(block.look))
    if block.claimed_final:
        columns["any_false_claim_final"] = any_of_them([*columns.values()])
    if block.as_observed is not None:
        observed = claims.of_trials(block.as_observed.standing)
        columns[f"{OBSERVED}{FALSE_SUCCESS}"] = observed
    return columns


def _trial_columns(plan: Plan, block: Block) -> dict[str, Any]:
    standing, design = block.standing, plan.design
    columns: dict[str, Any] = {
        "trial": np.arange(block.first_trial, block.first_trial + len(block.look)),
        "reason": standing.reason,
        "rule": standing.rule,
        "look": block.look,
        "between": block.between,
        "months": block.months,
        "n_randomised": block.randomised.sum(axis=1),
        "n_analysed": block.analysed.sum(axis=1),
        "n_infused": block.infused.sum(axis=1),
        "probability": standing.probability,
        "n_analysed_final": block.analysed_final.sum(axis=1),
        "reversal": block.reversal,
        "failed": standing.failed,
    }
    for position, rule in enumerate(plan.rules):
        if plan.errors[rule.name]:
            columns[f"within_error_{rule.name}"] = standing.judged_within_error(position)
    for ending in ("", "_final"):
        for place, estimand in enumerate(plan.estimands):
            estimate = getattr(block, f"estimate{ending}")[:, place]
            columns[f"estimate{estimand.suffix}{ending}"] = estimate
            columns[f"covered{estimand.suffix}{ending}"] = getattr(block, f"covered{ending}")[
                :, place
            ]
    if block.limits is not None:
        for place, estimand in enumerate(plan.estimands):
            for end, side in enumerate(SIDES):
                columns[f"{side}{estimand.suffix}"] = block.limits[:, place, end]
    for place, utility in enumerate(plan.utilities):
        columns[f"benefit{utility.suffix}"] = block.benefit[:, place]
        columns[f"harm{utility.suffix}"] = block.harm[:, place]
    for arm, name in enumerate(design.arm_names):
        columns[f"n_{name}"] = block.randomised[:, arm]
        if design.closes_arms and arm in design.experimental:
            columns[f"dropped_{name}"] = standing.dropped[:, arm]
    if design.by_target:
        columns |= successes_by_target(plan, block)
    for position, looks in standing.held_at.items():
        columns[f"held_{plan.rules[position].name}"] = looks
    columns |= _further_claims(plan, block) | _claims_followed_up(block)
    columns |= borrowing_columns(plan, block)
    if design.strata is not None and any(rule.decision.closes_strata for rule in design.rules):
        for stratum, name in enumerate(design.stratum_names):
            columns[f"closed_{name}"] = standing.closed[:, stratum]
    return columns


def successes_by_target(plan: Plan, block: Block) -> dict[str, Any]:
    """Look at which each arm (and stratum) succeeded, 0 for not, ``(trial,)`` each."""
    columns: dict[str, Any] = {}
    for position, looks in block.standing.won.items():
        for place, target in enumerate(plan.rules[position].targets):
            name = target_label(plan, target.arm, target.stratum)
            first = columns.get(f"success_{name}", np.zeros_like(looks[:, 0]))
            columns[f"success_{name}"] = np.where(first > 0, first, looks[:, place])
    return columns


def _further_claims(plan: Plan, block: Block) -> dict[str, Any]:
    """Look at which a rule that ends nothing first held or was claimed, 0 for not, ``(trial,)``."""
    columns: dict[str, Any] = {}
    for position, looks in block.standing.noted.items():
        rule = plan.rules[position]
        if rule.decision.at_the_end or holds_apart(plan.design, rule):
            never = plan.schedule.number + 1
            first = np.where(looks > 0, looks, never).min(axis=1)
            what = "claimed" if rule.decision.at_the_end else "held"
            columns[f"{what}_{rule.name}"] = np.where(first < never, first, 0)
    return columns


def _claims_followed_up(block: Block) -> dict[str, Any]:
    """Whether a claim is made of any target when the pipeline has been followed up."""
    return {
        f"claimed_final_{name}": claimed.any(axis=1)
        for name, claimed in block.claimed_final.items()
    }


def target_label(plan: Plan, arm: int, stratum: int) -> str:
    """Name of an arm, or of an arm in a stratum, in column names."""
    name = plan.design.arm_names[arm]
    return name if stratum < 0 else f"{name}_{plan.design.stratum_names[stratum]}"


def looks_table(plan: Plan, scenario: str, blocks: list[Block]) -> pa.Table:
    """Rows of ``looks.parquet``, ordered by trial, look, arm and stratum."""
    design = plan.design
    parts: dict[str, list[Any]] = {}
    for block in blocks:
        for record in block.looks:
            for name, values in _look_columns(plan, block, record).items():
                parts.setdefault(name, []).append(values)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    order = np.lexsort((columns["stratum"], columns["arm"], columns["look"], columns["trial"]))
    columns = {name: values[order] for name, values in columns.items()}
    table = {"scenario": _constant(scenario, len(order)), "trial": columns.pop("trial")}
    table["look"] = columns.pop("look")
    table["arm"] = labels_of(design.arm_names, columns.pop("arm"))
    table["stratum"] = labels_of(design.stratum_names or ("",), columns.pop("stratum"))
    return _table(table, columns)


def _look_columns(plan: Plan, block: Block, record: LookRecord) -> dict[str, Any]:
    """Columns of one look of a block: a row for each trial that held it, its arms and strata."""
    design = plan.design
    shape = (len(block.look), len(design.arm_names), len(design.shares))
    held = np.flatnonzero(record.held)

    def spread(values: Any) -> Any:
        """Repeat a number a trial over arms and strata."""
        return np.repeat(values[held], shape[1] * shape[2])

    def cells(values: Any) -> Any:
        return values[held].reshape(-1)

    arm, stratum = np.indices(shape[1:])
    columns = {
        "trial": spread(block.first_trial + np.arange(shape[0])),
        "look": np.full(len(held) * shape[1] * shape[2], record.look, dtype=block.look.dtype),
        "arm": np.tile(arm.reshape(-1).astype(narrow(shape[1])), len(held)),
        "stratum": np.tile(stratum.reshape(-1).astype(narrow(shape[2])), len(held)),
        "months": spread(record.date),
        "last": spread(block.look == record.look),
        "n_randomised": cells(record.randomised),
        "n_infused": cells(record.infused),
    }
    for endpoint in design.endpoints:  # and not in the order in which rules asked for them
        summary = record.summaries[endpoint]
        for name, values in summary.columns().items():
            columns[f"{endpoint}_{name}"] = cells(values)
    for part in plan.parts:
        asked = np.full(shape, np.nan)
        probabilities = record.probabilities.get(part.name)
        if probabilities is not None:
            for place, target in enumerate(part.targets):
                which = (
                    slice(None) if target.stratum < 0 else slice(target.stratum, target.stratum + 1)
                )
                asked[:, target.arm, which] = probabilities[:, place, None]
        columns[f"p_{part.name}"] = cells(asked)
    if design.randomisation.by_shares is not None:
        shares = np.full(shape[:2], np.nan) if record.shares is None else record.shares
        columns["share"] = np.repeat(shares[held].reshape(-1), shape[2])
    return columns


def _constant(word: str, rows: int) -> Any:
    return labels_of([word], np.zeros(rows, dtype=np.int8))


def _table(labels: dict[str, Any], columns: dict[str, Any]) -> pa.Table:
    """Columns of text first, or of what stands among them, then all others."""
    import pyarrow as pa

    made = {n: column_of(v) if isinstance(v, np.ndarray) else v for n, v in labels.items()}
    return pa.table({**made, **{name: column_of(values) for name, values in columns.items()}})
