"""A programme as a section of the report of its controlled trial, in the restricted annex alone.

How often a candidate that goes on succeeds, and what is believed of early data, is for those who
decide which trials are run, and not for those who run this one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from adaptive_cart.errors import ResultsError
from adaptive_cart.programmes.measured import HOLD_UP, Key
from adaptive_cart.programmes.pictures import alternative_text, caption, draw_page
from adaptive_cart.programmes.result import COMPLETE, RECORD, KeptProgramme
from adaptive_cart.report.document import (
    Block,
    Figure,
    Heading,
    Line,
    Reference,
    Table,
    cells,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, Kind, given
from adaptive_cart.results.enumerated import enumerated

SOURCE = "measures.csv"
TITLE = "From early data to this trial: a programme of candidates"
ROWS: tuple[tuple[str, Key, Kind], ...] = (
    ("Candidates that go on, mean", ("number_go", "portfolio"), "mean"),
    ("Candidates that succeed, mean", ("number_succeed", "portfolio"), "mean"),
    ("Candidates that hold up, mean", (f"number_{HOLD_UP}", "portfolio"), "mean"),
    ("Candidates that work, mean", ("number_work", "portfolio"), "mean"),
    ("Goes on", ("P(go)", "all"), "probability"),
    ("Goes on, if it works", ("P(go)", "work"), "probability"),
    ("Goes on, if it does not work", ("P(go)", "not_work"), "probability"),
    ("Succeeds, if it goes on", ("P(succeed)", "go"), "probability"),
    ("Works, if it succeeds", ("P(work)", "succeed"), "probability"),
    ("Works, if it was stopped early", ("P(work)", "no_go"), "probability"),
    ("Early result less the truth, of all", ("early_overstated", "all"), "difference"),
    ("Early result less the truth, of those that go on", ("early_overstated", "go"), "difference"),
    ("Participants of a portfolio, mean", ("participants", "portfolio"), "mean"),
    ("Given what does not work, mean", ("exposed_to_no_effect", "portfolio"), "mean"),
    ("Controls of what works, mean", ("denied_an_effect", "portfolio"), "mean"),
    ("Months until all are decided, mean", ("months_until_all_decided", "portfolio"), "mean"),
)


@dataclass(frozen=True)
class ProgrammeExhibit:
    """A simulated programme as a section of the report.

    Attributes
    ----------
    title
        Of the programme.
    digest
        Fingerprint of the design of its controlled trial.
    portfolios
        How many were simulated.
    """

    found: KeptProgramme
    title: str
    digest: str
    portfolios: int
    chapter = "sensitivity"

    @staticmethod
    def read(folder: Path) -> ProgrammeExhibit:
        """Read the folder that ``programme`` wrote.

        Raises
        ------
        ResultsError
            If a file is missing, is damaged, or was written by another version.
        """
        found = KeptProgramme(folder)
        try:
            told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            if enumerated(told):
                raise ValueError("it was enumerated: its page shows candidates that are drawn")
            parts = (found.measures, found.distributions, found.candidates)
            if told["status"] != COMPLETE or not all(parts):
                raise ValueError("it is not finished")
            return ProgrammeExhibit(
                found, told["name"], told["controlled_design"], int(told["portfolios"])
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultsError(
                f"{folder}: holds no programme as this version writes it ({error}); run "
                "`adaptive-cart programme` again"
            ) from None

    @property
    def key(self) -> str:
        """One for each name of a folder."""
        return f"programme-{self.found.folder.name}"

    @property
    def name(self) -> str:
        """What it is."""
        return f"the programme in {self.found.folder}"

    def belongs_to(self, digest: str) -> bool:
        """Whether its controlled trial is of the design of this fingerprint."""
        return self.digest == digest

    def blocks(self, evidence: Evidence) -> list[Block]:
        """What was simulated, a table and the page of figures; restricted."""
        found, key = self.found, self.key
        blocks: list[Block] = [
            Heading(text=TITLE, key=key, level=2),
            paragraph(
                "In the programme {name} this design is the controlled trial of {count} "
                "candidates, simulated from their early trials on, in {portfolios} portfolios. Of "
                "a portfolio {go} candidates go on, {succeed} succeed and {hold} hold up: they "
                "succeed and work as claimed. {table} has the numbers, {figure} shows them. They "
                "rest on what the programme assumes of candidates before any data.",
                name=given(f"“{self.title}”", RECORD),
                count=given(found.count, RECORD),
                portfolios=given(self.portfolios, RECORD),
                go=self._told("number_go"),
                succeed=self._told("number_succeed"),
                hold=self._told(f"number_{HOLD_UP}"),
                table=Reference(f"t-{key}"),
                figure=Reference(f"f-{key}"),
            ),
            self._table(),
            Figure(
                key=f"f-{key}",
                title=line(TITLE),
                caption=line(given(caption(found), SOURCE)),
                alternative=alternative_text(found),
                draw=lambda: draw_page(found),
            ),
        ]
        return [replace(block, audience="restricted") for block in blocks]

    def _told(self, measure: str) -> Line:
        key = (measure, "portfolio")
        return Bound(self.found.measures[key], _address(key), "mean").with_interval()

    def _table(self) -> Table:
        measures = self.found.measures
        return Table(
            key=f"t-{self.key}",
            title=line(TITLE, ": candidates and portfolios"),
            head=cells("Measure", "Estimate and Monte Carlo interval"),
            rows=tuple(
                row(label, Bound(measures[key], _address(key), kind).with_interval())
                for label, key, kind in ROWS
                if key in measures
            ),
            align=("left", "right"),
            notes=(line("Simulated by portfolio, which is what is independent."),),
        )


def _address(key: Key) -> str:
    return f"{SOURCE}: {key[0]}, {key[1]}"
