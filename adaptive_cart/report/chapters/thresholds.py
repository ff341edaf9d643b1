"""Where the thresholds come from: set by hand, or found by a calibration that the run keeps."""

from __future__ import annotations

from adaptive_cart.design.rule_tables import AlphaSpending
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.report.chapters.averaged_threshold import averaged_threshold
from adaptive_cart.report.chapters.several_thresholds import several_thresholds
from adaptive_cart.report.chapters.shared_thresholds import shared_thresholds
from adaptive_cart.report.chapters.stop_thresholds import stop_thresholds
from adaptive_cart.report.chapters.worst_case import between_the_points
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Paragraph,
    Piece,
    Reference,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    sentence,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, rounded
from adaptive_cart.results.calibration import SHAPES, Calibrated, NullPoint
from adaptive_cart.results.figure import proportion

CALIBRATED, RESTS_ON = 19, 17  # numbers of the items
UNSURE = " (the Monte Carlo interval holds the target)"


def thresholds(evidence: Evidence) -> list[Block]:
    """How the thresholds were found, and what became of the type I error."""
    averaged = averaged_threshold(evidence)
    if averaged:
        return [*averaged, *stop_thresholds(evidence)]
    several = several_thresholds(evidence)
    if several:
        return several
    heading = Heading(text="Where the thresholds come from", key="thresholds", level=2)
    shared = [*shared_thresholds(evidence), *stop_thresholds(evidence)]
    if evidence.searched.of_success is not None:
        return [heading, *_calibrated(evidence), *shared]
    return [heading, *(Paragraph(line=said) for said in _by_hand(evidence)), *shared]


def _calibrated(evidence: Evidence) -> list[Block]:
    """What the search found that the thresholds came from."""
    found = evidence.searched.of_success
    assert found is not None
    evidence.trace.reported(CALIBRATED, "thresholds", "t-null-points")
    source = "calibration"
    rows = tuple(
        row(
            line(
                given(evidence.labelled(point.name), source),
                " (largest)" if point.name == found.worst else "",
            ),
            _error_at(found, point),
            rounded(point.mcse, 4, source) if point.mcse else "–",
            strong=point.name == found.worst,
        )
        for point in found.points
    )
    said = prose(
        "The threshold of {rules} was found by a search: the smallest that keeps the probability "
        "of a false success {held} {target} over the null region, which is {region}.{shape} "
        "{how}{between} {most}",
        held=("(its upper 95% bound) at most" if found.bounded else "at most"),
        shape=_shape(found),
        rules=listed([line(code(name)) for name in found.claims]),
        target=given(found.target, source),
        region=given(evidence.labelled(found.region), source),
        how=_searched(evidence, found),
        between=between_the_points(evidence, not found.exact),
        most=largest_error(evidence),
    )
    return [
        Paragraph(line=said),
        without_blank_columns(
            Table(
                key="t-null-points",
                title=line("Type I error at the null points of the search"),
                head=cells("Null point", "Type I error", "MCSE"),
                rows=rows,
                align=("left", "right", "right"),
                widths=(3.0, 1.0, 0.8),
                notes=tuple(
                    line(given(sentence(evidence.labelled(note)), source)) for note in found.notes
                ),
            )
        ),
    ]


def _shape(found: Calibrated) -> Line:
    """How the thresholds differ from look to look; blank where they do not."""
    if not found.by_look:
        return line("")
    if found.shape == "spending":
        return prose(
            " Each look has a threshold of its own, the smallest at which the probability of a "
            "false success up to it is no more than may be spent by then, those before in force."
        )
    return prose(
        " The thresholds are {shape} over the looks: that of look k is Φ(c √(n_K / n_k)), with n_k "
        "the planned number of look k, n_K that of the last, and one c for all.",
        shape=given(SHAPES[found.shape], "calibration"),
    )


def _error_at(found: Calibrated, point: NullPoint) -> Piece:
    """The error at a null point; where no simulated trial showed it, with its bound."""
    if found.exact or point.error > 0.0:
        return rounded(point.error, 4, "calibration")
    return Bound(proportion(0, found.trials), f"calibration: {point.name}").number()


