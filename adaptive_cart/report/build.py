"""From a result to a report: the chapters in their order, for one audience."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from adaptive_cart.report.chapters import CHAPTERS, chapter
from adaptive_cart.report.chapters.status import draft_reasons, status
from adaptive_cart.report.chapters.title_page import SUBJECT, title_page
from adaptive_cart.report.document import (
    Audience,
    Block,
    Contents,
    PageBreak,
    Report,
    for_audience,
    numbered,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.exhibit import Exhibit
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.result import Result

SENSITIVITY_TRIALS = 1_000


class Source:
    """Everything that a report says, for every audience; built once, laid out many times."""

    def __init__(
        self,
        result: Result,
        facts: Facts | None = None,
        sensitivity_trials: int = SENSITIVITY_TRIALS,
        exhibits: Sequence[Exhibit] = (),
    ) -> None:
        self.evidence = Evidence(result, facts or Facts(), sensitivity_trials, exhibits)
        self.blocks = self._written()

    def _written(self) -> list[Block]:
        evidence = self.evidence
        front = title_page(evidence)
        chapters = [chapter(name) for name in CHAPTERS]
        written = {
            one.key: one.blocks(evidence)
            for one in sorted(chapters, key=lambda one: one.looks_back)
        }
        front += status(evidence)  # when all else has said what it reports
        front += [PageBreak(), Contents(), PageBreak()]
        return [*front, *chain.from_iterable(written[one.key] for one in chapters)]

    def report(self, audience: Audience) -> Report:
        """The report for one audience, numbered."""
        evidence = self.evidence
        blocks, labels = numbered(for_audience(self.blocks, audience))
        reasons = draft_reasons(evidence)
        draft = f"DRAFT: {'; '.join(reasons)}" if reasons else ""
        manifest = evidence.manifest
        annex = " – restricted annex" if audience == "restricted" else ""
        return Report(
            title=evidence.design.name,
            subject=SUBJECT + annex,
            footer=f"Design {manifest['digest']}, adaptive_cart {manifest['version']}{annex}",
            blocks=blocks,
            audience=audience,
            draft=draft,
            labels=labels,
        )
