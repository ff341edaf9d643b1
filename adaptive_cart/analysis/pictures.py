"""The pictures of a real trial: posterior and margin, durability, prior, swimmer plot.

Each is drawn from numbers that are worked out here or stand in the findings already; the numbers
are handed on with the picture, so that they can be written beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.analysis.findings import Interval
from adaptive_cart.analysis.posteriors import bounds, interval_of
from adaptive_cart.analysis.survival import kaplan_meier
from adaptive_cart.conduct.estimated import alone, estimand_noun
from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.figures.draw_measures import columns_for, panel_room
from adaptive_cart.figures.draw_participants import EVENTS
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PALE,
    TALLEST,
    YELLOW,
    broken,
    legend_above,
    light_grid,
    lines_in,
    mark,
    minus,
    percent_axis,
    sheet,
    short,
    spread,
    styled,
    width_of,
)
from adaptive_cart.nouns.calendar import SAME
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.questions import ALL, KINDS, Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.recorded.table import spells_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adaptive_cart.analysis.flow import Analysis

POINTS = 81  # at which a posterior's distribution is drawn
MONTHS = 37  # at which the fraction remaining is drawn
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Picture:
    """A figure, its caption, the words for who cannot see it, and the numbers behind it."""

    figure: Figure
    caption: str
    alternative: str
    rows: Rows


def figures_of(analysis: Analysis) -> dict[str, Picture]:
    """Every picture that the analysis has the numbers for, by the name of its file."""
    from adaptive_cart.analysis.score_pictures import scores  # which makes such a picture too
    from adaptive_cart.analysis.tipping_pictures import shifts, tipping

    found: dict[str, Picture | None] = {
        "difference": difference(analysis),
        "prior_and_posterior": prior_and_posterior(analysis),
        "durability": durability(analysis),
        "scores": scores(analysis),
        "tipping": tipping(analysis),
        "tipping_shifts": shifts(analysis),
        "swimmer": swimmer(analysis),
    }
    return {name: picture for name, picture in found.items() if picture is not None}


# ── densities ─────────────────────────────────────────────────────────────────────────────────
def _density(
    plan: Plan, probability: Callable[[Question], float], question: Question
) -> tuple[Floats, Floats]:
    """Density of a quantity: differences of its distribution function over a grid."""
    low, high = bounds(plan, question)
    lower, upper = interval_of(probability, question, low, high)
    wide = upper - lower
    ends = max(low, lower - wide), min(high, upper + wide)
    ratio = question.of.ratio
    if ratio:
        ends = lower / (upper / lower) ** 0.5, upper * (upper / lower) ** 0.5
    grid = np.geomspace(*ends, POINTS) if ratio else np.linspace(*ends, POINTS)
    above = np.array([probability(question.at(float(value))) for value in grid])
    steps = np.diff(np.log(grid) if ratio else grid)
    middles = np.sqrt(grid[1:] * grid[:-1]) if ratio else (grid[1:] + grid[:-1]) / 2.0
    return middles, np.maximum(-np.diff(above), 0.0) / steps


def difference(analysis: Analysis) -> Picture | None:
    """Posterior of the primary difference in each experimental arm, against the margins."""
    plan, recorded = analysis.plan, analysis.recorded
    if not plan.estimands or not plan.fitted[plan.design.primary][0].bayesian:
        return None
    questions = [estimand.question for estimand in plan.estimands]
    margins = sorted(
        {
            target.value
            for rule in plan.rules
            for target in rule.asked
            if target.endpoint == plan.design.primary
            and target.of is questions[0].of
            and (target.minus is None) == (questions[0].minus is None)
        }
    )
    words = _words(analysis)
    drawn = [(words[q], *_density(plan, recorded.ask, q)) for q in questions]
    found = {q.words: q for q in analysis.findings.quantities if q.endpoint == plan.design.primary}
    intervals = [found[name].reference or found[name].fast for name, *_ in drawn]
    draws = None
    if analysis.reference is not None:
        draws = [analysis.reference.draws_of(recorded, question) for question in questions]
    rows = [
        {"quantity": name, "value": float(x), "density": float(y)}
        for name, grid, density in drawn
        for x, y in zip(grid, density, strict=True)
    ]
    kind = questions[0].of
    label = plan.design.endpoint_label(plan.design.primary)
    axis = estimand_noun(plan.design) if alone(plan.design) else kind.axis
    figure = _draw_densities(drawn, draws, intervals, margins, f"{label}: {axis}", kind.ratio)
    by = "the reference posterior, PyMC" if draws else "the fast posterior"
    curve = " Curve: fast posterior; bars: draws of the reference posterior." if draws else ""
    where = " and ".join(f"{margin:g}" for margin in margins)
    held = f"; dashed: what the rules compare with ({where})" if margins else ""
    return Picture(
        figure,
        f"Posterior of the primary quantity at month {analysis.findings.date:.1f}{held}. Line at "
        f"the bottom: 95% credible interval, mark: mean ({by}).{curve}",
        "Density of the posterior of "
        + ", ".join(
            f"{name} (mean {minus(interval.mean, 3)}, 95% interval {minus(interval.lower, 3)} to "
            f"{minus(interval.upper, 3)})"
            for (name, *_), interval in zip(drawn, intervals, strict=True)
        ),
        rows,
    )


def _words(analysis: Analysis) -> dict[Question, str]:
    pairs = zip(analysis.questions, analysis.findings.quantities, strict=True)
    return {question: quantity.words for question, quantity in pairs}


@styled
def _draw_densities(
    drawn: list[tuple[str, Floats, Floats]],
    draws: list[Floats] | None,
    intervals: list[Interval],
    margins: list[float],
    label: str,
    ratio: bool,
) -> Figure:
    figure = sheet(min(0.9 + 1.35 * len(drawn), TALLEST))
    panels = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
    for place, (panel, (name, grid, density)) in enumerate(zip(panels, drawn, strict=True)):
        style, own = mark(place), intervals[place]
        if draws is not None:
            values = np.log(draws[place]) if ratio else draws[place]
            low, high = (float(end) for end in np.quantile(values, [0.0005, 0.9995]))
            edges = np.linspace(low, high, 41)
            heights, edges = np.histogram(values, edges, density=True)
            shown = np.exp(edges) if ratio else edges
            panel.stairs(heights, shown, fill=True, color=PALE)
        panel.plot(grid, density, color=style.colour, linestyle=style.line)
        for margin in margins:
            panel.axvline(margin, color=BLACK, linewidth=0.9, linestyle=(0, (4, 2)))
        top = 1.08 * float(max(density.max(), heights.max() if draws is not None else 0.0))
        panel.plot([own.lower, own.upper], [-0.09 * top] * 2, color=BLACK, linewidth=1.6)
        panel.plot([own.mean], [-0.09 * top], style.marker, color=style.colour, markersize=5.5)
        panel.set_ylim(-0.18 * top, top)
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        said = f"{minus(own.mean, 2)} (95% {minus(own.lower, 2)} to {minus(own.upper, 2)})"
        panel.set_title(f"{short(name, 6.1 - width_of(said), bold=True)}: {said}")
        if ratio:
            panel.set_xscale("log")
            _plain_log_ticks(panel)
    panels[-1].set_xlabel(broken(label, 6.0))
    figure.supylabel("posterior density")
    return figure


def _plain_log_ticks(panel: Any) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    panel.xaxis.set_major_locator(FixedLocator([0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


# ── prior against posterior ───────────────────────────────────────────────────────────────────
def prior_and_posterior(analysis: Analysis) -> Picture | None:
    """Prior and posterior of the primary endpoint's parameter in each arm."""
    plan, recorded = analysis.plan, analysis.recorded
    primary = plan.design.primary
    if primary not in plan.fitted or not plan.fitted[primary][0].bayesian:
        return None
    fitted = plan.fitted[primary][0]
    questions = [q for q in analysis.questions if q.endpoint == primary and q.stratum == ALL]
    of_arms = [q for q in questions if q.minus is None and not q.month]
    questions = of_arms or [q for q in questions if q.of.ratio]
    if not questions:
        return None
    ratio = questions[0].of.ratio
    empty = recorded.without_data(primary)
    words = _words(analysis)
    edges = _edges(analysis, questions)
    middles = np.sqrt(edges[1:] * edges[:-1]) if ratio else (edges[1:] + edges[:-1]) / 2.0
    drawn, rows = [], []
    for question in questions:
        after, before = (_density_over(ask, question, edges) for ask in (recorded.ask, empty))
        drawn.append((words[question], (middles, after), before))
        for value, prior, posterior in zip(middles, before, after, strict=True):
            rows.append(
                {
                    "quantity": words[question],
                    "value": float(value),
                    "prior": float(prior),
                    "posterior": float(posterior),
                }
            )
    label = plan.design.endpoint_label(primary)
    axis = f"{label}: " + (questions[0].of.comparison if ratio else fitted.level)
    return Picture(
        _draw_prior(drawn, axis, ratio),
        f"Prior (dashed) and posterior (solid) at month {analysis.findings.date:.1f}.",
        "Density of prior and posterior of " + ", ".join(name for name, *_ in drawn),
        rows,
    )


