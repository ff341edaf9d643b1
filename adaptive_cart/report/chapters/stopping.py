"""When and why trials stop, and what the pipeline changes afterwards."""

from __future__ import annotations

from adaptive_cart.report.chapters.by_role import MANY_COLUMNS, headed
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Row,
    Table,
    cells,
    code,
    line,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence, per_scenario
from adaptive_cart.report.numbers import Bound, given, rounded
from adaptive_cart.report.pictures import figures_for


def stopping(evidence: Evidence) -> list[Block]:
    """Stopping by look and reason (T5), and the overrun."""
    from adaptive_cart.results.operating import exact, proportion

    rows: dict[str, list[Row]] = {}
    reasons = evidence.endings
    for role, names in per_scenario(evidence):
        rows[role] = []
        for name in names:
            reached = 1.0
            n = evidence.cell(name, "success").figure.n
            cumulative = dict.fromkeys(reasons, 0.0)
            for look in evidence.looks:
                here = {r: evidence.cell(name, f"stop_{r}", look=look) for r in reasons}
                shown: list[Line] = []
                for reason in reasons:
                    bound = here[reason]
                    cumulative[reason] += bound.figure.estimate
                    of_reached: Line = line("–")
                    if reached > 1e-12:
                        events = round(bound.figure.estimate * (n or 0))
                        those = round(reached * (n or 0))
                        figure = (
                            exact(bound.figure.estimate / reached)
                            if n is None
                            else proportion(events, those)
                        )
                        source = f"{bound.source} / reached"
                        of_reached = line(Bound(figure, source).number())
                    total = cumulative[reason]
                    sum_ = exact(total) if n is None else proportion(round(total * n), n)
                    shown += [
                        line(bound.number()),
                        of_reached,
                        line(Bound(sum_, f"{bound.source}, cumulative").number()),
                    ]
                ended = sum(bound.figure.estimate for bound in here.values())
                rows[role].append(
                    row(
                        code(name) if look == 1 else "",
                        given(look, "looks"),
                        rounded(max(reached, 0.0), 3, f"{name}: reached look {look}"),
                        *shown,
                    )
                )
                reached -= ended
    heads = [f"{r.capitalize()}: {part}" for r in reasons for part in ("all", "reached", "so far")]
    head = cells("Scenario", "Look", "Reached", *heads)
    evidence.trace.reported(22, "t-main", "t-overrun")
    return [
        Heading(text="When and why trials stop", key="stopping", level=2),
        Table(
            key="t-stopping",
            title=line("Stopping by look and reason, as shares of the trials"),
            head=head,
            rows=headed(rows, len(head)),
            align=("left", *("right",) * (len(head) - 1)),
            widths=(2.1, 0.5, 0.8, *(0.85,) * len(heads)),
            notes=(
                line("All: of all trials. Reached: of those that reached the look. So far: at "
                     "this look or before, of all trials."),
            ),
            wide=len(head) > MANY_COLUMNS,
        ),
        *figures_for(evidence, "F6"),
        *_overrun(evidence),
    ]  # fmt: skip


def _overrun(evidence: Evidence) -> list[Block]:
    if evidence.exact:
        evidence.trace.not_applicable(22, "an enumerated run knows no pipeline")
        return []
    from adaptive_cart.results.operating import mean, proportion

    trials = evidence.trials
    counts = evidence.kind_of_primary == "counts"  # of a time everybody is in the analysis
    rows = []
    for name in evidence.scenarios:
        here = trials[trials["scenario"] == name]
        won = here[here["reason"] == "success"]
        pipeline = (here["n_analysed_final"] - here["n_analysed"]).to_numpy().astype(float)
        reversal = proportion(int(won["reversal"].sum()), len(won))
        source = f"trials.parquet: {name}"
        given_success = Bound(reversal, f"{source}, reversal given success")
        rows.append(
            row(
                code(name),
                Bound(mean(pipeline), f"{source}, pipeline", "mean").number() if counts else "–",
                given(len(won), source),
                evidence.cell(name, "reversal").number(),
                given_success.with_interval() if len(won) else "–",
            )
        )
    return [
        without_blank_columns(
            Table(
                key="t-overrun",
                title=line(
                    "Overrun: who is still to be seen when the trial ends, and what it changes"
                ),
                head=cells("Scenario", "Mean pipeline", "Successes", "Reversal, of all",
                           "Reversal, of the successes"),
                rows=tuple(rows),
                align=("left", *("right",) * 4),
                widths=(2.2, 1.0, 0.9, 1.2, 2.0),
                notes=_still_to_come(evidence),
            )
        )
    ]  # fmt: skip


def _still_to_come(evidence: Evidence) -> tuple[Line, ...]:
    if evidence.kind_of_primary == "counts":
        return (line("Pipeline: randomised, and not in the primary analysis when the trial ends."),)
    return (
        line("Everybody randomised is in the analysis when the trial ends; what is still to come "
             "is what happens to them afterwards."),
    )  # fmt: skip
