"""Drawing of an example trial: accrual, effect and rules over one calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.figures.draw_measures import short
from adaptive_cart.figures.kinds import Tables
from adaptive_cart.figures.style import (
    BLACK,
    GREY,
    SMALL,
    Mark,
    light_grid,
    mark,
    ratio_ticks,
    sheet,
    spread,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def draw_example(tables: Tables) -> Figure:
    """Three panels over the calendar, and what was seen at each look below."""
    accrual, effects, rules = tables["accrual"], tables["effects"], tables["rules"]
    counts, about = tables["counts"], tables["about"].iloc[0]
    arms = list(dict.fromkeys(accrual["arm"]))
    endpoints = list(dict.fromkeys(counts["endpoint"]))
    chosen = counts[counts["primary"]] if len(arms) > 2 else counts
    endpoints = list(dict.fromkeys(chosen["endpoint"]))
    below = 0.55 + 0.165 * len(endpoints) * (len(arms) if len(arms) > 2 else 1)
    figure = sheet(5.9 + below)
    grid = figure.subplots(4, 1, sharex=True, height_ratios=[1.8, 1.7, 1.9, below])
    looks = sorted({(float(m), int(k)) for m, k in zip(counts["month"], counts["look"],
                                                       strict=True)})  # fmt: skip
    _accrual(grid[0], accrual, arms, [month for month, _ in looks])
    marks = _marks(arms, effects)
    _effect(grid[1], effects, about, marks)
    _judged(grid[2], rules, marks)
    right = about["months"] * 1.06
    for axes in grid[:3]:
        for month, _ in looks:
            axes.axvline(month, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        axes.set_xlim(0, right)
    months = spread([m for m, _ in looks], right * 0.075, 0, right)
    for (month, look), at in zip(looks, months, strict=True):
        grid[0].annotate(f"look {look}", (month, 1.0), xytext=(at, 1.04), fontsize=SMALL,
                         xycoords=("data", "axes fraction"), textcoords=("data", "axes fraction"),
                         ha="center", va="bottom", color=GREY)  # fmt: skip
    grid[2].set_xlabel("months since the trial opened")
    grid[2].tick_params(axis="x", labelbottom=True)
    _seen(grid[3], chosen, arms, endpoints)
    return figure


def _marks(arms: list[str], effects: Any) -> dict[str, Mark]:
    """One mark for each arm (and stratum), the same in all panels."""
    marks = {arm: mark(place) for place, arm in enumerate(arms)}
    names = list(dict.fromkeys(effects["estimand"])) if len(effects) else []
    others = [name for name in names if name not in marks and name != "all"]
    marks |= {name: mark(place) for place, name in enumerate(others)}
    marks["all"] = Mark(BLACK, "-", "X") if others else mark(len(arms) - 1)
    return marks


def _accrual(axes: Axes, accrual: Any, arms: list[str], looks: list[float]) -> None:
    styles: dict[str, Any] = {"randomised": "-", "primary observed": (0, (1, 1.2)),
                              "infused": (0, (5, 1.5))}  # fmt: skip
    widths = {"randomised": 1.6, "primary observed": 1.2, "infused": 1.1}
    for what, line in styles.items():
        for place, arm in enumerate(arms):
            own = accrual[(accrual["what"] == what) & (accrual["arm"] == arm)]
            if not len(own):
                continue
            style = mark(place)
            axes.step(
                own["month"],
                own["participants"],
                where="post",
                linestyle=line,
                color=style.colour,
                linewidth=widths[what],
            )
            if what == "randomised":  # so that arms are told apart in grey
                at = [own.loc[own["month"] <= month, "participants"].max() for month in looks]
                axes.plot(looks, at, style.marker, color=style.colour, markersize=5)
    from matplotlib.lines import Line2D

    shown = [what for what in styles if (accrual["what"] == what).any()]
    shapes = [mark(place).marker for place in range(len(arms))]
    handles = [
        Line2D([], [], color=mark(place).colour, marker=shape, markersize=5)
        for place, shape in enumerate(shapes)
    ]
    handles += [Line2D([], [], color=BLACK, linestyle=styles[what]) for what in shown]
    axes.legend(handles, [*arms, *shown], loc="upper left", ncols=1 if len(arms) < 3 else 2,
                labelspacing=0.25)  # fmt: skip
    axes.set_ylim(0, float(accrual["participants"].max()) * 1.06 + 1)
    axes.set_ylabel("participants\nso far")
    light_grid(axes)


def _effect(axes: Axes, effects: Any, about: Any, marks: dict[str, Mark]) -> None:
    from matplotlib.lines import Line2D

    if not len(effects):
        axes.text(0.5, 0.5, "the primary has no posterior", transform=axes.transAxes, ha="center")
        return
    names = list(dict.fromkeys(effects["estimand"]))
    step = about["months"] * 0.013
    handles = []
    for place, name in enumerate(names):
        own, style = effects[effects["estimand"] == name], marks[name]
        x = own["month"] + step * (place - (len(names) - 1) / 2)
        axes.vlines(x, own["lower"], own["upper"], color=style.colour, linewidth=1.4)
        axes.plot(x, own["mean"], linestyle="none", marker=style.marker, color=style.colour,
                  markersize=5.5)  # fmt: skip
        true = own["true"].iloc[0]
        if len(names) == 1 and np.isfinite(true):
            axes.axhline(true, color=BLACK, linewidth=0.9, linestyle=(0, (1, 2)))
            axes.annotate("true value", (0.005, true), xycoords=("axes fraction", "data"),
                          xytext=(0, 2), textcoords="offset points", fontsize=SMALL)  # fmt: skip
        handles.append(Line2D([], [], color=style.colour, marker=style.marker, markersize=5))
    ratio = about["estimand"].startswith("hazard")
    axes.axhline(1.0 if ratio else 0.0, color=BLACK, linewidth=0.7)
    if ratio:
        axes.set_yscale("log")
        ratio_ticks(axes, "y", float(effects["lower"].min()), float(effects["upper"].max()))
    if len(names) > 1:
        axes.legend(handles, names, loc="upper left", labelspacing=0.25, ncols=2)
    axes.margins(y=0.12)
    axes.set_ylabel("hazard ratio" if ratio else "difference")
    light_grid(axes)


RULES = (("o", "-"), ("s", (0, (5, 1.5))), ("^", (0, (1, 1.2))), ("D", (0, (6, 1.5, 1, 1.5))))


def _judged(axes: Axes, rules: Any, marks: dict[str, Mark]) -> None:
    """Probability that each rule asked for, against its threshold at the look."""
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(rules["rule"])) if len(rules) else []
    targets = [t for t in dict.fromkeys(rules["target"]) if isinstance(t, str)] if names else []
    handles, labels = [], []
    reach = max(float(rules["month"].max()), 1.0) if len(rules) else 1.0
    for place, name in enumerate(names):
        own = rules[rules["rule"] == name]
        shape, line = RULES[place % len(RULES)]
        plain = GREY if targets else mark(place).colour
        for target, part in own.groupby(own["target"].fillna(""), sort=False):
            number = targets.index(target) if target in targets else (len(targets) - 1) / 2
            style = marks.get(target)
            colour = style.colour if style is not None else plain
            own_shape = style.marker if style is not None else shape
            x = part["month"] + reach * 0.013 * (number - (len(targets) - 1) / 2)
            axes.plot(x, part["probability"], color=colour, linestyle=line, linewidth=0.9)
            for row, at in zip(part.to_dict("records"), x, strict=True):
                axes.plot([at],[row["probability"]],own_shape, markersize=5.5,
                          markerfacecolor=colour if row["holds"] else "white",
                          markeredgecolor=colour)  # fmt: skip
        steps = own.drop_duplicates("look")
        half = reach * 0.03
        for row in steps.to_dict("records"):
            axes.plot([row["month"] - half, row["month"] + half], [row["threshold"]] * 2,
                      color=plain, linewidth=2.2, zorder=1)  # fmt: skip
        first = steps.iloc[0]
        sign = "≥" if first["at_least"] else "<"
        values = list(dict.fromkeys(f"{value:g}" for value in steps["threshold"]))
        handles.append(
            Line2D(
                [], [], color=plain, linestyle=line, marker="" if targets else shape, markersize=5
            )
        )
        labels.append(f"{name} ({sign} {', '.join(values)})")
    axes.set_ylim(-0.04, 1.04)
    axes.set_ylabel("probability that\nthe rule asks for")
    light_grid(axes)
    if handles:
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0),
                    ncols=min(len(handles), 3), borderaxespad=0.2)  # fmt: skip


def _seen(axes: Axes, counts: Any, arms: list[str], endpoints: list[str]) -> None:
    """What was seen at each look, under its place on the calendar."""
    axes.set_axis_off()
    axes.set_ylim(0, 1)
    looks = list(dict.fromkeys(zip(counts["look"], counts["month"], strict=True)))
    blocks = [
        (endpoint, arm) for endpoint in endpoints for arm in (arms if len(arms) > 2 else [""])
    ]
    rows = len(blocks) + 2  # the heading has two lines
    columns = [0.34 + 0.66 * (k + 0.5) / len(looks) for k in range(len(looks))]

    def at(row: int) -> float:
        return 1.0 - (row + 1.5 if row else 1.0) / rows

    axes.text(0.0, at(0), f"seen ({' and '.join(arms)})" if len(arms) <= 2 else "seen",
              fontsize=SMALL, color=GREY, transform=axes.transAxes, va="center")  # fmt: skip
    for (look, month), x in zip(looks, columns, strict=True):
        axes.text(x, at(0), f"look {int(look)}\nmonth {month:.1f}", ha="center", va="center",
                  fontsize=SMALL, color=GREY, transform=axes.transAxes)  # fmt: skip
    for row, (endpoint, arm) in enumerate(blocks, start=1):
        axes.text(0.0, at(row), short(f"{endpoint}{', ' + arm if arm else ''}", 30), fontsize=SMALL,
                  va="center", transform=axes.transAxes)  # fmt: skip
        for (look, month), x in zip(looks, columns, strict=True):
            own = counts[(counts["look"] == look) & (counts["month"] == month)]
            own = own[own["endpoint"] == endpoint]
            own = own[own["arm"] == arm] if arm else own
            axes.text(x, at(row), " and ".join(own["said"]), ha="center", va="center",
                      fontsize=SMALL, transform=axes.transAxes)  # fmt: skip
