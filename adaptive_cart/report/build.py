"""From a result to a report: the chapters in their order, for one audience."""

from __future__ import annotations

from adaptive_cart.report.chapters import appendices
from adaptive_cart.report.chapters.assumptions import assumptions
from adaptive_cart.report.chapters.characteristics import characteristics
from adaptive_cart.report.chapters.conclusions import conclusions
from adaptive_cart.report.chapters.conduct import conduct
from adaptive_cart.report.chapters.design import design
from adaptive_cart.report.chapters.examples import examples
from adaptive_cart.report.chapters.methods import methods
from adaptive_cart.report.chapters.model import model
from adaptive_cart.report.chapters.opening import SUBJECT, summary, title_page
from adaptive_cart.report.chapters.purpose import aims
from adaptive_cart.report.chapters.rules import rules
from adaptive_cart.report.chapters.safety import safety
from adaptive_cart.report.chapters.sensitivity import sensitivity
from adaptive_cart.report.chapters.status import draft_reasons, status
from adaptive_cart.report.document import Audience, Block, Contents, Report, for_audience, numbered
from adaptive_cart.report.evidence import Evidence
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
    ) -> None:
        self.evidence = Evidence(result, facts or Facts(), sensitivity_trials)
        self.blocks = self._written()

    def _written(self) -> list[Block]:
        evidence = self.evidence
        front = title_page(evidence)
        main = [
            *summary(evidence),
            *aims(evidence),
            *design(evidence),
            *model(evidence),
            *rules(evidence),
            *assumptions(evidence),
            *methods(evidence),
            *characteristics(evidence),
            *sensitivity(evidence),
            *safety(evidence),
            *examples(evidence),
            *conduct(evidence),
        ]
        last = [*appendices.verification(evidence), *appendices.code_and_manifest(evidence)]
        # written when all else has said what it reports
        end = conclusions(evidence)
        trace = appendices.traceability(evidence)
        place = next(k for k, block in enumerate(front) if isinstance(block, Contents)) - 1
        front[place:place] = status(evidence)
        return [*front, *main, *end, *last, *trace, *appendices.everything(evidence)]

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
