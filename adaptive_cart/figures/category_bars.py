"""What becomes of participants: the true probability of each category, by arm and scenario.

Below each bar a thin one has what was seen of the arm at the look that ended the trial, all
simulated trials together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from adaptive_cart.figures.about import about
from adaptive_cart.figures.draw_measures import only_shown
from adaptive_cart.figures.kinds import FigureKind, Missing, Tables, called
from adaptive_cart.figures.source import kept, looks_of, plan_of, scenarios, truth_of
from adaptive_cart.figures.style import (
    BLACK,
    PORTRAIT,
    TALLEST,
    legend_above,
    percent_axis,
    sheet,
    short,
    styled,
    width_of,
)
from adaptive_cart.figures.tables_measures import table
from adaptive_cart.figures.thinning import left_out, shown_scenarios
from adaptive_cart.nouns.questions import Question
from adaptive_cart.results.estimand import SobolLatents, TrueValues, true_values
from adaptive_cart.results.percentages import percent
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS = 24
BAR = 0.24  # inches of a bar and what is below it
HEAD = 1.0  # bars, for the name of a scenario
HATCHES = ("", "////", "", "....")
TRUE, SEEN = (-0.12, 0.56), (0.31, 0.18)  # place and height of a bar, and of the thin one below
DARKEST, LIGHTEST = 0.10, 0.95  # of the colour map, the worst category darkest


def _true_of(result: Result, scenario: str) -> TrueValues:
    def make() -> TrueValues:
        return true_values(result.design, truth_of(result, scenario), points, with_ratios=False)

    points = kept(result, "points", SobolLatents)
    return kept(result, ("true categories", scenario), make)


def _endpoint_of(result: Result) -> str | None:
    """The ordinal endpoint that is drawn: the primary, else the first that is analysed."""
    design = result.design
    ordinal = [name for name, e in design.endpoints.items() if e.category_names()]
    analysed = [name for name in ordinal if name in plan_of(result).fitted]
    return design.primary if design.primary in ordinal else next(iter(analysed or ordinal), None)


def category_tables(result: Result) -> Tables | Missing:
    """True probability of each category with its standard error, a row an arm and category."""
    name, design = _endpoint_of(result), result.design
    if name is None:
        return Missing(
            "no endpoint of this design has categories", 'write one with type = "ordinal"'
        )
    most = max(MOST_BARS // len(design.arm_names), 1)
    shown = shown_scenarios(result, most)
    rows = []
    for scenario, _ in scenarios(result):
        true, ended = _true_of(result, scenario), _ended(result, scenario, name)
        for place, arm in enumerate(design.arm_names):
            beside = place in design.experimental and design.control is not None
            better = true.quantity(Question(name, place, 0, kind="better")) if beside else None
            for category, cells in zip(
                design.endpoints[name].category_names(), true.categories[name], strict=True
            ):
                share = cells.level(place)
                rows.append(
                    {
                        "scenario": scenario,
                        "shown": scenario in shown,
                        "arm": arm,
                        "category": category,
                        "probability": share.value,
                        "mcse": share.mcse,
                        "seen": _seen(ended, name, arm, category),
                        "better_than_control": None if better is None else better.value,
                    }
                )
    label = design.endpoint_label(name)
    return {"categories": table(rows), "about": about(result, endpoint=label)}


def _ended(result: Result, scenario: str, name: str) -> Any:
    """Participants by category at the look that ended each trial, all trials together, by arm."""
    looks = looks_of(result)
    mine = looks[looks["last"].astype(bool) & (looks["scenario"].astype(str) == scenario)]
    columns = [f"{name}_{of}" for of in ("analysed", *_categories(result, name))]
    return mine.assign(arm=mine["arm"].astype(str)).groupby("arm")[columns].sum()


def _categories(result: Result, name: str) -> tuple[str, ...]:
    return result.design.endpoints[name].category_names()


def _seen(ended: Any, name: str, arm: str, category: str) -> float | None:
    """Share of an arm's participants who were seen in a category; nothing where none was seen."""
    if arm not in ended.index or not ended.loc[arm, f"{name}_analysed"]:
        return None
    return float(ended.loc[arm, f"{name}_{category}"] / ended.loc[arm, f"{name}_analysed"])


