"""Benefit and harm as a design's utilities weigh them: the table of the safety chapter."""

from __future__ import annotations

from adaptive_cart.conduct.comparison import wording_of
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.nouns.questions import sum_of
from adaptive_cart.report.document import (
    Block,
    Heading,
    Row,
    Table,
    cells,
    code,
    line,
    paragraph,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given

WEIGHED = 69  # number of the item


def utilities(evidence: Evidence) -> list[Block]:
    """What each utility weighs, and its true and expected value in the scenarios."""
    blocks: list[Block] = []
    for name in evidence.design.utility:
        blocks += _weights(evidence, name)
        blocks.append(_table(evidence, name))
    if not blocks:
        return []
    evidence.trace.reported(
        WEIGHED, "utility", *(f"t-utility-{n}" for n in evidence.design.utility)
    )
    return [Heading(text="Benefit and harm, weighed", key="utility", level=2), *blocks]


def is_claimed(plan: Plan, name: str) -> bool:
    """Whether a success claims something of a utility, also by predicting a rule about it."""
    return any(
        one.endpoint == name
        for rule in plan.rules
        if rule.decision.ends == SUCCESS
        for part in rule.parts
        for target in part.targets
        for one in part.claimed(target)
    )


def _weights(evidence: Evidence, name: str) -> list[Block]:
    design = evidence.design
    weights = tuple(design.utility[name].items())
    labels = []
    for endpoint, _ in weights:
        wording = wording_of(design, endpoint)
        labels.append(f"{wording.parameter.named(wording.endpoint).removeprefix('the ')}"
                      f"{wording.parameter.unit}")  # fmt: skip
    return [
        paragraph(
            "The utility {name} of an arm is {sum}. The weights are judgement, stated beforehand. "
            "The endpoints are analysed apart, so that the posterior of the utility takes them "
            "as independent.",
            name=code(name),
            sum=given(sum_of(weights, labels), f"design: utility.{name}"),
        )
    ]


def _table(evidence: Evidence, name: str) -> Table:
    rows: list[Row] = []
    claims = is_claimed(evidence.plan, name)
    control, arms = evidence.design.control, evidence.design.experimental_names
    for scenario in evidence.scenarios:
        for arm in arms:
            rows.append(
                row(
                    code(scenario),
                    evidence.arm(arm) if len(arms) > 1 else "–",
                    evidence.cell(scenario, f"true_{name}", arm=control).number()
                    if control is not None
                    else "–",
                    evidence.cell(scenario, f"true_{name}", arm=arm).number(),
                    evidence.cell(scenario, f"utility_{name}", arm=arm).number()
                    if control is not None
                    else "–",
                    evidence.cell(scenario, f"expected_utility_{name}", arm=arm).with_interval(),
                    evidence.cell(scenario, f"bias_utility_{name}", arm=arm).number(),
                    evidence.cell(scenario, "false_success").number() if claims else "–",
                )
            )
    return without_blank_columns(
        Table(
            key=f"t-utility-{name}",
            title=line("Utility ", code(name), ": what is true, and what trials find"),
            head=cells(
                "Scenario", "Arm", "True, control", "True, arm", "True difference",
                "Expected difference" if control is not None else "Expected", "Bias",
                "False success",
            ),
            rows=tuple(rows),
            align=("left", "left", *("right",) * 6),
            widths=(1.6, 1.2, 0.8, 0.8, 0.9, 1.8, 0.8, 0.9),
            wide=len(arms) > 1,
            notes=(
                line("Expected: mean over trials of the posterior mean at the look that ended the "
                     "trial, with its 95% Monte Carlo interval. False success: of any rule."),
            ),
        )
    )  # fmt: skip
