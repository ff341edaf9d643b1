"""When and why trials stop, and what the pipeline changes afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.report.chapters.by_role import MANY_COLUMNS, by_role
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Piece,
    Reference,
    Row,
    Table,
    Text,
    cells,
    code,
    line,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given
from adaptive_cart.report.pictures import figures_of


def stopping(evidence: Evidence) -> list[Block]:
    """Stopping by look and reason (T5), and the overrun."""
    reasons = evidence.endings
    heads = [f"{r.capitalize()}: {part}" for r in reasons for part in ("all", "reached", "so far")]
    head = cells("Scenario", "Look", "Reached", *heads)
    evidence.trace.reported(22, "t-main", "t-overrun")
    notes = [
        line("All: of all trials. Reached: of those that reached the look. So far: at this look or "
             "before, of all trials. A dash: no rule ends the trial there for that reason.")
    ]  # fmt: skip
    if evidence.rhythmic:
        notes.append(
            line("Rows that begin with “before” hold stops between looks, before the look of that "
                 "number is due; there “reached” are the trials that were still running after the "
                 "look before it.")
        )  # fmt: skip
    return [
        Heading(text="When and why trials stop", key="stopping", level=2),
        Table(
            key="t-stopping",
            title=line("Stopping by look and reason, as shares of the trials"),
            head=head,
            rows=by_role(evidence, len(head), lambda name: _rows(evidence, name)),
            align=("left", *("right",) * (len(head) - 1)),
            widths=(2.1, 0.7, 0.8, *(0.85,) * len(heads)),
            notes=tuple(notes),
            wide=len(head) > MANY_COLUMNS,
        ),
        *_by_rule(evidence),
        *figures_of(evidence, "stopping"),
        *_overrun(evidence),
    ]


def _rows(evidence: Evidence, name: str) -> list[Row]:
    """Rows of one scenario: each look, and before it what stopped between looks."""
    n = evidence.cell(name, "success").figure.n
    reasons = evidence.endings
    so_far = dict.fromkeys(reasons, 0.0)
    running = 1.0
    found: list[Row] = []
    for look in evidence.looks:
        between = {r: evidence.between(name, look, r) for r in reasons}
        at = {r: evidence.cell(name, f"stop_{r}", look=look).figure.estimate - between[r]
              for r in reasons}  # fmt: skip
        parts = [("before ", between), ("", at)] if evidence.rhythmic else [("", at)]
        for word, shares in parts:
            source = f"operating_characteristics.csv: {name}, {word}look {look}"
            shown: list[Line] = []
            for reason in reasons:
                so_far[reason] += shares[reason]
                here = [_of(shares[reason], whole, n, source) for whole in (1.0, running)]
                if shares[reason] == 0.0 and not _may_end(evidence, reason, look, bool(word)):
                    here = [Text("–"), Text("–")]  # no rule leads there
                shown += [*map(line, here), line(_of(so_far[reason], 1.0, n, source))]
            found.append(
                row(
                    code(name) if not found else "",
                    line(word, given(look, "looks")),
                    _of(running, 1.0, n, source),
                    *shown,
                )
            )
            running = max(running - sum(shares.values()), 0.0)
    return found


def _may_end(evidence: Evidence, reason: str, look: int, between: bool) -> bool:
    """Whether a rule can end the trial for a reason at a look, or between looks before it."""
    if evidence.design.adaptive or evidence.design.by_target:  # it ends when all are resolved too
        return True
    return any(
        rule.every > 0 if between else look in rule.looks
        for rule in evidence.plan.rules
        if rule.decision.ends is not None and rule.decision.ends.name == reason
    )


def _of(share: float, whole: float, n: int | None, source: str) -> Piece:
    """A share of all trials as one of those that reached the look."""
    from adaptive_cart.results.figure import exact, proportion

    if whole <= 1e-12:
        return Text("–")
    if n is None:
        return Bound(exact(share / whole), source).number()
    return Bound(proportion(round(share * n), round(whole * n)), source).number()


def _by_rule(evidence: Evidence) -> list[Block]:
    """Which rule ended the trial."""
    rules = [rule for rule in evidence.design.rules if rule.decision.may_end]
    if not any(evidence.has(name, f"decided_{r.name}") for name in evidence.scenarios
               for r in rules):  # fmt: skip
        return []

    def rows_of(name: str) -> Iterator[Row]:
        ended = (evidence.cell(name, f"decided_{rule.name}").number() for rule in rules)
        yield row(code(name), *ended)

    head = (line("Scenario"), *(line(code(rule.name)) for rule in rules))
    return [
        Table(
            key="t-by-rule",
            title=line("Which rule ended the trial, as shares of all trials"),
            head=head,
            rows=by_role(evidence, len(head), rows_of),
            align=("left", *("right",) * len(rules)),
            notes=(
                line("What each rule does is said in ", Reference("t-rules"), ". The other trials "
                     "went on to the end of the last look, or ended when every arm or stratum was "
                     "resolved."),
            ),
            wide=len(head) > MANY_COLUMNS,
        )
    ]  # fmt: skip


def _overrun(evidence: Evidence) -> list[Block]:
    if evidence.exact:
        evidence.trace.not_applicable(22, "an enumerated run knows no pipeline")
        return []
    from adaptive_cart.results.figure import mean, proportion

    trials = evidence.trials
    counts = evidence.design.primary_endpoint.binary  # of a time everybody is in the analysis
    rows = []
    for name in evidence.scenarios:
        here = trials[trials["scenario"] == name]
        won = here[here["reason"] == SUCCESS.name]
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
    if evidence.design.primary_endpoint.binary:
        return (line("Pipeline: randomised, and not in the primary analysis when the trial ends."),)
    return (
        line("Everybody randomised is in the analysis when the trial ends; what is still to come "
             "is what happens to them afterwards."),
    )  # fmt: skip