def _edges(analysis: Analysis, questions: list[Question]) -> Floats:
    """Grid that holds all the posteriors: from the lowest to the highest they reach."""
    low, high = bounds(analysis.plan, questions[0])
    ends = [interval_of(analysis.recorded.ask, question, low, high) for question in questions]
    if questions[0].of.ratio:
        lower, upper = min(end[0] for end in ends), max(end[1] for end in ends)
        return np.geomspace(lower**1.5 / upper**0.5, upper**1.5 / lower**0.5, POINTS)
    highest = max(upper + (upper - lower) for lower, upper in ends)
    return np.linspace(low, min(high, highest), 2 * POINTS)


def _density_over(
    probability: Callable[[Question], float], question: Question, edges: Floats
) -> Floats:
    """Density between the edges, on the scale of the logarithm for a ratio."""
    above = np.array([probability(question.at(float(value))) for value in edges])
    scale = np.log(edges) if question.of.ratio else edges
    density: Floats = np.maximum(-np.diff(above), 0.0) / np.diff(scale)
    return density


@styled
def _draw_prior(
    drawn: list[tuple[str, tuple[Floats, Floats], Floats]], label: str, ratio: bool
) -> Figure:
    figure = sheet(min(1.1 + 1.25 * len(drawn), TALLEST))
    panels = figure.subplots(len(drawn), 1, squeeze=False, sharex=not ratio)[:, 0]
    handles: dict[str, Any] = {}
    for panel, (name, (grid, after), before) in zip(panels, drawn, strict=True):
        handles["posterior"] = panel.plot(grid, after, color=BLUE)[0]
        handles["prior"] = panel.plot(grid, before, color=GREY, linestyle=(0, (4, 2)))[0]
        # a prior that is infinite at an end would press the posterior flat
        panel.set_ylim(0.0, 1.12 * max(after.max(), min(before.max(), 2.0 * after.max())))
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        panel.set_title(short(name, 6.0, bold=True))
        if ratio:
            panel.set_xscale("log")
            _plain_log_ticks(panel)
    panels[-1].set_xlabel(broken(label, 6.0))
    figure.supylabel("density")
    legend_above(figure, list(handles.values()), list(handles))
    return figure


