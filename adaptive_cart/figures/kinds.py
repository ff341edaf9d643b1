"""What a figure of the appendix is: tables first, then a drawing, a caption and a description.

A kind of figure never computes while it draws: ``tables`` works out every number from a results
folder, and what is drawn, said in the caption and written as CSV beside the figure are those
numbers. Where a run does not hold what a figure needs, ``tables`` answers with :class:`Missing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from adaptive_cart.nouns.questions import KINDS, QuestionKind
from adaptive_cart.results.claims import ROUNDING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from adaptive_cart.results.result import Result

Audience = Literal["open", "restricted"]
Tables = dict[str, "pd.DataFrame"]
MUST = "must_be_seen"  # cell of the table "about": scenarios that are never left out
ASKED_BELOW = "asked_below"  # likewise: whether a success asks the estimand to be below a number
COMPARED = "compared_by"  # cell of the table "about": the kind of question of the estimand
ALONE = "alone"  # cell of the table "about": whether the estimand is of an arm alone
NOUN = "estimand_noun"  # cell of the table "about": the estimand as a noun
CONTROL = "true_control"  # column: true value in the control, where there is one
ARMS = "arm_labels"  # cell of the table "about": what each arm is called, by its name


@dataclass(frozen=True)
class Missing:
    """Why a figure cannot be drawn from a run, and what would give it.

    Attributes
    ----------
    reason
        What the run does not hold, as a sentence without its full stop.
    remedy
        What to type or to write into the design.
    """

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


@dataclass(frozen=True)
class FigureKind:
    """One figure of the appendix.

    Attributes
    ----------
    id
        Short name by which text refers to it: "F4".
    name
        Name of its function in ``ac.figures``.
    chapter
        The chapter of the report in which it stands.
    file_name
        Name of its files, without suffix.
    title
        Heading, as a sentence fragment.
    tables
        The numbers behind it by name, or why they cannot be had.
    draw
        The picture of those numbers.
    caption
        What it shows, with numbers taken from the tables' cells.
    alternative_text
        What somebody is told who cannot see it.
    audience
        ``restricted`` where it shows thresholds or example data that a protocol for investigators
        leaves out, since they would let an interim result be guessed.
    landscape
        Whether it is drawn 9 inches wide rather than 6.5.
    """

    id: str
    name: str
    chapter: str
    file_name: str
    title: str
    tables: Callable[[Result], Tables | Missing]
    draw: Callable[[Tables], Figure]
    caption: Callable[[Tables], str]
    alternative_text: Callable[[Tables], str]
    audience: Audience = "open"
    landscape: bool = False


def cell(table: Any, column: str, row: int = 0) -> Any:
    """Return one cell of a table by the position of its row."""
    return table[column].iloc[row]


def short_of(effect: float, beyond: float, below: bool) -> bool:
    """Whether a true effect is not beyond the margin; the last bit of a number decides nothing.

    Parameters
    ----------
    below
        Whether a success asks it to be below the margin.
    """
    return effect >= beyond - ROUNDING if below else effect <= beyond + ROUNDING


def compared(about: Any) -> QuestionKind:
    """How effects on the primary are compared, from a row of "about"."""
    return KINDS[about[COMPARED]]


def called(about: Any, arm: Any) -> str:
    """What readers call an arm or several, from a row of "about"; other words as they are."""
    return ", ".join(about[ARMS].get(part, part) for part in str(arm).split(", "))


def introduced(about: Any, arm: Any) -> str:
    """What readers call an arm, with the name that the tables have for it."""
    label = called(about, arm)
    return label if label == arm else f"{label} ({arm})"
