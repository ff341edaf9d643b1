"""The worst case of an error over all truths at which a claim is false, and its certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adaptive_cart.figures.worst_case import draw_worst_case
from adaptive_cart.report.document import (
    Block,
    Figure,
    Heading,
    Line,
    Paragraph,
    Reference,
    Table,
    cells,
    line,
    paragraph,
    prose,
    row,
    sentence,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, rounded, significant
from adaptive_cart.results.bounds import at_least, at_most
from adaptive_cart.results.kept_worst_case import read_worst_case
from adaptive_cart.results.worst_case import Certificate, Stated, WorstCase

NULL_REGION = 28  # number of the item
SHOWN = 11  # places of the table
SOURCE = "worst_case.json"


@dataclass(frozen=True)
class WorstCaseExhibit:
    """A worst case as a section of the report."""

    found: WorstCase
    chapter = "characteristics"

    @staticmethod
    def read(folder: Path) -> WorstCaseExhibit:
        """Read the folder that ``worst-case`` wrote."""
        return WorstCaseExhibit(read_worst_case(folder))

    @property
    def key(self) -> str:
        """One for each measure and what varies."""
        return f"worst-{self.found.measure.replace('_', '-')}-{self.found.over}"

    @property
    def name(self) -> str:
        """What it is."""
        return f"the worst case of '{self.found.design}'"

    def belongs_to(self, digest: str) -> bool:
        """Whether it is of the design of this fingerprint."""
        return self.found.digest == digest

    def blocks(self, evidence: Evidence) -> list[Block]:
        """What was found, the certificate, a table and a figure."""
        found, key = self.found, self.key
        if not found.of.at_effect:
            evidence.trace.reported(NULL_REGION, f"t-{key}")
        return [
            Heading(text=_title(found), key=key, level=2),
            Paragraph(line=_largest(evidence, found, key)),
            *(Paragraph(line=said) for said in _certified(evidence, found)),
            *_promised(found),
            _table(evidence, found, key),
            Figure(
                key=f"f-{key}",
                title=line(_title(found)),
                caption=line(given(_caption(found), SOURCE)),
                alternative=evidence.labelled(found.words()),
                draw=lambda: draw_worst_case(found),
            ),
        ]


def between_the_points(evidence: Evidence, simulated: bool) -> Line:
    """What is known of the type I error between the truths at which a calibration looked."""
    bounding = [
        one
        for one in evidence.exhibits
        if isinstance(one, WorstCaseExhibit)
        and not one.found.of.at_effect
        and one.found.bound is not None
    ]
    if not bounding:
        return line(" Between these truths the search bounds nothing." if simulated else "")
    (first, *_) = bounding
    return prose(
        " Between these truths the search bounds nothing; {table} has what the error exceeds "
        "nowhere over {region}, {how}.",
        table=Reference(f"t-{first.key}"),
        region=given(evidence.labelled(_bounded_over(first.found)), SOURCE),
        how="proven" if first.found.certificate is not None else "with stated confidence",
    )


def _bounded_over(found: WorstCase) -> str:
    """The truths over which a bound holds."""
    if found.stated is None:
        return found.region
    return found.stated.over or (
        "the control rates, at the effects at which the claim is just false"
    )


def _title(found: WorstCase) -> str:
    if found.of.at_effect:
        return f"{found.of.worst[:1].upper()}{found.of.worst[1:]} over the control rates"
    return f"Largest type I error over the null region{found.across.title}"


def _error(found: WorstCase) -> Line:
    if found.exact:
        return line(rounded(found.worst.figure.estimate, 6, SOURCE), ", enumerated,")
    return line(Bound(found.worst.figure, SOURCE).with_interval())


def _largest(evidence: Evidence, found: WorstCase, key: str) -> Line:
    """The worst point; of a simulated curve, what fresh trials say of it."""
    said = prose(
        "Over {region}, the {which} is {error} at {at}; {table} and {figure} have the rest.",
        region=given(evidence.labelled(found.region), SOURCE),
        which=found.of.worst,
        error=_error(found),
        at=given(evidence.labelled(found.worst.name), SOURCE),
        table=Reference(f"t-{key}"),
        figure=Reference(f"f-{key}"),
    )
    if found.fresh is None:
        return said
    side = "small" if found.of.smallest else "large"
    return said + prose(
        " That is the {side}est of {many} estimates from {trials} trials each, and so too {side} "
        "by chance; on {anew} fresh trials it is {fresh}.",
        side=side,
        many=given(len(found.places), SOURCE),
        trials=given(found.trials, SOURCE),
        anew=given(found.fresh.n, f"{SOURCE}: fresh"),
        fresh=Bound(found.fresh, f"{SOURCE}: fresh").with_interval(),
    )


def _certified(evidence: Evidence, found: WorstCase) -> list[Line]:
    """What is proven of all truths between those that were looked at."""
    certificate = found.certificate
    if found.stated is not None:
        return [_with_confidence(evidence, found, found.stated)]
    if certificate is None:
        return [
            prose(
                "Nothing is proven of truths between those: {why}.",
                why=given(found.why_none or "no certificate was asked for", SOURCE),
            )
        ]
    if not certificate.holds:
        return [
            prose(
                "The certificate does not hold: {bound} is exceeded at {many} random truths. It "
                "must not be used.",
                bound=rounded(certificate.bound, 9, SOURCE),
                many=given(certificate.exceeded, SOURCE),
            )
        ]
    return [_proven(found, certificate)]


def _proven(found: WorstCase, certificate: Certificate) -> Line:
    power = found.of.smallest
    return prose(
        "Certificate: nowhere in the region is it {side} {bound}, which lies {gap} from the "
        "{which} found, {found}. The error is a polynomial of degree {degree} in the rates, "
        "bounded in Bernstein form {how}, in {pieces} {noun}; what rounding can have done is "
        "counted in. It was tried at {tried} random truths of the region, worked out another way: "
        "none lies beyond it.",
        side="below" if power else "above",
        bound=given(found.bound_text(certificate), SOURCE),
        gap=significant(certificate.gap, 2, SOURCE),
        which="smallest" if power else "largest",
        found=rounded(1.0 - certificate.found if power else certificate.found, 9, SOURCE),
        degree=given(certificate.degree, SOURCE),
        how=certificate.over
        or (
            "at the margins of the claims, since success was found to be more likely the more "
            "respond on every final table"
            if certificate.monotone
            else "over all pairs of rates at which a claim is false"
        ),
        pieces=given(certificate.pieces, SOURCE),
        noun="piece" if certificate.pieces == 1 else "pieces",
        tried=given(certificate.tried, SOURCE),
    )


def _with_confidence(evidence: Evidence, found: WorstCase, stated: Stated) -> Line:
    """What is exceeded nowhere, of what is simulated; of power, what is reached everywhere."""
    sure, lower = given(f"{stated.confidence:.0%}", SOURCE), found.of.smallest
    if not stated.holds:
        return prose(
            "The bound with confidence {sure} does not hold: {bound} is exceeded at {many} random "
            "truths, beyond chance. It must not be used.",
            sure=sure,
            bound=rounded(1.0 - stated.bound if lower else stated.bound, 6, SOURCE),
            many=given(stated.exceeded, SOURCE),
        )
    what = {"false_success": "the error", "power": "the power"}.get(
        found.measure, "the probability of such a stop"
    )
    bound = at_least(1.0 - stated.bound, 6) if lower else at_most(stated.bound, 6)
    said = prose(
        "With confidence {sure} {what} {verb} {bound} ",
        sure=sure,
        what=what,
        verb="falls nowhere below" if lower else "exceeds",
        bound=given(bound, SOURCE),
    )
    rest = {
        "trials": given(stated.trials, SOURCE),
        "found": significant(1.0 - stated.found if lower else stated.found, 4, SOURCE),
        "at": given(evidence.labelled(stated.at), SOURCE),
        "tried": given(stated.tried, SOURCE),
        "tiles": given(stated.tiles, SOURCE),
    }
    shown = (
        " To show it, at {tiles} of them {trials} fresh trials were simulated, and all of these "
        "weighed for every other truth, by how likely what they showed is there. "
        if stated.weighed
        else " To show it, at {tiles} of them {trials} fresh trials were simulated, with "
        "Clopper-Pearson bounds there and an exponential tilt between them. "
    )
    if not stated.over:
        return said + prose(
            "nowhere over these control rates, at the effects at which the claim is just false."
            + shown
            + "The largest estimate is {found} at {at}. It was tried at {tried} random truths: at "
            "none is the error above it, beyond chance. Smaller effects are not bounded.",
            **rest,
        )
    return said + prose(
        "{nowhere}over {over}."
        + shown
        + "The {which} estimate is {found} at {at}; the bound lies {gap} from it, and more such "
        "truths would bring it nearer. It was tried at {tried} random truths: at none is {what} "
        "beyond it by more than chance.",
        nowhere="" if lower else "nowhere ",
        over=given(evidence.labelled(stated.over), SOURCE),
        which="smallest" if lower else "largest",
        gap=significant(stated.gap, 2, SOURCE),
        what=what,
        **rest,
    )


def _promised(found: WorstCase) -> list[Block]:
    """Whether what the design promises is kept, and how sure that is."""
    if found.target is None or found.of.at_effect:
        return []
    target = given(found.target, "design: calibration.type_one_error")
    if found.judged.estimate > found.target:
        said = paragraph(
            "That is more than the {target} that the design promises{chance}.",
            target=target,
            chance=", though by no more than chance may do" if found.hangs_on_chance else "",
        )
        return [Paragraph(line=said.line, role="warning")]
    if found.stated is not None and found.stated.holds:
        shown = found.bound is not None and found.bound <= found.target
        return [
            paragraph(
                "The design promises at most {target}: {known}.",
                target=target,
                known="with this confidence shown"
                if shown
                else "not contradicted here, and not shown, since the bound is above it",
            )
        ]
    proven = found.bound is not None and found.bound <= found.target
    return [
        paragraph(
            "The design promises at most {target}: {known}.",
            target=target,
            known="proven by the certificate"
            if proven
            else "not contradicted here, and not proven",
        )
    ]


def _table(evidence: Evidence, found: WorstCase, key: str) -> Table:
    """The worst place, then some of the others."""
    shown = [found.worst, *found.some(SHOWN)]
    rows = []
    for number, place in enumerate(shown):
        figure = place.figure
        told = Bound(figure, f"worst_case.csv: {place.name}")
        exact = found.exact
        rows.append(
            row(
                line(
                    given(evidence.labelled(place.name), SOURCE),
                    "" if number else " (the worst)",
                ),
                rounded(figure.estimate, 6, told.source) if exact else told.beside_interval(),
                "–" if exact else told.interval(),
                "–" if exact else told.mcse(),
                strong=number == 0,
            )
        )
    return without_blank_columns(
        Table(
            key=f"t-{key}",
            title=line(_title(found)),
            head=cells("Truth", found.label, "MC interval", "MCSE"),
            rows=tuple(rows),
            align=("left", "right", "right", "right"),
            widths=(3.0, 1.2, 1.6, 0.9),
            notes=tuple(line(given(sentence(note), SOURCE)) for note in found.notes),
        )
    )


def _caption(found: WorstCase) -> str:
    what = "Smallest power" if found.of.smallest else found.label
    how = "enumerated" if found.exact else "simulated, with 95% Monte Carlo intervals"
    number = len(found.axes)
    if number not in (1, 2):
        return f"{what}, {how}."
    axes = {1: "over one rate", 2: "over two rates"}[number]
    if found.across.named:
        axes = f"over {' and '.join(found.axes)}"
    return f"{what} {axes}, {how}; the diamond is the worst."
