"""A programme as one page of figures, for a committee: who holds up, what is left, at what price.

Four panels, each with one question as its title and one reading. Their numbers are those of
``measures.csv`` and ``distributions.csv``, but for what each go rule costs, which is counted here
from early results alone: whoever would have gone on under another rule has no controlled trial to
look at, and needs none for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from adaptive_cart.figures.style import (
    BLUE,
    GREEN,
    GREY,
    PALE,
    VERMILION,
    light_grid,
    percent_axis,
    sheet,
    styled,
    whole_ticks,
)
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.programmes.measured import HOLD_UP
from adaptive_cart.programmes.result import KeptProgramme, ProgrammeResult
from adaptive_cart.results.figure import Figure as Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Simulated: TypeAlias = KeptProgramme | ProgrammeResult
PAGE = "portfolio"
HEIGHT = 8.6  # inches
FEWEST = 30  # candidates of an early result that are shown as a mark
LABELS = {
    "work": "truly work",
    "go": "go on",
    "succeed": "succeed",
    HOLD_UP: "hold up",
}


@dataclass(frozen=True)
class GoRule:
    """What it costs to go on from so many early responders, in a portfolio on average.

    Attributes
    ----------
    responders
        The smallest number that goes on.
    stopped_working
        Candidates that work and are stopped.
    trials_of_none
        Candidates that do not work and go on: each is a controlled trial.
    """

    responders: int
    stopped_working: float
    trials_of_none: float


@dataclass(frozen=True)
class EarlyResult:
    """Candidates with the same early result: what was seen, and what is true of them.

    Attributes
    ----------
    observed, true
        Proportion seen, and mean of the true one in participants of the controlled trial.
    candidates
        How many there were.
    going
        Share of them that went on.
    """

    observed: float
    true: float
    candidates: int
    going: float


def early_results(result: Simulated) -> list[EarlyResult]:
    """By what was seen early: what is true on average; nothing where early trials count nothing."""
    table = result.candidates
    if "early_responders" not in table or not table["early_participants"].any():
        return []
    seen = table["early_participants"] > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.round(table["early_responders"] / table["early_participants"], 12)
    found = []
    for value in np.unique(observed[seen]):
        mine = seen & (observed == value)
        found.append(
            EarlyResult(
                float(value),
                float(table["early_true"][mine].mean()),
                int(mine.sum()),
                float(table["go"][mine].mean()),
            )
        )
    return found


def go_rules(result: Simulated) -> list[GoRule]:
    """By the smallest number of responders that goes on; nothing where early numbers differ."""
    table = result.candidates
    if "early_responders" not in table or len(np.unique(table["early_participants"])) != 1:
        return []
    portfolios = len(np.unique(table["portfolio"]))
    most = int(table["early_participants"][0])
    works, responders = table["works"], table["early_responders"]
    return [
        GoRule(
            least,
            float((works & (responders < least)).sum() / portfolios),
            float((~works & (responders >= least)).sum() / portfolios),
        )
        for least in range(most + 2)
    ]


def cut_of(result: Simulated) -> int | None:
    """The go rule as a number of responders; nothing where it is no such number."""
    table = result.candidates
    rules = go_rules(result)
    for rule in rules:
        if np.array_equal(table["early_responders"] >= rule.responders, table["go"]):
            return rule.responders
    return None


# ── the page ──────────────────────────────────────────────────────────────────────────────────
@styled
def draw_page(result: Simulated) -> Figure:
    """Draw how many hold up, what is left of an early effect, what go rules cost, the price."""
    figure = sheet(HEIGHT)
    (many, left), (rules, price) = figure.subplots(2, 2)
    _how_many(many, result)
    _what_is_left(left, result)
    _go_rules(rules, result)
    _price(price, result)
    return figure


def _how_many(axes: Axes, result: Simulated) -> None:
    count = result.count
    axes.set_title(f"Of {count} products, how many hold up?")
    names = [name for name in LABELS if name in result.distributions]
    for place, name in enumerate(names):
        shares = np.array([figure.estimate for figure in result.distributions[name]])
        numbers = np.arange(len(shares))
        colour = {"work": GREY, "go": VERMILION, "succeed": BLUE, HOLD_UP: GREEN}[name]
        base = float(len(names) - 1 - place)
        height = 0.75 * shares / shares.max()
        axes.bar(numbers, height, bottom=base, width=0.9, color=colour, linewidth=0.0)
        mean = result.figure(f"number_{name}").estimate
        axes.plot([mean, mean], [base, base + 0.8], color="black", linewidth=1.0)
        axes.text(count + 0.5, base + 0.5, f"{mean:.1f} {LABELS[name]}", ha="right", va="bottom")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(-0.6, count + 0.6)
    axes.set_ylim(-0.05, len(names))
    axes.set_xlabel("Products of a portfolio; the line is the mean")


def _what_is_left(axes: Axes, result: Simulated) -> None:
    axes.set_title("What is left of an early result?")
    found = [one for one in early_results(result) if one.candidates >= FEWEST]
    if not found:
        _nothing(axes, "Early trials count no responders.")
        return
    axes.plot([0.0, 1.0], [0.0, 1.0], color=PALE, linewidth=1.2)
    axes.text(0.64, 0.7, "as promised", ha="right", va="bottom", color=GREY)  # clear of the line
    largest = max(one.candidates for one in found)
    for one in found:
        axes.plot([one.observed] * 2, [one.observed, one.true], color=PALE, linewidth=0.9)
        axes.plot(
            one.observed,
            one.true,
            "o",
            color=VERMILION if one.going >= 0.5 else "white",
            markeredgecolor=VERMILION if one.going >= 0.5 else GREY,
            markersize=3.0 + 5.0 * math.sqrt(one.candidates / largest),
        )
    axes.plot([], [], "o", color=VERMILION, label="goes on")
    axes.plot([], [], "o", color="white", markeredgecolor=GREY, label="is stopped")
    axes.legend(loc="upper left")
    axes.set_xlim(-0.04, 1.04)
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlabel("Seen in the early trial")
    axes.set_ylabel("True in the controlled trial's participants")
    percent_axis(axes, "x")
    percent_axis(axes, "y")


def _go_rules(axes: Axes, result: Simulated) -> None:
    axes.set_title("What does a go rule cost?")
    found, cut = go_rules(result), cut_of(result)
    if not found:
        _nothing(axes, "Early trials differ in size,\nor count no responders.")
        return
    at = [rule.responders for rule in found]
    lost = [rule.stopped_working for rule in found]
    none = [rule.trials_of_none for rule in found]
    axes.plot(at, none, "s--", color=GREY, label="controlled trials of products\nthat do not work")
    axes.plot(at, lost, "o-", color=GREEN, label="working products stopped")
    top = 1.3 * max(*lost, *none)  # room for the legend above the curves
    axes.set_ylim(0.0, top)
    if cut is not None:
        axes.axvline(cut, ymax=0.62, color=VERMILION, linewidth=1.0)
        axes.text(cut + 0.2, 0.62 * top, "this rule", color=VERMILION, va="top")
    axes.legend(loc="upper right")
    axes.set_xlabel(f"Goes on from so many responders of {at[-1] - 1}")
    axes.set_ylabel("Products of a portfolio, mean")
    whole_ticks(axes)
    whole_ticks(axes, "y")
    light_grid(axes)


def _price(axes: Axes, result: Simulated) -> None:
    axes.set_title("Who takes part, and for how long?")
    rows = (
        ("in early trials", "participants_early", BLUE),
        ("in controlled trials", "participants_controlled", BLUE),
        ("given what does not work", "exposed_to_no_effect", VERMILION),
        ("controls of what works", "denied_an_effect", GREY),
    )
    values = [result.figure(name).estimate for _, name, _ in rows]
    places = np.arange(len(rows))[::-1]
    axes.barh(places, values, height=0.45, color=[colour for *_, colour in rows], linewidth=0.0)
    for place, value, (label, _, _) in zip(places, values, rows, strict=True):
        axes.text(0.0, place + 0.27, f"{value:,.0f} {label}", va="bottom", ha="left")
    axes.set_yticks([])
    axes.set_ylim(-0.5, len(rows) - 0.3)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Participants of a portfolio, mean\n{_years(result)}")
    light_grid(axes, "x")


def _years(result: Simulated) -> str:
    until: Measure = result.figure("months_until_all_decided")
    return f"the last product is decided after {until.estimate / 12.0:.1f} years"


def _nothing(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes)


def caption(result: Simulated) -> str:
    """What the page shows, and how it is read."""
    told = (
        "How many products of a portfolio work, go on to a controlled trial, succeed there, and "
        "hold up (succeed and work as claimed): each row is the distribution over simulated "
        "portfolios. What is left of an early result: for every proportion seen early, the mean of "
        "the true one in participants like those of the controlled trial; the line from the "
        "diagonal is what was promised and is not there, by selection of participants and by "
        "chance (regression to the mean). "
    )
    if go_rules(result):
        told += (
            "What a go rule costs: for every number of early responders from which a product might "
            "go on, how many working products it stops, and how many controlled trials of products "
            "that do not work it starts. "
        )
    return told + "Who takes part: participants of a portfolio on average."


def alternative_text(result: Simulated) -> str:
    """The page in words, for those who do not see it."""
    count = result.count
    numbers = ", ".join(
        f"{result.figure(f'number_{name}').estimate:.1f} {words}" for name, words in LABELS.items()
    )
    told = f"Of {count} products on average {numbers}."
    left = [one for one in early_results(result) if one.candidates >= FEWEST]
    if left:
        last = left[-1]
        told += (
            f" Of products that showed {100 * last.observed:.0f}% early, {100 * last.true:.0f}% is "
            "true on average."
        )
    rules, cut = {rule.responders: rule for rule in go_rules(result)}, cut_of(result)
    if cut is not None:
        rule = rules[cut]
        told += (
            f" Going on from {cut} responders stops {rule.stopped_working:.1f} working products "
            f"and starts {rule.trials_of_none:.1f} controlled trials of products that do not work."
        )
    return told + f" {_years(result)[0].upper()}{_years(result)[1:]}."


# ── what goes with it ─────────────────────────────────────────────────────────────────────────
def numbers_of(result: Simulated) -> Mapping[str, str]:
    """Numbers behind the page that no other file of the run has, as CSV, by name of the file."""
    left = [(one.observed, one.true, one.candidates, one.going) for one in early_results(result)]
    rules = [
        (rule.responders, rule.stopped_working, rule.trials_of_none) for rule in go_rules(result)
    ]
    return {
        f"{PAGE}_early_results.csv": csv_text(("observed", "true", "candidates", "going"), left),
        f"{PAGE}_go_rules.csv": csv_text(
            ("responders", "stopped_working", "trials_of_none"), rules
        ),
    }
