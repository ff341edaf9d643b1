"""A threshold that was found for averages over a design prior."""

from __future__ import annotations

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Reference,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given
from adaptive_cart.results.averaged_calibration import SIDES, AveragedCalibration

ELSE, CALIBRATED = 61, 19  # numbers of the items
SOURCE = "calibration"
NOUNS = {
    "false_discovery": "that the claim is false, given success",
    "correct_decision": "of a correct decision (a success that is true, or none where it would be "
    "false)",
}
HEADS = {
    "false_discovery": "Claim false, given success",
    "correct_decision": "Correct decision",
    "assurance": "Success",
    "expected_loss": "Expected loss",
}
OF_CLAIMS = {  # which are made when the trial has ended, and are no success
    "that the claim is false, given success": "that the claim is false, given that it is made",
    NOUNS["correct_decision"]: "of a correct decision (the claim is made and true, or neither)",
    "Claim false, given success": "Claim false, given that it is made",
    "Success": "Claim made",
}


def averaged_threshold(evidence: Evidence) -> list[Block]:
    """What the threshold keeps, and how it was found; nothing where none was searched for that."""
    every = evidence.searched.of_averages
    if not every:
        why = "no criterion is held to anything but its type I error"
        evidence.trace.not_applicable(ELSE, why)
        return []
    for item in (ELSE, CALIBRATED):
        evidence.trace.reported(item, "thresholds", "t-averaged")
    blocks: list[Block] = [
        Heading(text="Where the thresholds come from", key="thresholds", level=2)
    ]
    for place, found in enumerate(every):
        blocks += _of_rule(evidence, found, "t-averaged" if place == 0 else f"t-averaged-{place}")
    if len(every) > 1:
        rules = listed([code(found.rule) for found in every])
        blocks.append(
            paragraph(
                "What one of {rules} declares decides what is asked of the others: so their "
                "thresholds were found in turn, each with the others in force, until none moved. "
                "Every average is of the claim of its own rule, where that rule "
                "declares it.",
                rules=rules,
            )
        )
    return blocks


def _of_rule(evidence: Evidence, found: AveragedCalibration, key: str) -> list[Block]:
    """What one rule's threshold keeps, and how it was found."""
    return [
        paragraph(
            "The threshold of {rule}, which claims {claim}, was found by a search over the design "
            "prior {prior} ({weights}): {which}.{also} {how}",
            rule=code(found.rule),
            claim=given(evidence.labelled(found.claim), SOURCE),
            prior=code(found.prior),
            weights=given(found.weights, SOURCE),
            which=_which(found),
            also=_also(found),
            how=_how(found, key),
        ),
        _table(found, key),
    ]


def _said(found: AveragedCalibration, words: str) -> str:
    """Words about a success, of a further claim as they are of that."""
    return OF_CLAIMS.get(words, words) if found.made == "claimed" else words


def _which(found: AveragedCalibration) -> Line:
    kept = [
        line(
            "the probability ",
            _said(found, NOUNS[name]),
            " is ",
            SIDES[name],
            " ",
            given(value, SOURCE),
        )
        for name, value in found.wanted.items()
        if name in NOUNS
    ]
    if found.losses is None:
        return line("the smallest attainable one at which ", listed(kept))
    costs = [line(name, " costs ", given(value, SOURCE)) for name, value in found.losses.items()]
    where = line(", of those at which ", listed(kept)) if kept else ()
    return line("the attainable one with the smallest expected loss (", listed(costs), ")", where)


def _also(found: AveragedCalibration) -> Line:
    if found.success is None:
        return ()
    return prose(
        " It is no smaller than a type I error of at most {target} asks for, over {region}.",
        target=given(found.success.target, SOURCE),
        region=given(found.success.region, SOURCE),
    )


def _how(found: AveragedCalibration, key: str) -> Line:
    if found.exact:
        return prose("All of it was enumerated ({table}).", table=Reference(key))
    return prose(
        "It was chosen on {trials} trials of each scenario with a seed of its own, so that {bound} "
        "keeps what is wanted; as many fresh trials of the design as it acts say what it came to "
        "({table}).",
        trials=given(found.trials, SOURCE),
        bound="the bound of each Monte Carlo interval" if found.bounded else "each estimate",
        table=Reference(key),
    )


def _table(found: AveragedCalibration, key: str) -> Table:
    rows = [
        row(
            _said(found, HEADS[name]),
            line(SIDES[name], " ", given(found.wanted[name], SOURCE))
            if name in found.wanted
            else "–",
            Bound(figure, f"{SOURCE}: {name}").with_interval(),
            Bound(found.fresh[name], f"{SOURCE}: {name}, fresh").with_interval()
            if name in found.fresh
            else "–",
        )
        for name, figure in found.averages.items()
    ]
    return without_blank_columns(
        Table(
            key=key,
            title=line("Averages over the design prior at the threshold of ", code(found.rule)),
            head=cells("Average", "Wanted", "At the threshold", "On fresh trials"),
            rows=tuple(rows),
            align=("left", "right", "right", "right"),
        )
    )