# ── durability ────────────────────────────────────────────────────────────────────────────────
def durability(analysis: Analysis) -> Picture | None:
    """Fraction still in drug-free remission by month, with its band, over Kaplan and Meier's."""
    plan, recorded = analysis.plan, analysis.recorded
    asked = KINDS["remaining"]
    found = [name for name, (a, _) in plan.fitted.items() if a.can_be_asked(asked)]
    if not found:
        return None
    endpoint = found[0]
    summary = recorded.summary(endpoint)
    assert isinstance(summary, Durations)
    horizon = plan.design.endpoints[endpoint].censors_after() or 36.0
    months = np.linspace(0.0, horizon, MONTHS)[1:]
    arms, rows = [], []
    for arm, name in enumerate(plan.design.arm_names):
        inside = summary.included[0] & (summary.arm[0] == arm)
        if not inside.any():
            continue
        observed = kaplan_meier(summary.months[0, inside], summary.event[0, inside])
        band = _band(analysis, endpoint, arm, months)
        arms.append((name, int(inside.sum()), observed, band))
        for month, (middle, lower, upper) in zip(months, band.T, strict=True):
            rows.append(
                {"arm": name, "month": float(month), "mean": middle, "lower": lower, "upper": upper}
            )
    if not arms:
        return None
    by = "reference posterior (PyMC)" if analysis.reference is not None else "fast posterior"
    return Picture(
        _draw_durability(
            months, [(plan.design.arm_label(arm), *rest) for arm, *rest in arms], horizon
        ),
        "Of those who reached drug-free remission, the fraction still in it: posterior mean and "
        f"95% credible band ({by}). Black steps: Kaplan-Meier estimate; ticks: end of follow-up.",
        "; ".join(
            f"{plan.design.arm_label(name)}: {number} remitters, {band[0, -1]:.2f} "
            f"({band[1, -1]:.2f} to "
            f"{band[2, -1]:.2f}) still in remission at month {horizon:g}"
            for name, number, _, band in arms
        ),
        rows,
    )


