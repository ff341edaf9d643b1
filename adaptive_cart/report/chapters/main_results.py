"""Operating characteristics by scenario, and success by arm and stratum."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.report.chapters.by_role import MANY_COLUMNS, by_role
from adaptive_cart.report.chapters.further_claims import further_claims
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Number,
    Reference,
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


def main_results(evidence: Evidence) -> list[Block]:
    """Operating characteristics by scenario (T3)."""
    size = "n_analysed" if evidence.exact else "n_randomised"
    stops = evidence.endings[1:]

    def rows_of(name: str) -> Iterator[Row]:
        success = evidence.cell(name, "success")
        shown = success.number() if evidence.exact else success.beside_interval()
        cells_: list[Line] = [line(code(name)), line(shown)]
        if not evidence.exact:
            cells_.append(success.interval(" – "))
        early = sum(
            evidence.cell(name, "stop_success", look=k).figure.estimate
            for k in list(evidence.looks)[:-1]
        ) + evidence.between(name, evidence.looks[-1], "success")
        cells_.append(line(_share(early, success)))
        cells_ += [line(evidence.cell(name, f"stop_{s}").number()) for s in stops]
        cells_.append(line(evidence.cell(name, "no_success").number()))
        cells_.append(
            line(evidence.cell(name, f"{size}_mean").number(), " (",
                 evidence.cell(name, f"{size}_sd").number(), ")")
        )  # fmt: skip
        middle = [evidence.cell(name, f"{size}_{p}") for p in ("p50", "p05", "p95")]
        cells_.append(line(middle[0].number(), " (", middle[1].number(), "–",
                           middle[2].number(), ")"))  # fmt: skip
        if not evidence.exact:
            cells_ += [
                line(evidence.cell(name, "months_mean").number()),
                line(evidence.cell(name, "reversal").number()),
            ]
        yield Row(cells=tuple(cells_))

    interval = [] if evidence.exact else [line("MC interval")]
    last = [] if evidence.exact else [line("Months"), line("Reversal")]
    noun = "N analysed" if evidence.exact else "N"
    head = (
        line("Scenario"), line("Success"), *interval, line("Early success"),
        *(line(s.capitalize()) for s in stops), line("No success"), line(f"{noun}: mean (SD)"),
        line(f"{noun}: median (", given("5th–95th", "percentiles"), ")"), *last,
    )  # fmt: skip
    evidence.trace.reported(47, "t-main", "t-stopping")
    evidence.trace.reported(48, "t-main", "t-size")
    return [
        Heading(text="Main results", key="main", level=2),
        paragraph(
            "{table} has the operating characteristics by scenario. Success is the type I "
            "error in a null scenario and the power elsewhere. {endings} add up to all trials.",
            table=Reference("t-main"),
            endings=listed([s.capitalize() if k == 0 else s
                            for k, s in enumerate((*evidence.endings, "no success"))]),
        ),
        Table(
            key="t-main",
            title=line("Operating characteristics (", evidence.trials_words, ")"),
            head=head,
            rows=by_role(evidence, len(head), rows_of),
            align=("left", *("right",) * (len(head) - 1)),
            widths=(2.0, 0.75, *((1.3,) if interval else ()), *(0.85,) * (len(stops) + 2), 1.0,
                    1.25, *((0.75, 0.8) if last else ())),
            notes=(_main_note(evidence),),
            wide=len(head) > MANY_COLUMNS,
        ),
        *_by_target(evidence),
        *further_claims(evidence),
    ]  # fmt: skip


def _share(value: float, like: Bound) -> Number:
    from adaptive_cart.results.figure import exact, proportion

    n = like.figure.n
    figure = exact(value) if n is None else proportion(round(value * n), n)
    return Bound(figure, f"{like.source}, before the last look").number()


def _main_note(evidence: Evidence) -> Line:
    if evidence.exact:
        return prose("N analysed: participants in the primary analysis at the end.")
    return prose(
        "MC interval: {level} Monte Carlo interval. Early success: before the last look. N and "
        "months at the look that ended the trial, the pipeline counted in. Reversal: a success "
        "that the pipeline turned into a failure, among all trials. SD: standard deviation over "
        "trials.",
        level=evidence.level(),
    )


def _by_target(evidence: Evidence) -> list[Block]:
    """Success by arm and stratum, where it belongs to them."""
    design = evidence.design
    if not design.by_target:
        return []
    places = [(arm, stratum) for arm in design.experimental_names
              for stratum in (None, *design.stratum_names)]  # fmt: skip

    def rows_of(name: str) -> Iterator[Row]:
        for arm, stratum in places:
            success = evidence.cell(name, "arm_success", arm=arm, stratum=stratum)
            if not success.known:
                continue
            own = arm if evidence.several else None
            true = evidence.cell(name, "estimand", arm=own, stratum=stratum)
            target = ", ".join(part for part in (design.arm_label(arm), stratum) if part)
            yield row(
                code(name),
                given(target, "design: arms, strata"),
                true.number(),
                success.with_interval(),
                evidence.cell(name, "bias", arm=own, stratum=stratum).number(),
                evidence.cell(name, "coverage", arm=own, stratum=stratum).number(),
            )

    head = cells("Scenario", "Arm or stratum", "True", "Success", "Bias", "Coverage")
    false = [
        row(code(name), evidence.cell(name, "false_success").with_interval())
        for name in evidence.scenarios
        if evidence.has(name, "false_success")
    ]
    return [
        Table(
            key="t-targets",
            title=line("Success by arm and stratum"),
            head=head,
            rows=by_role(evidence, len(head), rows_of),
            align=("left", "left", "right", "right", "right", "right"),
            widths=(2.0, 1.2, 0.7, 1.8, 0.8, 0.9),
        ),
        Table(
            key="t-false",
            title=line("False success of any arm or stratum"),
            head=cells("Scenario", "False success"),
            rows=tuple(false),
            align=("left", "right"),
            notes=(
                line("False success: of an arm or stratum of which the claim of the rule that "
                     "declared it is not so; at its margin a claim is false."),
            ),
        ),
    ]  # fmt: skip
