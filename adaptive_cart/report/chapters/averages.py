"""Operating characteristics averaged over the design's own design priors."""

from __future__ import annotations

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given
from adaptive_cart.results.averages import MEANS
from adaptive_cart.results.store import AVERAGES
from adaptive_cart.telling.averages import draws_in_words, weights_in_words

HEADS = {
    "assurance": "Assurance",
    "type_one_error_average": "Average type I error",
    "false_discovery": "Claim false, given success",
    "false_omission": "Claim true, given no success",
    "correct_decision": "Correct decision",
    "claimed_at_success": "Posterior of the claim, given success",
    "participants_helped": "Participants helped",
    "participants_harmed": "Participants harmed",
}


CALIBRATION, AS_DISTRIBUTION, AT_STOPPING = 55, 62, 66  # numbers of the items


def averages(evidence: Evidence) -> list[Block]:
    """What each design prior weighs, and a table of averages; nothing without design priors."""
    found = evidence.result.averages
    if not found:
        return []
    shown = [name for name in HEADS if any(name in figures for figures in found.values())]
    rows: list[Row] = []
    for prior, figures in found.items():
        numbers = [
            Bound(
                figures[name],
                f"{AVERAGES}: {prior}, {name}",
                "amount" if name in MEANS else "probability",
            ).with_interval()
            if name in figures
            else ""
            for name in shown
        ]
        rows.append(row(code(prior), *numbers))
    said = [
        paragraph(
            "The design prior {name} weighs {weights}.{drawn}",
            name=code(prior),
            weights=given(
                weights_in_words(evidence.design, prior), f"design: design_prior.{prior}"
            ),
            drawn=_drawn(evidence, prior),
        )
        for prior in found
    ]
    evidence.trace.reported(54, "averages", "t-averages")
    _traced(evidence, shown)
    return [
        Heading(text="Averages over what may be true", key="averages", level=2),
        *said,
        Table(
            key="t-averages",
            title=line("Operating characteristics averaged over design priors"),
            head=cells("Design prior", *(HEADS[name] for name in shown)),
            rows=tuple(rows),
            align=("left", *("right",) * len(shown)),
            wide=len(shown) > 6,
            notes=(
                prose(
                    "In brackets Monte Carlo intervals, where trials were simulated. Helped: "
                    "participants who have the primary outcome, or are spared it where it is a "
                    "harm, because they were randomised to an experimental arm and not to the "
                    "control; harmed: the opposite. A design prior is no part of any analysis; "
                    "where it agrees with the analysis prior, the posterior probability of the "
                    "claim at a success is, on average, that of its being true."
                ),
            ),
        ),
    ]


def _drawn(evidence: Evidence, prior: str) -> Line:
    """Values of the truth that it draws, each with its distribution; nothing where it has none."""
    source = f"design: design_prior.{prior}"
    told = [
        line(code(path), " from ", given(words, source))
        for path, words in draws_in_words(evidence.design, prior).items()
    ]
    return line(" Drawn anew in every trial: ", listed(told), ".") if told else ()


def _traced(evidence: Evidence, shown: list[str]) -> None:
    """What of the list the table supplies."""
    priors = evidence.design.design_prior
    if any(prior.draw or prior.early_data for prior in priors.values()):
        evidence.trace.reported(AS_DISTRIBUTION, "averages", "t-averages")
    else:
        evidence.trace.missing(AS_DISTRIBUTION)
    if "claimed_at_success" in shown:
        for item in (CALIBRATION, AT_STOPPING):
            evidence.trace.reported(item, "t-averages")