def _searched(evidence: Evidence, found: Calibrated) -> Line:
    """How the search went, and what fresh trials say of it."""
    source, worst = "calibration", found.worst_point
    if found.exact:
        return prose(
            "The error was enumerated; the largest is {error}, at {worst}.",
            error=rounded(worst.error, 4, source),
            worst=given(evidence.labelled(worst.name), source),
        )
    said = prose(
        "It was searched on {trials} trials at each of {points}, with a seed of its own; "
        "the largest error there is {error}, at {worst}.",
        trials=given(found.trials, source),
        points=line(
            given(len(found.points), source),
            " null point" if len(found.points) == 1 else " null points",
        ),
        error=rounded(worst.error, 4, source),
        worst=given(evidence.labelled(worst.name), source),
    )
    if found.fresh is None:
        return said
    side = "above" if found.fresh.estimate > found.target else "at most"
    inside = found.fresh.lower <= found.target <= found.fresh.upper
    return said + prose(
        " On {n} fresh trials the error there is {fresh}, {side} what is asked for{unsure}.",
        n=given(found.fresh.n, source),
        fresh=Bound(found.fresh, f"{source}: fresh").with_interval(),
        side=side,
        unsure=UNSURE if inside else "",
    )


def _by_hand(evidence: Evidence) -> list[Line]:
    """What a run says whose folder holds no calibration of these thresholds."""
    spending = [r for r in evidence.design.rules if isinstance(r.threshold, AlphaSpending)]
    if spending:
        evidence.trace.not_applicable(CALIBRATED, "alpha spending gives the thresholds")
        return [
            prose(
                "The threshold of {rules} at each look is the boundary of alpha spending at the "
                "numbers that the look sees, as Lan and DeMets have it. {largest}",
                rules=listed([line(code(rule.name)) for rule in spending]),
                largest=largest_error(evidence),
            )
        ]
    if evidence.target_error is None:
        evidence.trace.not_applicable(
            CALIBRATED, "the thresholds were set by hand and were not calibrated"
        )
        return [
            prose(
                "The thresholds {of}were set by hand, and the design states no target for its "
                "type I error. {largest}",
                of=_of_which(evidence),
                largest=largest_error(evidence),
            )
        ]
    evidence.trace.missing(CALIBRATED, '"calibrate" as a threshold, and adaptive-cart calibrate')
    return [
        prose(
            "The thresholds {of}were set by hand. {largest}",
            of=_of_which(evidence),
            largest=largest_error(evidence),
        )
    ]


def _of_which(evidence: Evidence) -> str:
    """Of which rules thresholds were set by hand, where those of claims were searched."""
    if evidence.searched.of_claims is not None:
        return "of all but the further claims "
    return "" if evidence.searched.of_stops is None else "of the rules for success "


def largest_error(evidence: Evidence) -> Line:
    """The largest type I error of the null scenarios, beside its target where there is one."""
    null = evidence.worst_null
    if null is None:
        return prose("No null scenario was run, so that their type I error is not known.")
    nulls = evidence.of_role(NULL)
    return prose(
        "The {largest}type I error of the null {scenarios} is {error} ({null}){against}; see "
        "{section}.",
        largest="largest " if len(nulls) > 1 else "",
        scenarios="scenarios" if len(nulls) > 1 else "scenario",
        error=evidence.cell(null, "success").with_interval(),
        null=code(null),
        against=against_target(evidence, null),
        section=Reference("null"),
    )


def against_target(evidence: Evidence, null: str) -> Line:
    """Say on which side of its target a type I error lies; blank where there is no target."""
    if evidence.target_error is None:
        return ()
    above = null in evidence.nulls_above_target
    return prose(
        ", {side} the {target} that {table} asks for{unsure}",
        side="above" if above else "at most",
        target=evidence.target_error_shown(),
        table=code("[calibration]"),
        unsure=_unsure(evidence, null),
    )


def _unsure(evidence: Evidence, null: str) -> str:
    """Whether the simulation can tell on which side of the target the error lies."""
    figure, target = evidence.cell(null, "success").figure, evidence.target_error
    assert target is not None
    inside = figure.n is not None and figure.lower <= target <= figure.upper
    return UNSURE if inside else ""


def basis(evidence: Evidence) -> list[Block]:
    """What the criterion rests on: what the sponsor says of it, or the search that was made."""
    if evidence.facts.basis is not None:
        text = given(evidence.facts.basis, "facts: basis")
        evidence.trace.reported(RESTS_ON, "criterion")
        return [Paragraph(line=line("Basis of the criterion: ", text))]
    if evidence.searched.of_success is not None or evidence.searched.of_several is not None:
        evidence.trace.reported(RESTS_ON, "criterion", "thresholds")
        return [
            paragraph(
                "The criterion rests on its type I error, for which its threshold was searched "
                "({section}).",
                section=Reference("thresholds"),
            )
        ]
    if evidence.searched.of_averages:
        evidence.trace.reported(RESTS_ON, "criterion", "thresholds")
        return [
            paragraph(
                "The criterion rests on averages over a design prior, for which its threshold was "
                "searched ({section}).",
                section=Reference("thresholds"),
            )
        ]
    evidence.trace.missing(RESTS_ON)
    return []
