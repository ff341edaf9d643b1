"""A search for the best of many designs as a section of the report: its front, and what was found.

Who asked for what, and what it would have cost otherwise, says why this design is the one that is
planned. Where thresholds were free it is in the restricted annex alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from adaptive_cart.design.file import digest_of
from adaptive_cart.design.validation import steps_of
from adaptive_cart.optimising.aims import AIMS
from adaptive_cart.optimising.confirming import CONFIDENCE, TRIED, Bounded, Confirmed, Proof
from adaptive_cart.optimising.found import AS_WRITTEN, SEARCH, Optimum, Row
from adaptive_cart.optimising.kept_optimum import read_optimum
from adaptive_cart.optimising.pictures import alternative_text, caption, draw_front, lacks, title
from adaptive_cart.report.document import (
    Block,
    Figure,
    Heading,
    Line,
    Paragraph,
    Reference,
    Table,
    code,
    line,
    listed,
    prose,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, Kind, given, rounded
from adaptive_cart.results.bounds import at_least, at_most
from adaptive_cart.results.figure import Figure as Told

ALTERNATIVES = 5  # number of the item
TITLE = "Designs that were considered, and what the best of them needs"


@dataclass(frozen=True)
class OptimumExhibit:
    """A search as a section of the report."""

    found: Optimum
    folder: Path
    chapter = "sensitivity"

    @staticmethod
    def read(folder: Path) -> OptimumExhibit:
        """Read the folder that ``optimise`` wrote."""
        return OptimumExhibit(read_optimum(folder), folder)

    @property
    def key(self) -> str:
        """One for each name of a folder."""
        return f"optimum-{self.folder.name}"

    @property
    def name(self) -> str:
        """What it is."""
        return f"the search in {self.folder}"

    def belongs_to(self, digest: str) -> bool:
        """Whether the design of this fingerprint is the one as written, or the one found."""
        found = self.found.found
        return digest in (digest_of(self.found.design), "" if found is None else digest_of(found))

    def blocks(self, evidence: Evidence) -> list[Block]:
        """What was wanted, a table of the front, the figure, and what was found."""
        found, key = self.found, self.key
        evidence.trace.reported(ALTERNATIVES, f"t-{key}")
        blocks: list[Block] = [
            Heading(text=TITLE, key=key, level=2),
            Paragraph(line=_asked(evidence, found, f"t-{key}")),
            _table(found, f"t-{key}"),
            *_figure(found, key),
            *(Paragraph(line=said) for said in _answer(evidence, found)),
        ]
        if "rules." in found.space:
            return [replace(block, audience="restricted") for block in blocks]
        return blocks


def _asked(evidence: Evidence, found: Optimum, table: str) -> Line:
    wanted = found.wanted
    power = [
        prose("a power of {least} in {name}", least=given(least, SEARCH), name=code(name))
        for name, least in wanted.power.items()
    ]
    return prose(
        "{number} designs were judged ({how}). What differs between them: {space}. Wanted was "
        "{aim} as small as may be, averaged over {mixture}, with a type I error of at most {error} "
        "over {region}{power}. {table} has the design as written, the one found, and those than "
        "which no other is better in both of what is weighed.",
        number=given(len(found.rows), SEARCH),
        how=given(found.how, SEARCH),
        space=given(found.space, SEARCH),
        aim=_aims(found),
        mixture=given(wanted.mixture.words(), SEARCH),
        error=given(wanted.error, SEARCH),
        region=given(evidence.labelled(found.region), SEARCH),
        power=line(", and ", listed(power)) if power else "",
        table=Reference(table),
    )


def _aims(found: Optimum) -> str:
    return " and ".join(aim.words for aim in found.wanted.aims.values())


# ── the table ─────────────────────────────────────────────────────────────────────────────────
def _table(found: Optimum, key: str) -> Table:
    wanted = found.wanted
    heads = [
        *(line(aim.words[0].upper() + aim.words[1:]) for aim in wanted.aims.values()),
        *(line("Power in ", code(name)) for name in wanted.power),
        line("Type I error"),
        line("Any design"),
    ]
    return without_blank_columns(
        Table(
            key=key,
            title=line(TITLE),
            head=(line("Design"), line("Looks"), *heads),
            rows=tuple(
                row(
                    _called(name, one),
                    line(given(", ".join(f"{at:g}" for at in one.looks), SEARCH)),
                    *_cells(name, one),
                    strong=name == "found",
                )
                for name, one in _named(found)
            ),
            align=("left", "left", *("right",) * len(heads)),
            widths=(2.2, 1.2, *(1.2,) * len(heads)),
            notes=tuple(_notes(found)),
            wide=len(heads) > 3,
        )
    )


def _named(found: Optimum) -> Iterator[tuple[str, Row]]:
    """Name and numbers of each design that is told."""
    yield AS_WRITTEN, found.written
    own = "" if found.best is None else found.best.digest
    if found.best is not None:
        yield "found", found.best
    front = [one for one in found.shown if one.digest != own]
    yield from ((f"front {place}", one) for place, one in enumerate(front, start=1))


def _called(name: str, one: Row) -> Line:
    said = line(name[0].upper() + name[1:])
    others = {key: value for key, value in one.settings.items() if not _of_looks(key)}
    if name == AS_WRITTEN or not others:
        return said
    return line(said, ": ", given(replace(one, settings=others).words(), SEARCH))


def _of_looks(key: str) -> bool:
    """Whether a key is about looks, which have a column of their own."""
    first, *_, last = steps_of(key)
    return "looks" in (first, last)


def _cells(name: str, one: Row) -> Iterator[Line]:
    source = f"{SEARCH}: {name}"
    figures: list[tuple[Told, Kind]] = [
        *((figure, "mean") for figure in one.evaluation.average.values()),
        *((figure, "probability") for figure in one.evaluation.success.values()),
        (one.evaluation.error, "probability"),
    ]  # fmt: skip
    for figure, kind in figures:
        if figure.mcse == 0.0:
            yield line(rounded(figure.estimate, 2 if kind == "mean" else 4, source))
        else:
            yield Bound(figure, source, kind).with_interval()
    yield line("–") if one.least is None else line(rounded(one.least, 2, source))


def _notes(found: Optimum) -> Iterator[Line]:
    if found.simulated:
        yield line(
            "In brackets Monte Carlo intervals, of the trials of the search, on which the best "
            "of many look better than they are."
        )
    if any(one.least is not None for _, one in _named(found)):
        yield line(
            "Any design: what no design with these looks, whatever its rules, can be below at this "
            "power and the error wanted, by dynamic programming."
        )


def _figure(found: Optimum, key: str) -> Iterator[Block]:
    if lacks(found):
        return
    yield Figure(
        key=f"f-{key}",
        title=line(title(found)),
        caption=line(given(caption(found), SEARCH)),
        alternative=alternative_text(found),
        draw=lambda: draw_front(found),
    )


# ── what was found ────────────────────────────────────────────────────────────────────────────
def _answer(evidence: Evidence, found: Optimum) -> Iterator[Line]:
    confirmed = found.confirmed
    if confirmed is None:
        yield prose(
            "No design that was judged holds what is wanted: {why}.",
            why=given("; ".join(found.why_none), SEARCH),
        )
        return
    fresh = confirmed.evaluation
    yield prose(
        "Of the design found, {how}: {figures}; type I error {error} at {at}.",
        how="enumerated"
        if confirmed.shown is None
        else "on trials that had no part in the choice",
        figures=listed(
            [
                *(line(AIMS[name].words, " ", _figure_of(one, "mean"))
                  for name, one in fresh.average.items()),
                *(line("power in ", code(name), " ", _figure_of(one, "probability"))
                  for name, one in fresh.success.items()),
            ]
        ),
        error=_figure_of(fresh.error, "probability"),
        at=given(evidence.labelled(fresh.error_at), SEARCH),
    )  # fmt: skip
    if confirmed.shown is not None:
        yield _shown(confirmed)
    if confirmed.proof is not None:
        yield _proven(confirmed.proof)
    elif confirmed.bounded is not None:
        yield _bounded(evidence, confirmed.bounded)
    elif confirmed.shown is not None:
        yield line("The error was looked at in null points alone; between them it is not bounded.")
    if not confirmed.holds:
        yield line("That does not show everything that is wanted: the design is not confirmed.")


def _figure_of(figure: Told, kind: Kind) -> Line:
    if figure.mcse == 0.0:
        return line(rounded(figure.estimate, 2 if kind == "mean" else 4, SEARCH))
    return Bound(figure, SEARCH, kind).with_interval()


def _shown(confirmed: Confirmed) -> Line:
    shown = confirmed.shown
    assert shown is not None
    bounds = [
        prose(
            "power in {name} at least {least}",
            name=code(name),
            least=given(at_least(least, 4), SEARCH),
        )
        for name, least in shown.power.items()
    ]
    if shown.error is not None:
        bounds.insert(0, prose("error at most {most}", most=given(at_most(shown.error, 4), SEARCH)))
    calibrated = (
        " Its thresholds were calibrated anew, on trials of their own, and hold the error as the "
        "calibration does."
        if confirmed.calibrated
        else ""
    )
    if not bounds:
        return line(calibrated.strip())
    return prose(
        "Up to {tried} designs were judged on {trials} fresh trials of each truth, and the first "
        "was taken that one-sided Clopper-Pearson bounds of {each} show to hold; so with {whole} "
        "confidence none was taken that lacks what is wanted. Of this one: {bounds}.{calibrated}",
        tried=given(TRIED, SEARCH),
        trials=given(shown.trials, SEARCH),
        each=given(f"{shown.confidence:.1%}", SEARCH),
        whole=given(f"{CONFIDENCE:.0%}", SEARCH),
        bounds=listed(bounds),
        calibrated=calibrated,
    )


def _bounded(evidence: Evidence, found: Bounded) -> Line:
    return prose(
        "In the worst case, with {sure} confidence, its error exceeds {bound} nowhere over {over}: "
        "{tiles} truths were simulated, {trials} trials each.",
        sure=given(f"{found.confidence:.0%}", SEARCH),
        bound=given(at_most(found.bound, 6), SEARCH),
        over=given(evidence.labelled(found.over), SEARCH),
        tiles=given(found.tiles, SEARCH),
        trials=given(found.trials, SEARCH),
    )


def _proven(proof: Proof) -> Line:
    if proof.certificate is not None:
        return prose(
            "Certificate: the error exceeds {bound} nowhere in the region.",
            bound=given(at_most(proof.certificate, 6), SEARCH),
        )
    return prose(
        "There is no certificate of the error ({why}). At the margin of the claim it exceeds "
        "{bound} nowhere; effects beyond it are not bounded.",
        why=given(proof.no_certificate, SEARCH),
        bound=given(at_most(proof.bound, 6), SEARCH),
    )
