"""Example trials with different conclusions, chosen by a printed rule, told from stored rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.conduct.trial import run_block
from adaptive_cart.decisions import ENDINGS, REASONS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.figures.tables_examples import EXAMPLES
from adaptive_cart.figures.tables_examples import picked as example_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Block,
    Heading,
    Line,
    Paragraph,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    secret,
    strong,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import counted, given, rounded
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.report.sensitivity import neutral

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Example:
    """One trial out of a class of trials that ended alike."""

    title: str
    scenario: str
    trial: int
    among: int


def picked(evidence: Evidence) -> list[Example]:
    """The trial that the figures show of each kind of ending."""
    found = []
    for key, kind in EXAMPLES.items():
        example = example_of(evidence.result, key)
        if example is not None:
            scenario, trial, among, _ = example
            found.append(Example(kind.words, scenario, trial, among))
    return found


def _examples(evidence: Evidence) -> list[Block]:
    """The examples, look by look."""
    chosen = picked(evidence)
    evidence.trace.reported(58, "examples")
    blocks: list[Block] = [
        paragraph(
            "One trial of each kind of ending. The rule by which they were chosen: of the "
            "trials that ended so, the scenario that has most of them is taken; its trials are "
            "ordered by the number randomised, then by months, then by their own number, and "
            "the middle one is told.{between}{annex}",
            between=" A trial that a rule stopped between looks ended before the look of that "
            "number."
            if evidence.rhythmic
            else "",
            annex=secret(
                otherwise=" The probabilities that the rules asked for at each look stand in "
                "the restricted annex."
            ),
        ),
        _overview(evidence, chosen),
    ]
    for place, example in enumerate(chosen):
        blocks += _told(evidence, example, place)
    blocks += figures_of(evidence, "examples")
    return blocks


def _lacks(evidence: Evidence) -> str:
    if not evidence.exact:
        return ""
    evidence.trace.missing(58, "a simulated run: adaptive-cart simulate --engine simulate")
    return "An enumerated run holds no single trials that could be told."


def _overview(evidence: Evidence, chosen: list[Example]) -> Table:
    rows = []
    for example in chosen:
        trial = _trial(evidence, example)
        source = f"trials.parquet: {example.scenario}, trial {example.trial}"
        rows.append(
            row(
                example.title,
                code(example.scenario),
                given(example.trial, source),
                given(example.among, "trials.parquet"),
                line("before " if trial["between"] else "", given(int(trial["look"]), source)),
                given(int(trial["n_randomised"]), source),
                rounded(float(trial["months"]), 1, source),
            )
        )
    return Table(
        key="t-examples",
        title=line("Example trials"),
        head=cells("Ending", "Scenario", "Trial", "Of so many", "Look", "N", "Months"),
        rows=tuple(rows),
        align=("left", "left", *("right",) * 5),
        widths=(2.2, 2.0, 0.7, 0.9, 0.6, 0.6, 0.8),
    )


def _trial(evidence: Evidence, example: Example) -> pd.Series:
    trials = evidence.trials
    return trials[
        (trials["scenario"] == example.scenario) & (trials["trial"] == example.trial)
    ].iloc[0]


def _told(evidence: Evidence, example: Example, place: int) -> list[Block]:
    trial = _trial(evidence, example)
    looks = evidence.look_rows
    here = looks[(looks["scenario"] == example.scenario) & (looks["trial"] == example.trial)]
    source = f"looks.parquet: {example.scenario}, trial {example.trial}"
    key = f"example-{place}"
    title = example.title[:1].upper() + example.title[1:]
    blocks: list[Block] = [Heading(text=title, key=key, level=2)]
    lines = [
        _look(
            evidence,
            here[here["look"] == number],
            int(number),
            source,
            bool(trial["between"]) and number == trial["look"],
        )
        for number in sorted(here["look"].unique())
    ]
    rows = tuple(lines)
    design = evidence.design
    asked = [rule.name for rule in design.rules]
    blocks.append(
        Table(
            key=f"t-example-{place}",
            title=line(f"{title}: trial ", given(example.trial, source), " of ",
                       code(example.scenario)),
            head=cells("Look", "Month", "Randomised",
                       *evidence.arms(),
                       *(line(code(name)) for name in asked)),
            rows=rows,
            align=("right",) * (3 + len(design.arm_names) + len(asked)),
            notes=(
                line(
                    "Under each arm ",
                    evidence.design.primary_endpoint.gives.holds,
                    ".",
                    secret(
                        " Under each rule the probability that it asked for; the largest where it "
                        "asks about several; a dash where it was not judged.",
                        otherwise="",
                    ),
                ),
            ),
        )
    )  # fmt: skip
    blocks.append(Paragraph(line=_ending(evidence, trial, source)))
    replay = _replayed(evidence, example, trial)
    blocks.append(
        Paragraph(
            line=prose(
                "To have it again: {command}. Replayed for this report, it gave {verdict}.",
                command=code(
                    f"adaptive-cart example design.toml --scenario {example.scenario} "
                    f"--trial {example.trial} --seed {evidence.manifest['seed']}"
                ),
                verdict="the same numbers to the last bit" if replay else "OTHER NUMBERS",
            ),
            audience="restricted",
        )
    )
    return blocks


def _look(evidence: Evidence, rows: pd.DataFrame, number: int, source: str, between: bool) -> Row:
    design = evidence.design
    by_arm: list[Line] = []
    for arm in design.arm_names:
        own = rows[rows["arm"] == arm]
        by_arm.append(line(given(_seen(own, design), source)))
    asked = []
    for rule in design.rules:
        column = f"p_{rule.name}"
        values = rows[column].to_numpy(dtype=float) if column in rows else np.array([np.nan])
        known = values[np.isfinite(values)]
        shown = line("–") if len(known) == 0 else line(rounded(float(known.max()), 4, source))
        asked.append(line(secret(shown, otherwise=WITHHELD_SHORT)))
    return row(
        line("before " if between else "", given(number, source)),
        rounded(float(rows["months"].iloc[0]), 1, source),
        given(int(rows["n_randomised"].sum()), source),
        *by_arm,
        *asked,
    )


def _seen(own: pd.DataFrame, design: Design) -> str:
    """What has been seen of the primary in an arm: "10/24", "3 in 120.5 months"."""
    kind = design.primary_endpoint.gives
    names = kind.empty(1, 1).columns()
    return kind.seen({name: float(own[f"{design.primary}_{name}"].sum()) for name in names})


def whose_success(evidence: Evidence, trial: pd.Series, source: str) -> Line:
    """Of which arms or strata success was declared, and at which look; blank of none."""
    found: list[Line] = []
    for estimand in evidence.estimands:
        look = trial.get(f"success{estimand.suffix}", 0)
        if look > 0:
            whose = given(evidence.estimand_label(estimand), "design: arms")
            found.append(line(whose, " (look ", given(int(look), source), ")"))
    return prose(" Success was declared of {whom}.", whom=listed(found)) if found else ()


def _ending(evidence: Evidence, trial: pd.Series, source: str) -> Line:
    ending = ENDINGS[REASONS.index(str(trial["reason"]))]
    look = line("Between looks, before look " if trial["between"] else "At look ",
                given(int(trial["look"]), source))  # fmt: skip
    said = prose(
        "{look} in month {month} the trial {reason}; {n} have been randomised, "
        "{analysed} analysed.",
        look=look,
        month=rounded(float(trial["months"]), 1, source),
        reason=line(strong(ending.does)),
        n=given(int(trial["n_randomised"]), source),
        analysed=given(int(trial["n_analysed"]), source),
    )
    pipeline = int(trial["n_analysed_final"]) - int(trial["n_analysed"])
    columns = [e.suffix for e in evidence.estimands]
    estimates = [
        (f"estimate{s}", f"estimate{s}_final") for s in columns if f"estimate{s}" in trial.index
    ]
    if not estimates or len(estimates) > 1:
        return line(said, whose_success(evidence, trial, source))
    first, final = estimates[0]
    more = prose(
        " The estimated {kind} is {value}",
        kind=evidence.estimand_words(),
        value=rounded(float(trial[first]), 3, source),
    )
    later = np.isfinite(float(trial[final])) and trial[final] != trial[first]
    if pipeline > 0 or later:
        outcome = ""
        if ending == SUCCESS:
            outcome = (
                ", and the success is reversed"
                if trial["reversal"]
                else (", and the success stands")
            )
        more += prose(
            "; after {who} been followed up it is {value}{outcome}.",
            who=line(counted(pipeline, source), " more has" if pipeline == 1 else " more have")
            if pipeline
            else "everybody has",
            value=rounded(float(trial[final]), 3, source),
            outcome=outcome,
        )  # fmt: skip
    else:
        more += line(".")
    return said + more


def _replayed(evidence: Evidence, example: Example, trial: pd.Series) -> bool:
    """Whether the trial, simulated again alone, gives the stored numbers."""
    unknown = neutral(evidence.plan)  # coverage is not compared
    latents = latents_for(evidence.design, int(evidence.manifest["seed"]), example.trial, 1)
    block = run_block(evidence.plan, evidence.truths[example.scenario], unknown, latents)
    same = [
        int(block.look[0]) == int(trial["look"]),
        float(block.months[0]) == float(trial["months"]),
        int(block.randomised[0].sum()) == int(trial["n_randomised"]),
        int(block.analysed[0].sum()) == int(trial["n_analysed"]),
    ]
    for place, estimand in enumerate(evidence.estimands):
        stored = float(trial[f"estimate{estimand.suffix}"])
        same.append(stored == float(block.estimate[0, place]) or not np.isfinite(stored))
    return all(same)


def all_replayed(evidence: Evidence) -> tuple[int, int]:
    """How many of the example trials gave the stored numbers when simulated again, of how many."""
    if evidence.exact:
        return 0, 0
    chosen = picked(evidence)
    good = sum(_replayed(evidence, e, _trial(evidence, e)) for e in chosen)
    return good, len(chosen)


CHAPTER = Chapter(key="examples", title="Example trials", sections=(_examples,), lacks=_lacks)