def _band(analysis: Analysis, endpoint: str, arm: int, months: Floats) -> Floats:
    """Mean, lower and upper end by month, ``(3, month)``."""
    found = []
    for month in months:
        question = Question(endpoint, arm, kind="remaining", month=float(month))
        if analysis.reference is not None:
            draws = analysis.reference.draws_of(analysis.recorded, question)
            tail = (1.0 - LEVEL) / 2.0
            found.append([float(draws.mean()), *np.quantile(draws, [tail, 1.0 - tail])])
            continue
        found.append([analysis.recorded.mean(question), *_fast_ends(analysis, question)])
    return np.array(found, dtype=np.float64).T


def _fast_ends(analysis: Analysis, question: Question) -> tuple[float, float]:
    posterior = analysis.recorded.posterior(question.endpoint)
    if not posterior.without_draws(question):
        return interval_of(analysis.recorded.ask, question, 0.0, 1.0)
    lower, upper = posterior.limits(question, LEVEL)
    return float(lower[0]), float(upper[0])


@styled
def _draw_durability(months: Floats, arms: list[tuple[Any, ...]], horizon: float) -> Figure:
    # a panel an arm: bands on top of one another could not be told apart
    columns = columns_for(len(arms))
    deep = -(-len(arms) // columns)
    figure = sheet(min(0.5 + 2.7 * deep, TALLEST))
    panels = figure.subplots(deep, columns, sharex=True, sharey=True, squeeze=False)
    for unused in panels.flat[len(arms) :]:
        unused.set_visible(False)
    for place, (panel, (name, number, (times, fractions, ends, heights), band)) in enumerate(
        zip(panels.flat, arms, strict=False)
    ):
        style = mark(place)
        grid = np.concatenate([[0.0], months])
        mean, lower, upper = (np.concatenate([[1.0], line]) for line in band)
        panel.fill_between(grid, lower, upper, color=style.colour, alpha=0.18, linewidth=0.0)
        panel.plot(grid, mean, color=style.colour)
        panel.step(times, fractions, where="post", color=BLACK, linewidth=0.9)
        panel.plot(ends, heights, "|", color=BLACK, markersize=5, markeredgewidth=0.8)
        panel.set_xlim(0.0, horizon)
        panel.set_ylim(0.0, 1.03)
        panel.set_xticks(np.arange(0.0, horizon + 0.1, 12.0 if len(arms) > 1 else 6.0))
        said = f": {number} in remission"
        room = panel_room(columns) - width_of(said, bold=True)
        panel.set_title(f"{short(name, max(room, 0.5), bold=True)}{said}")
        light_grid(panel)
        percent_axis(panel)
    figure.supxlabel("months since drug-free remission began")
    figure.supylabel("still in drug-free remission")
    return figure


# ── participants ──────────────────────────────────────────────────────────────────────────────
def swimmer(analysis: Analysis) -> Picture | None:
    """A line for each participant: follow-up, infusion, remission, relapse, rescue, death."""
    table, date = analysis.participants, analysis.findings.date
    design, most = analysis.plan.design, int(analysis.recorded.snapshot.randomised[0])
    if most == 0:
        return None
    reached = table.reached(analysis.recorded.trial.window)
    follow = np.minimum(np.minimum(reached, table.withdrawn), date - table.randomised)[:most]
    left = table.left(date)
    lines = []
    for person in range(most):
        seen = {
            name: float(values[person])
            for name, values in table.months.items()
            if values[person] <= follow[person] + 1.0e-6
        }
        for name, values in table.outcomes.items():
            endpoint = design.endpoints[name]
            assert endpoint.direct is not None
            mark = endpoint.direct.mark(values[person], endpoint.known_after())
            if mark <= follow[person] + SAME:
                seen[name] = mark
        if left[person]:
            seen["withdrawn_month"] = float(follow[person])
        lines.append(
            {
                "participant": table.names[person],
                "arm": design.arm_names[table.arm[person]],
                "followed": float(follow[person]),
                **seen,
            }
        )
    order = sorted(range(most), key=lambda p: (int(table.arm[p]), -float(follow[p])))
    lines = [lines[person] for person in order]
    labels = {name: design.arm_label(name) for name in design.arm_names}
    marked = [name for name in table.outcomes if any(name in line for line in lines)]
    words = {name: _event_words(analysis, name) for name in marked}
    adverse = {name: words[name] for name in marked if design.endpoints[name].harm}
    own = {name: words[name] for name in marked if name not in adverse}
    return Picture(
        _draw_swimmer(lines, labels, adverse, own),
        f"Participants by arm, from randomisation to last contact or month "
        f"{date:.1f} of the trial.",
        f"Swimmer plot of {most} participants: "
        + ", ".join(
            f"{sum(line['arm'] == name for line in lines)} in {label}"
            for name, label in labels.items()
        ),
        lines,
    )


def _event_words(analysis: Analysis, name: str) -> str:
    """What a column of its own is called; a response is seen at its month."""
    endpoint = analysis.plan.design.endpoints[name]
    words = endpoint.label or name
    known = endpoint.known_after()
    return words if known is None else f"{words} at month {known:g}"


# marks of what only some designs have: adverse events, and columns of an endpoint of their own
ADVERSE, OTHERS = ("P", "p", "*", "h"), ("v", "<", ">", "d")


@styled
def _draw_swimmer(
    lines: Rows, arms: Mapping[str, str], adverse: Mapping[str, str], own: Mapping[str, str]
) -> Figure:
    """Lanes with the marks of the simulated trials' figure; other columns by their words."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lanes = min(max(0.6, 0.085 * len(lines)), TALLEST - 1.2)
    figure = sheet(lanes + 1.2)
    panel = figure.subplots()
    thick = min(1.0, 72.0 * lanes / len(lines) / 5.0)  # of a lane, where there are many
    handles: dict[str, Any] = {}
    more = {
        name: (words, shapes[place % len(shapes)], face, BLACK)
        for shapes, face, group in ((ADVERSE, YELLOW, adverse), (OTHERS, BLACK, own))
        for place, (name, words) in enumerate(group.items())
    }
    lost = {ends: EVENTS["relapse_month"] for line in lines for *_, ends in spells_in(line)}
    kinds = EVENTS | lost | {"withdrawn_month": ("withdrawn", "o", "white", BLACK)} | more
    for place, line in enumerate(lines):
        panel.plot([0.0, line["followed"]], [place, place], color=PALE, linewidth=2.0 * thick,
                   zorder=1, solid_capstyle="butt")  # fmt: skip
        for state, _, _, begins, ends in spells_in(line):
            if state != DRUG_FREE:
                continue
            until = min(
                line.get(name, np.inf)
                for name in (ends, "rescue_month", "death_month", "followed")
                if line.get(name, np.inf) >= line[begins]
            )
            panel.plot(
                [line[begins], until], [place, place], color=GREEN, linewidth=4.2 * thick, zorder=2,
                solid_capstyle="butt",
            )  # fmt: skip
        for name, (words, shape, face, edge) in kinds.items():
            if name not in line:
                continue
            panel.plot(
                line[name], place, shape, markerfacecolor=face, markeredgecolor=edge,
                markersize=max(4.2 * thick, 3.2), markeredgewidth=0.5, zorder=3, clip_on=False,
            )  # fmt: skip
            handles.setdefault(
                words,
                Line2D([], [], marker=shape, markerfacecolor=face, markeredgecolor=edge,
                       markeredgewidth=0.6, linestyle="", markersize=5),
            )  # fmt: skip
    _arm_labels(panel, lines, arms, lanes)
    bars: dict[str, Any] = {"followed": Patch(facecolor=PALE, edgecolor="none")}
    if any("remission_month" in line for line in lines):
        bars["drug-free remission"] = Patch(facecolor=GREEN, edgecolor="none")
    handles = bars | handles
    panel.set_xlim(0.0)
    panel.set_ylim(len(lines) - 0.3, -0.7)
    panel.set_xlabel("months since randomisation")
    light_grid(panel, "x")
    legend_above(figure, list(handles.values()), [short(words, 2.8) for words in handles])
    return figure


def _arm_labels(panel: Any, lines: Rows, arms: Mapping[str, str], lanes: float) -> None:
    """Name the arms beside their lines, and draw a rule between them."""
    ticks, labels, parts = [], [], []
    for arm, called in arms.items():
        mine = [place for place, line in enumerate(lines) if line["arm"] == arm]
        if mine:
            parts.append((mine[0] + mine[-1]) / 2.0)
            room = len(mine) * lanes / len(lines)
            name = broken(called, 1.3)
            if 0.165 * (lines_in(name) + 1) > room:
                name = short(called, 1.3)
            whole = room >= 0.33
            labels.append(f"{name}\n({len(mine)})" if whole else f"{name} ({len(mine)})")
            if mine[-1] + 1 < len(lines):
                panel.axhline(mine[-1] + 0.5, color=GREY, linewidth=0.6)
    # arms of a few participants: their names are moved apart
    tallest = max((0.165 * lines_in(label) for label in labels), default=0.0)
    gap = min(0.19, tallest) if all(lines_in(label) == 1 for label in labels) else 0.0
    ticks = spread(parts, gap * len(lines) / lanes, 0.0, float(len(lines)))
    panel.set_yticks(ticks, labels)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
