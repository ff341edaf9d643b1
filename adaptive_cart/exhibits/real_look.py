"""The tipping points of a look of the real trial, in the report: restricted, whatever they say.

An analysis is asked for them with ``analyze --tipping``. What it found is read from its
``analysis.json``; the outcomes of a running trial are for those alone who may see them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from adaptive_cart.analysis.findings import MissingTip, PriorTipFound, ShiftTip
from adaptive_cart.analysis.folder import JSON
from adaptive_cart.analysis.pictures import Picture
from adaptive_cart.analysis.text import not_seen, shift_value
from adaptive_cart.analysis.tipping_pictures import missing_picture, shifts_picture
from adaptive_cart.errors import InputError, ResultsError
from adaptive_cart.report.document import (
    Block,
    Figure,
    Heading,
    Line,
    Paragraph,
    Reference,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    row,
    sentence,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given, significant

TIPPING = 65  # number of the item
SOURCE = JSON
Tip = TypeVar("Tip", MissingTip, PriorTipFound, ShiftTip)


@dataclass(frozen=True)
class RealLookExhibit:
    """The tipping points of one analysis.

    Attributes
    ----------
    look, month
        Which look it was, and when.
    decision
        What it came to, in words.
    notes
        Why some are not told.
    """

    folder: Path
    digest: str
    look: int
    month: float
    decision: str
    missing: tuple[MissingTip, ...]
    priors: tuple[PriorTipFound, ...]
    notes: tuple[str, ...]
    shifts: tuple[ShiftTip, ...] = ()
    chapter = "sensitivity"

    @staticmethod
    def read(folder: Path) -> RealLookExhibit:
        """Read the folder that ``analyze`` wrote.

        Raises
        ------
        InputError
            If the analysis was not asked for tipping points.
        ResultsError
            If the file is damaged, or was written by another version.
        """
        try:
            told = json.loads((folder / JSON).read_text(encoding="utf-8"))
            tipping = told["tipping"]
            if tipping is not None:
                return RealLookExhibit(
                    folder,
                    told["design_digest"],
                    int(told["look"]),
                    float(told["date"]),
                    str(told["decision"]["words"]),
                    _read(MissingTip, tipping["missing"]),
                    _read(PriorTipFound, tipping["priors"]),
                    tuple(tipping["notes"]),
                    _read(ShiftTip, tipping.get("shifts", ())),
                )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ResultsError(
                f"{folder}: holds no analysis as this version writes it ({error}); run "
                f"`adaptive-cart analyze` again"
            ) from None
        raise InputError(
            f"{folder}: holds an analysis that was not asked for tipping points; run "
            f"`adaptive-cart analyze … --tipping` again"
        )

    @property
    def key(self) -> str:
        """One for each name of a folder."""
        return f"real-look-{self.folder.name}"

    @property
    def name(self) -> str:
        """What it is."""
        return f"the analysis in {self.folder}"

    def belongs_to(self, digest: str) -> bool:
        """Whether it is of the design of this fingerprint."""
        return self.digest == digest

    def blocks(self, evidence: Evidence) -> list[Block]:
        """What was decided, and what would have turned it over; restricted."""
        key = self.key
        tables = [
            *self._of_missing(f"t-{key}-missing"),
            *self._of_shifts(f"t-{key}-shifts"),
            *self._of_priors(f"t-{key}-priors"),
        ]
        evidence.trace.reported(TIPPING, *(table.key for table in tables if table.key))
        blocks: list[Block] = [
            Heading(
                text=f"Tipping points of look {self.look}, as it was analysed", key=key, level=2
            ),
            paragraph(
                "At month {month} the analysis said: {decision}{tables}",
                month=given(self.month, SOURCE),
                decision=given(self.decision, SOURCE),
                tables=_references(tables),
            ),
            *tables,
            *self._figures(evidence),
            *(Paragraph(line=line(given(sentence(note), SOURCE))) for note in self.notes),
        ]
        return [replace(block, audience="restricted") for block in blocks]

    def _figures(self, evidence: Evidence) -> Iterator[Figure]:
        """The tables' figures, as the analysis draws them; none where nobody is missing."""
        label = evidence.design.arm_label
        drawn: dict[str, tuple[str, Callable[[], Picture | None]]] = {
            "missing": (
                "Missing outcomes and the rules",
                lambda: missing_picture(self.missing, label),
            ),
            "shifts": (
                "What is missing, moved, and the rules",
                lambda: shifts_picture(self.shifts, label),
            ),
        }
        for name, (title, picture) in drawn.items():
            found = picture()
            if found is not None:
                yield Figure(
                    key=f"f-{self.key}-{name}",
                    title=line(title),
                    caption=line(given(found.caption, SOURCE)),
                    alternative=evidence.labelled(found.alternative),
                    draw=partial(_drawn, picture),
                )

    def _of_missing(self, key: str) -> Iterator[Table]:
        if not self.missing:
            return
        rows = []
        for tip in self.missing:
            shown = tip.why is None
            total = sum(len(one) for one in tip.probabilities)
            rows.append(
                row(
                    code(tip.rule),
                    "yes" if tip.holds_now else "no",
                    _by_arm(tip.arms, tip.missing),
                    _by_arm(tip.arms, tip.read_as) if shown or tip.fewest else "–",
                    _fewest(tip),
                    line(given(len(tip.holds), SOURCE), " of ", given(total, SOURCE))
                    if shown
                    else "–",
                )
            )
        yield Table(
            key=key,
            title=line("Outcomes of the missing that would turn a rule over"),
            head=cells("Rule", "Holds", "Missing", "Responders (best outcomes) among them, as read",
                       "Nearest that turn it over", "Outcomes with which it holds"),
            rows=tuple(rows),
            align=("left",) * 6,
            widths=(1.2, 0.6, 1.6, 1.6, 1.6, 1.2),
        )  # fmt: skip

    def _of_shifts(self, key: str) -> Iterator[Table]:
        if not self.shifts:
            return
        rows = [
            row(
                code(tip.rule),
                "yes" if tip.holds_now else "no",
                line(given(tip.words, SOURCE), " in ", listed([code(arm) for arm in tip.arms])),
                line(given(not_seen(tip), SOURCE)),
                *(
                    line(given(shift_value(tip, end), SOURCE)) if end is not None else ""
                    for end in (tip.below, tip.above)
                ),
            )
            for tip in self.shifts
        ]
        reach = {(tip.words, tip.reach): tip for tip in self.shifts}.values()
        yield Table(
            key=key,
            title=line("How far what is missing would have to differ to turn a rule over"),
            head=cells("Rule", "Holds", "What differs", "Not seen", "Below", "Above"),
            rows=tuple(rows),
            align=("left", "left", "left", "left", "right", "right"),
            widths=(1.1, 0.6, 2.2, 1.5, 0.9, 0.9),
            notes=(
                line("Against what was seen in the same arm; one arm, or all alike. Below and "
                     "above: the nearest values; blank where there is none."),
                *(
                    line("The ", given(tip.words, SOURCE), " is looked at from ",
                         given(shift_value(tip, tip.reach[0]), SOURCE), " to ",
                         given(shift_value(tip, tip.reach[1]), SOURCE), ".")
                    for tip in reach
                ),
            ),
        )  # fmt: skip

    def _of_priors(self, key: str) -> Iterator[Table]:
        if not self.priors:
            return
        yield Table(
            key=key,
            title=line("Values of the priors that would turn a rule over"),
            head=cells("Rule", "Holds", "Number of a prior", "Design", "Below", "Above"),
            rows=tuple(
                row(
                    code(tip.rule),
                    "yes" if tip.holds_now else "no",
                    line(given(tip.words, SOURCE)),
                    *(_value(value) for value in (tip.now, tip.below, tip.above)),
                )
                for tip in self.priors
            ),
            align=("left", "left", "left", "right", "right", "right"),
            widths=(1.2, 0.6, 3.0, 0.8, 0.8, 0.8),
            notes=(line("Below and above: the nearest values; blank where there is none."),),
        )


