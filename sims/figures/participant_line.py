"""A participant with several spells, and what each endpoint makes of them: docs/images/spells.png.

Run from the root of the project: ``python sims/figures/participant_line.py``. The participant is
the first simulated one of ``designs/myasthenia_repeat_cycles.toml`` (scenario ``expected``, its
seed) who is in a second remission at month 12 after another infusion, and loses that one too within
the horizon.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adaptive_cart.design.file import load_design
from adaptive_cart.figures.style import BLACK, BLUE, VERMILION
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for

ROOT = Path(__file__).parents[2]
MONTH, HORIZON, TRIALS = 12.0, 24.0, 50
GREY = "#9a9a9a"


def participant() -> tuple[list[float], list[tuple[float, float]]]:
    """Months of the infusions and of the remissions of the participant who is drawn."""
    design = load_design(ROOT / "designs" / "myasthenia_repeat_cycles.toml")
    latents = latents_for(design, design.simulation.seed, 0, TRIALS)
    people = followed(design, design.truths["expected"], latents, Enrolment(design, latents))
    course = people.course
    assert course is not None
    first, second, *_ = people.state(DRUG_FREE).spells
    again = course.infused_again[0]
    wanted = (second.began <= MONTH - 1.0) & (second.ended > MONTH + 2.0) & (again < second.began)
    wanted &= (second.ended < HORIZON - 2.0) & (np.minimum(course.gone, course.rescue) > HORIZON)
    wanted &= (people.arm == 1) & (course.infused_again[-1] > HORIZON)
    trial, place = np.argwhere(wanted)[0]
    infused = [float(months[trial, place]) for months in (course.infused, again)]
    spells = [(spell.began[trial, place], spell.ended[trial, place]) for spell in (first, second)]
    return infused, [(float(began), float(ended)) for began, ended in spells]


def draw() -> None:
    """Draw the line of the participant, and below it what counts for each endpoint."""
    import matplotlib.pyplot as plt

    infused, spells = participant()
    total = sum(ended - began for began, ended in spells)
    figure, axes = plt.subplots(figsize=(8.0, 3.4))
    axes.plot([0.0, HORIZON], [4.0, 4.0], color=GREY, linewidth=1.5, zorder=1)
    for began, ended in spells:
        axes.barh(4.0, ended - began, left=began, height=0.42, color=BLUE, zorder=2)
        axes.plot(ended, 4.0, "X", color=VERMILION, markersize=9, zorder=3)
        axes.barh(1.0, ended - began, left=began, height=0.42, color=BLUE)
    for number, month in enumerate(infused, start=1):
        axes.plot(month, 4.0, "^", color="white", markeredgecolor=BLACK, markersize=9, zorder=3)
        axes.annotate(f"infusion {number}", (month, 4.0), (month, 4.45), ha="center", fontsize=8)
    for number, (began, ended) in enumerate(spells, start=1):
        middle = (began + ended) / 2.0
        axes.annotate(f"remission {number}", (middle, 4.0), (middle, 4.45), ha="center", fontsize=8)
    axes.plot([MONTH, MONTH], [2.6, 4.35], color=BLACK, linewidth=1.0, linestyle=":")
    axes.plot(MONTH, 3.0, "o", color=BLUE, markersize=8)
    axes.annotate("a response: in the second", (MONTH, 3.0), (MONTH + 0.5, 2.9), fontsize=8)
    (began, ended), *_ = spells
    axes.barh(2.0, ended - began, left=began, height=0.42, color=BLUE)
    axes.plot(ended, 2.0, "X", color=VERMILION, markersize=9)
    first = f"{ended - began:.1f} months, an event"
    axes.annotate(first, (ended, 2.0), (ended + 0.5, 1.9), fontsize=8)
    axes.annotate(
        f"{total:.1f} months", (spells[-1][1], 1.0), (spells[-1][1] + 0.5, 0.9), fontsize=8
    )
    axes.set_yticks(
        [4.0, 3.0, 2.0, 1.0],
        ["the participant", f"landmark, month {MONTH:g}", "time to relapse", "time in remission"],
    )
    axes.set_ylim(0.5, 4.9)
    axes.set_xlim(0.0, HORIZON)
    axes.set_xticks(np.arange(0.0, HORIZON + 1.0, 3.0))
    axes.set_xlabel("months since randomisation")
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.tick_params(left=False)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "images" / "spells.png", dpi=160)


if __name__ == "__main__":
    draw()
