"""What trials claim beside success: how often, with the pipeline followed up, and falsely."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.report.chapters.by_role import by_role
from adaptive_cart.report.document import Block, Line, Row, Table, code, line, row
from adaptive_cart.report.evidence import Evidence


def further_claims(evidence: Evidence) -> list[Block]:
    """Further claims by scenario, and any false claim of the trial."""
    claims = evidence.design.further_claims
    if not claims:
        return []
    again = any(rule.followed_up for rule in claims)

    def rows_of(name: str) -> Iterator[Row]:
        for rule in claims:
            measures = [f"claimed_{rule.name}", f"false_claim_{rule.name}"]
            if again:
                measures.insert(1, f"claimed_final_{rule.name}")
                measures.append(f"false_claim_final_{rule.name}")
            shown = (_shown(evidence, name, measure) for measure in measures)
            yield row(code(name), code(rule.name), *shown)
        any_false = ["any_false_claim", *(["any_false_claim_final"] if again else [])]
        shown = (_shown(evidence, name, measure) for measure in any_false)
        blank = ("",) * (2 if again else 1)
        yield row(code(name), "any, success counted in", *blank, *shown)

    after = ("Claimed after follow-up",) if again else ()
    false_after = ("False after follow-up",) if again else ()
    head = ("Scenario", "Claim", "Claimed", *after, "False", *false_after)
    return [
        Table(
            key="t-further-claims",
            title=line("Further claims (", evidence.trials_words, ")"),
            head=tuple(line(name) for name in head),
            rows=by_role(evidence, len(head), rows_of),
            align=("left", "left", *("right",) * (len(head) - 2)),
            widths=(1.5, 1.5, *(1.4,) * (len(head) - 2)),
            notes=_notes(again),
        )
    ]


def _shown(evidence: Evidence, scenario: str, measure: str) -> Line:
    """A measure with its interval; nothing where a claim is not judged again."""
    if not evidence.has(scenario, measure):
        return ()
    return evidence.cell(scenario, measure).with_interval()


def _notes(again: bool) -> tuple[Line, ...]:
    """What the columns mean, as far as they are there."""
    both = ", at the end or after follow-up" if again else ""
    notes = [
        line(
            "Claimed: at the look that ended the trial. False: what is claimed is not so in the "
            f"scenario; in the rows of any claim, a success or a further claim is false{both}."
        )
    ]
    if again:
        notes.append(line("After follow-up: with the pipeline followed up."))
    return tuple(notes)