def _drawn(picture: Callable[[], Picture | None]) -> Any:
    found = picture()
    assert found is not None
    return found.figure


def _references(tables: list[Table]) -> Line:
    """Where it stands what would have to differ."""
    where = [Reference(str(table.key)) for table in tables]
    if not where:
        return ()
    verb = " shows" if len(where) == 1 else " show"
    return line(
        " ", listed(where), verb, " what would have to differ to turn a rule over, one thing at a "
        "time.",
    )  # fmt: skip


def _read(kind: type[Tip], told: Iterable[Mapping[str, Any]]) -> tuple[Tip, ...]:
    """Tips of a kind, as they were found."""
    return tuple(kind(**{key: _tuples(value) for key, value in one.items()}) for one in told)


def _tuples(value: Any) -> Any:
    """Lists, which a file has, as the tuples that they were."""
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _by_arm(arms: tuple[str, ...], numbers: tuple[int, ...]) -> Line:
    told = [line(given(number, SOURCE), " in ", code(arm))
            for arm, number in zip(arms, numbers, strict=True)]  # fmt: skip
    return listed(told)


def _fewest(tip: MissingTip) -> Line:
    if tip.fewest is not None:
        return _by_arm(tip.arms, tip.fewest)
    return line("none do") if tip.why is None else line(given(tip.why, SOURCE))


def _value(value: float | None) -> Line:
    return () if value is None else line(significant(value, 3, SOURCE))