@styled
def draw_categories(tables: Tables) -> Figure:
    """Draw a bar an arm, scenarios one below the other, the worst category on the left."""
    import matplotlib as mpl
    from matplotlib.patches import Patch

    frame, about_it = only_shown(tables["categories"]), tables["about"].iloc[0]
    names = list(dict.fromkeys(frame["scenario"]))
    categories = list(dict.fromkeys(frame["category"]))
    arms = list(dict.fromkeys(frame["arm"]))
    steps = max(len(categories) - 1, 1)
    faces = [
        mpl.colormaps["viridis"](DARKEST + (LIGHTEST - DARKEST) * k / steps)
        for k in range(len(categories))
    ]
    hatches = [HATCHES[k % len(HATCHES)] for k in range(len(categories))]
    each = len(arms) + HEAD
    figure = sheet(min(0.9 + BAR * each * len(names), TALLEST))
    axes = figure.subplots()
    ticks: list[float] = []
    for row, name in enumerate(names):
        top = row * each
        axes.text(0.0, top - 0.55, short(name, 4.5, bold=True), va="bottom", fontweight="bold")
        for place, arm in enumerate(arms):
            part = frame[(frame["scenario"] == name) & (frame["arm"] == arm)]
            _bar(axes, top + place, part["probability"].tolist(), faces, hatches, TRUE)
            if part["seen"].notna().all():
                _bar(axes, top + place, part["seen"].tolist(), faces, hatches, SEEN)
            ticks.append(top + place)
    axes.set_yticks(ticks, [short(called(about_it, arm), 1.3) for arm in arms] * len(names))
    axes.set_ylim(each * len(names) - HEAD - 0.4, -0.6 - 0.8 * HEAD)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0.0, 1.0)
    percent_axis(axes, "x")
    thin = "\nthin: as seen when the trial ended" if frame["seen"].notna().any() else ""
    axes.set_xlabel(f"participants ({about_it['endpoint']}), the worst on the left{thin}")
    patches = [
        Patch(facecolor=face, hatch=hatch, edgecolor="white", linewidth=0.7)
        for face, hatch in zip(faces, hatches, strict=True)
    ]
    legend_above(figure, patches, [name.replace("_", " ") for name in categories])
    return figure


def _bar(
    axes: Axes,
    row: float,
    shares: list[float],
    faces: list[Any],
    hatches: list[str],
    of: tuple[float, float],
) -> None:
    """One stacked bar; each true probability with its number where there is room."""
    left, place = 0.0, row + of[0]
    for share, face, hatch in zip(shares, faces, hatches, strict=True):
        if share > 0.0:
            axes.barh(place, share, of[1], left=left, facecolor=face, hatch=hatch,
                      edgecolor="white", linewidth=0.7)  # fmt: skip
        text = f"{100.0 * share:.0f}"
        if of == TRUE and share * 0.6 * PORTRAIT >= width_of(text) + 0.12:
            axes.text(left + 0.5 * share, place, text, ha="center", va="center", color=BLACK,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # fmt: skip
        left += share


def _said(tables: Tables) -> Iterator[str]:
    frame, about_it = only_shown(tables["categories"]), tables["about"].iloc[0]
    for (scenario, arm), part in frame.groupby(["scenario", "arm"], sort=False):
        better = part["better_than_control"].iloc[0]
        if better == better and better is not None:
            yield f"{scenario}, {called(about_it, arm)} {better:.3f}"


def say_categories(tables: Tables) -> str:
    """Caption: what the bars are, and how often each arm does better than the control."""
    frame, about_it = tables["categories"], tables["about"].iloc[0]
    error = float(frame["mcse"].max())
    exact = "exact" if error == 0.0 else f"Monte Carlo standard error at most {error:.1g}"
    return (
        f"True probability of each category of {about_it['endpoint']} by arm and scenario, in per "
        f"cent ({exact}), the worst category first. Probability that a participant of an arm does "
        f"better than one of the control, ties half: {'; '.join(_said(tables))}. Thin bars: "
        f"categories seen in the arm at the look that ended the trial, all simulated trials "
        f"together."
        f"{left_out(frame)}"
    )


def describe_categories(tables: Tables) -> str:
    """Alternative text: the best category in each arm of each scenario."""
    frame, about_it = only_shown(tables["categories"]), tables["about"].iloc[0]
    best = frame["category"].iloc[-1]
    own = frame[frame["category"] == best]
    said = ", ".join(
        f"{row['scenario']} {called(about_it, row['arm'])} {percent(row['probability'])}"
        for row in own.to_dict("records")
    )
    return f"Stacked bars of categories by arm and scenario; {best.replace('_', ' ')}: {said}."


KIND = FigureKind(
    id="C9",
    name="categories",
    chapter="all_numbers",
    file_name="C09_categories",
    title="What becomes of participants: categories by arm",
    tables=category_tables,
    draw=draw_categories,
    caption=say_categories,
    alternative_text=describe_categories,
)
