"""Drawing of an example trial: accrual, effect and rules over one calendar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.figures.kinds import ALONE, NOUN, Tables, called, compared
from adaptive_cart.figures.style import (
    BLACK,
    GREY,
    TALLEST,
    Mark,
    legend_above,
    legend_columns,
    light_grid,
    mark,
    name_looks,
    ratio_ticks,
    sheet,
    short,
    spread,
    styled,
    width_of,
)
from adaptive_cart.figures.thinning import choose

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def draw_example(tables: Tables) -> Figure:
    """Three panels over the calendar, and what was seen at each look below."""
    accrual, effects, rules = tables["accrual"], tables["effects"], tables["rules"]
    counts, about = tables["counts"], tables["about"].iloc[0]
    arms = list(dict.fromkeys(accrual["arm"]))
    content = _seen(tables)
    figure = sheet(min(6.1 + content.height, TALLEST))
    grid = figure.subplots(4, 1, sharex=True, height_ratios=[1.8, 1.7, 1.9, content.height])
    columns = (counts["month"], counts["look"], counts["between"])
    looks = sorted({(float(month), _look(look, before))
                    for month, look, before in zip(*columns, strict=True)})  # fmt: skip
    handles = _accrual(grid[0], accrual, arms, [month for month, _ in looks], about)
    marks = _marks(arms, effects)
    _effect(grid[1], effects, about, marks, arms)
    _judged(grid[2], rules, marks)
    right = about["months"] * 1.06
    for axes in grid[:3]:
        for month, _ in looks:
            axes.axvline(month, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        axes.set_xlim(0, right)
    name_looks(grid[0], [(look, month) for month, look in looks], right, 5.0)
    grid[2].set_xlabel("months since the trial opened")
    grid[2].tick_params(axis="x", labelbottom=True)
    content.write(grid[3])
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def _seen(tables: Tables) -> _Seen:
    """What was seen at each look; with several arms of the primary endpoint alone."""
    counts, arms = tables["counts"], list(dict.fromkeys(tables["accrual"]["arm"]))
    chosen = counts[counts["primary"]] if len(arms) > 2 else counts
    return _Seen.of(chosen, arms, tables["about"].iloc[0])


def unseen(tables: Tables) -> list[str]:
    """What was seen in the trial, but is not written below its panels for want of room."""
    counts, arms = tables["counts"], tables["accrual"]["arm"].nunique()
    others = counts[~counts["primary"]] if arms > 2 else counts[:0]
    return [*dict.fromkeys(others["endpoint"]), *_seen(tables).missing]


def _look(look: int, between: bool) -> int | str:
    """Number of a look, or words for a date between looks."""
    return "between looks" if between else int(look)


def _marks(arms: list[str], effects: Any) -> dict[str, Mark]:
    """One mark for each arm (and stratum), the same in all panels."""
    marks = {arm: mark(place) for place, arm in enumerate(arms)}
    names = list(dict.fromkeys(effects["estimand"])) if len(effects) else []
    others = [name for name in names if name not in marks and name != "all"]
    # strata have marks of their own, so that none is taken for an arm
    marks |= {name: mark(len(arms) + place) for place, name in enumerate(others)}
    marks["all"] = Mark(BLACK, "-", "X") if others else mark(len(arms) - 1)
    return marks


def _accrual(
    axes: Axes, accrual: Any, arms: list[str], looks: list[float], about: Any
) -> dict[str, Any]:
    """Participants so far by arm; answers with what the legend shows."""
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
    axes.set_ylim(0, float(accrual["participants"].max()) * 1.06 + 1)
    axes.set_ylabel("participants\nso far")
    light_grid(axes)
    return dict(
        zip([*(short(called(about, arm), 2.4) for arm in arms), *shown], handles, strict=True)
    )


def _effect(axes: Axes, effects: Any, about: Any, marks: dict[str, Mark], arms: list[str]) -> None:
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
        handles.append(Line2D([], [], color=style.colour, marker=style.marker, markersize=5))
    kind = compared(about)
    if not about[ALONE]:
        axes.axhline(kind.no_effect, color=BLACK, linewidth=0.7)
    if kind.ratio:
        axes.set_yscale("log")
        ratio_ticks(axes, "y", float(effects["lower"].min()), float(effects["upper"].max()))
    _references(axes, effects, about, kind.no_effect)
    if len(names) > 1 and set(names) - set(arms):  # arms are in the legend of the figure already
        room = max(width_of(called(about, name)) for name in names) + 0.6
        labels = [short(called(about, name), 2.0) for name in names]
        axes.legend(handles, labels, loc="lower left",
                    bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, columnspacing=1.2,
                    ncols=max(1, min(len(names), int(5.4 / min(room, 2.6)))))  # fmt: skip
    axes.set_ylabel(about[NOUN])
    light_grid(axes)


def _references(axes: Axes, effects: Any, about: Any, none: float) -> None:
    """Draw the true value and the margin, named at the right of the panel."""
    lines: list[tuple[str, float]] = []
    true = effects["true"].iloc[0]
    if effects["estimand"].nunique() == 1 and np.isfinite(true):
        axes.axhline(true, color=BLACK, linewidth=0.9, linestyle=(0, (1, 2)))
        lines.append(("true value", float(true)))
    margin = about["margin"]
    if margin is not None and margin == margin:
        if margin != none:
            axes.axhline(margin, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        lines.append((f"margin {margin:g}", float(margin)))
    ends = [*effects["lower"].dropna(), *effects["upper"].dropna(), none, *(y for _, y in lines)]
    low, high = float(min(ends)), float(max(ends))
    if axes.get_yscale() == "log":
        low, high = low / (high / low) ** 0.12, high * (high / low) ** 0.12
    else:
        low, high = low - 0.12 * (high - low), high + 0.12 * (high - low)
    axes.set_ylim(low, high)
    at = [axes.transAxes.inverted().transform(axes.transData.transform((0.0, y)))[1]
          for _, y in lines]  # fmt: skip
    for (words, _), height in zip(lines, spread(at, 0.14, 0.05, 0.95), strict=True):
        axes.text(1.01, height, words, va="center", transform=axes.transAxes)


WIDE, HEADING = 4.9, 0.75  # inches: of the panels, and of "month 27.3"
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
        axes.legend(handles, [short(label, 5.0) for label in labels], loc="lower left",
                    bbox_to_anchor=(0.0, 1.0), ncols=legend_columns(labels, 5.4),
                    columnspacing=1.2, borderaxespad=0.2)  # fmt: skip


LINE = 0.172  # inches from one row of what was seen to the next
LONGEST = 2.3  # inches of a label
MOST_ROWS = 16


@dataclass(frozen=True)
class _Seen:
    """What was seen at each look, laid out so that no cell runs into the next.

    Attributes
    ----------
    rows
        Words and endpoint of a row, and the arm it is about (nothing: both, in one cell).
    missing
        Rows and looks that there is no room for.
    """

    counts: Any
    heading: str
    rows: list[tuple[str, str, str]]
    looks: list[tuple[int | str, float]]
    label: float
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, counts: Any, arms: list[str], about: Any) -> _Seen:
        """Both arms in one cell if that fits beside the labels, else a row an arm."""
        endpoints = list(dict.fromkeys(counts["endpoint"]))
        dates = zip(counts["look"], counts["between"], counts["month"], strict=True)
        looks = list(dict.fromkeys((_look(look, before), month) for look, before, month in dates))
        counts = counts.assign(date=[_look(*pair) for pair in zip(counts["look"],
                                                                  counts["between"],
                                                                  strict=True)])  # fmt: skip
        joined = f"seen ({' and '.join(called(about, arm) for arm in arms)})"
        if len(arms) <= 2:
            label = max(width_of(words) for words in (joined, *endpoints))
            cells = counts.groupby(["date", "month", "endpoint"])["said"].agg(" and ".join)
            widest = max((width_of(said) for said in cells), default=0.0)
            if label + len(looks) * (max(widest, HEADING) + 0.12) <= WIDE:
                return cls(counts, joined, [(e, e, "") for e in endpoints], looks, label)
        # where there is too little room the endpoint is cut, not the arm
        tails = {arm: f", {short(called(about, arm), LONGEST / 2)}" for arm in arms}
        rows = [
            (short(endpoint, LONGEST - width_of(tails[arm])) + tails[arm], endpoint, arm)
            for endpoint in endpoints
            for arm in arms
        ]
        heading, missing = "seen", [f"{words}" for words, *_ in rows[MOST_ROWS:]]
        rows = rows[:MOST_ROWS]
        label = max(width_of(words) for words, *_ in rows)
        most = max(int((WIDE - label) / (HEADING + 0.08)), 2)
        shown = choose(looks, most, [looks[0], looks[-1]])
        missing += [f"look {look}" for look, month in looks if (look, month) not in shown]
        heading = "seen (in part)" if missing else heading
        label = max(label, width_of(heading))
        return cls(counts, heading, rows, shown, label, tuple(missing))

    @property
    def height(self) -> float:
        """Inches; the heading has two lines."""
        return 0.22 + LINE * (len(self.rows) + 2)

    def write(self, axes: Axes) -> None:
        """Write it below the calendar."""
        axes.set_axis_off()
        axes.set_ylim(0, 1)
        first = (self.label + 0.08) / WIDE
        columns = [first + (1 - first) * (k + 0.5) / len(self.looks)
                   for k in range(len(self.looks))]  # fmt: skip
        rows = len(self.rows) + 2

        def put(x: float, row: int, words: str, **options: Any) -> None:
            at = 1.0 - (row + 1.5 if row else 1.0) / rows
            axes.text(x, at, words, va="center", transform=axes.transAxes, **options)

        put(0.0, 0, self.heading, color=GREY)
        for (look, month), x in zip(self.looks, columns, strict=True):
            words = look if isinstance(look, str) else f"look {look}"
            put(x, 0, f"{words}\nmonth {month:.1f}", ha="center", color=GREY)
        for row, (words, endpoint, arm) in enumerate(self.rows, start=1):
            put(0.0, row, short(words, self.label + 0.02))
            for (look, month), x in zip(self.looks, columns, strict=True):
                own = self.counts[(self.counts["date"] == look) & (self.counts["month"] == month)]
                own = own[own["endpoint"] == endpoint]
                own = own[own["arm"] == arm] if arm else own
                put(x, row, " and ".join(own["said"]), ha="center")
