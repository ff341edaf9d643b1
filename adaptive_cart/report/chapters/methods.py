"""How the simulations were run: trials, precision, random numbers, software (T8)."""

from __future__ import annotations

import math

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    Block,
    Heading,
    Items,
    Paragraph,
    Reference,
    Table,
    cells,
    code,
    line,
    paragraph,
    prose,
    row,
    strong,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given, significant


def _engine(evidence: Evidence) -> list[Block]:
    if evidence.exact:
        words = prose(
            "The run was enumerated: the probability of every table of counts is carried from "
            "look to look, and the rules are judged on every table. There is no Monte Carlo error. "
            "What depends on calendar time is left out."
        )
    else:
        words = prose(
            "Trials are simulated participant by participant, from arrival and randomisation "
            "through the course of the disease. At each look the course is cut to what could be "
            "seen on that date, the posterior is computed and the rules are judged in order. When "
            "a trial has ended, those in the pipeline are followed up and the last decision is "
            "judged again."
        )
    return [Heading(text="Engine", key="engine", level=2), Paragraph(line=words)]


def _precision(evidence: Evidence) -> list[Block]:
    trace = evidence.trace
    rows = []
    for name in evidence.scenarios:
        success = evidence.cell(name, "success")
        asked = evidence.trials_of(name)
        failed = evidence.cell(name, "failed")
        count = round(failed.figure.estimate * (failed.figure.n or 0)) if failed.known else 0
        rows.append(
            row(
                code(name),
                "enumerated" if evidence.exact else asked,
                "–" if evidence.exact else asked,
                "–" if evidence.exact else given(count, failed.source),
                "–" if evidence.exact else given(success.figure.n or 0, success.source),
                success.mcse(),
                evidence.run_fact("seed") if not evidence.exact else "none",
                given(evidence.manifest["engine"], "manifest: engine"),
            )
        )
    blocks: list[Block] = [Heading(text="Number of trials and precision", key="precision", level=2)]
    if not evidence.exact:
        fewest = min(evidence.manifest["trials"].values())
        rates = (0.025, 0.5, 0.9)
        shown = [
            prose(
                "{error} at a probability of {rate}{stop}",
                rate=given(rate, "methods"),
                error=significant(math.sqrt(rate * (1 - rate) / fewest), 2, "methods"),
                stop="." if rate == rates[-1] else ";",
            )
            for rate in rates
        ]
        blocks += [
            paragraph(
                "The number of trials a scenario is chosen by the precision it gives. With "
                "{trials} trials the Monte Carlo standard error of a probability is:",
                trials=given(fewest, "manifest: trials"),
            ),
            Items(lines=tuple(shown)),
            paragraph(
                "Every simulated number of this report has a Monte Carlo standard error in "
                "{table}; no number in the text has more digits than that allows. Intervals of "
                "proportions are Wilson's.",
                table=Reference("t-all"),
            ),
        ]
    seconds = evidence.manifest["seconds"]
    blocks.append(
        Table(
            key="t-computation",
            title=line("Computation: trials asked for, analysed, failed and used"),
            head=cells("Scenario", "Asked for", "Analysed", "Failed", "Used", "MCSE of success",
                       "Seed", "Engine"),
            rows=tuple(rows),
            align=("left", *("right",) * 6, "left"),
            widths=(2.05, 0.75, 0.75, 0.6, 0.65, 0.85, 0.85, 0.75),
            notes=(
                prose(
                    "Failed: a posterior could not be computed; such a trial stays in and counts "
                    "as no success. Whole run: {seconds} seconds. Design {digest}.",
                    seconds=given(round(seconds, 1), "manifest: seconds"),
                    digest=code(evidence.manifest["digest"]),
                ),
            ),
        )
    )  # fmt: skip
    trace.reported(35, "precision", "t-computation")
    trace.reported(36, "precision", "t-all")
    trace.reported(37, "t-computation")
    return blocks


def _numbers(evidence: Evidence) -> list[Block]:
    versions = evidence.manifest["versions"]
    rows = [
        row("adaptive_cart", given(evidence.manifest["version"], "manifest: version")),
        *(
            row(name, given(value, f"manifest: versions.{name}"))
            for name, value in versions.items()
        ),
    ]
    items = [
        line(
            strong("Generator: "),
            "Philox, counter based. A participant is a handful of uniforms that belong to the "
            "seed, the trial's number and a purpose.",
        ),
        line(
            strong("Streams: "),
            "the same trial has the same participants in every scenario (common random numbers), "
            "so that differences between scenarios are paired. Another number of processes, "
            "another size of blocks or a resumed run gives the same bits.",
        ),
        line(
            strong("Replay: "),
            "each trial can be had again alone by its number: ",
            code("adaptive-cart example design.toml --scenario NAME --trial NUMBER"),
            ".",
        ),
    ]
    evidence.trace.reported(38, "random")
    evidence.trace.reported(39, "t-software")
    if evidence.exact:
        items = [line("An enumerated run draws no random numbers.")]
    return [
        Heading(text="Random numbers", key="random", level=2),
        Items(lines=tuple(items)),
        Heading(text="Software", key="software", level=2),
        Table(
            key="t-software",
            title=line("Software and machine of the run"),
            head=cells("Part", "Version"),
            rows=tuple(rows),
            widths=(1.4, 4.0),
        ),
    ]


CHAPTER = Chapter(
    key="methods", title="Simulation methods", sections=(_engine, _precision, _numbers)
)
