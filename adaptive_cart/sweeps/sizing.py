"""The smallest size with the power that is wanted, found from a few of the sizes.

Sizes are whole allocation blocks; looks by number move in proportion, to the nearest block, half
up, or are free (:mod:`adaptive_cart.sweeps.sized_looks`), and then a size has the power that its
best looks have. The power of every size that is tried is that of ``simulate``. Of those not tried
it is foretold: the probit of power is all but a straight line in the square root of the size, so
that two sizes foretell the rest (the idea is that of Hagar, Golchi and Klein 2025, for the logits
of posterior probabilities; here it is used of power, which any rule and engine have). Where power
is simulated a tenth of the trials draw the line, and the search counts successes in the scenarios
alone in which power is wanted and may be lacking; the others are run at the answer and beside it.
What is left of the line, since
counts are whole numbers and looks move in steps, is measured at the sizes that have been tried,
and every size whose foretold power lies that near to the one wanted is tried as well; where power
is enumerated also those that a step of it (:mod:`adaptive_cart.sweeps.steps_of_power`) can bring
there. The answer is the smallest size from which every larger one that was searched has the power.

Where thresholds are calibrated by simulation, which takes longer than all else, those of the sizes
that drew the line foretell the others (:mod:`adaptive_cart.sweeps.foretold_thresholds`). Then the
answer and the size tried below it are calibrated, and the search goes on with what these have,
until both are. Sizes that fresh trials confirm are calibrated first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.percentages import with_interval
from adaptive_cart.running.engine import Engine
from adaptive_cart.sweeps.confirmed_size import FRESH, Afresh, confirmed
from adaptive_cart.sweeps.moving_looks import FreeLooks
from adaptive_cart.sweeps.size_asked import read_asked
from adaptive_cart.sweeps.size_runs import ROUGH, SizeRuns
from adaptive_cart.sweeps.tried_sizes import KEPT, KeptSizes, Tried

LEAST_SLACK = 0.01  # of power about the one wanted, within which every size is tried
SLACK = 2.0  # times what the line has been off by so far
ABOUT = 2  # sizes on either side of the answer that are always tried
BESIDE = 1  # sizes on either side of it that are run in every scenario
NEARER = 2  # sizes between the ends by which it is drawn
INNERMOST = 0.02, 0.98  # powers beyond which a probit says little of the line
NOTHING_ROUGH: Mapping[int, float] = {}
NOTHING_AFRESH: tuple[Afresh, ...] = ()
COLUMNS = ("max_n", "looks", "thresholds", "scenario", "role", "success", "lower", "upper", "n")


def _no_step(number: int) -> float:
    return 0.0


@dataclass(frozen=True)
class Size:
    """What was searched, and the answer.

    Attributes
    ----------
    searched
        The least and the largest size, and the block between two.
    tried
        In order of size.
    answer
        The smallest size from which every larger one searched has the power; nothing if even the
        largest has not. Of simulated designs the first that fresh trials show to have it, from that
        one on.
    slack
        How near to the power wanted a foretold one had to lie for its size to be tried.
    looks
        Those that are free.
    promised
        The smallest size from which every larger one searched has the power, by the search alone.
    fresh, afresh
        Trials that the search did not use, and what sizes had on them; none where power is
        enumerated.
    """

    design: Design
    power: float
    scenarios: tuple[str, ...]
    searched: tuple[int, int, int]
    tried: tuple[Tried, ...]
    answer: int | None
    slack: float
    looks: FreeLooks | None = None
    promised: int | None = None
    fresh: int = 0
    afresh: tuple[Afresh, ...] = ()

    FILES: ClassVar[tuple[str, ...]] = ("size.csv", "size.txt", "size.json")

    @property
    def found(self) -> Tried | None:
        """The answer, as it was run."""
        return next((one for one in self.tried if one.size == self.answer), None)

    def text(self, around: int = 8) -> str:
        """The sizes that were tried about the answer, and what was found.

        Parameters
        ----------
        around
            Sizes on either side of the answer.
        """
        least, largest, block = self.searched
        number = len(range(least, largest + 1, block))
        about = self.answer or self.promised or largest  # which need not have been run itself
        place = min(range(len(self.tried)), key=lambda k: abs(self.tried[k].size - about))
        others = (name for one in self.tried for name in one.success)
        names = [*dict.fromkeys((*self.scenarios, *others))]
        near = self.tried[max(place - around, 0) : place + around + 1]
        told = [", ".join(f"{at:g}" for at in one.looks) for one in near]
        wide = max(20, *map(len, told))
        lines = [f"{'max_n':>7}  {'looks':<{wide}}  " + "  ".join(f"{name:>12}" for name in names)]
        for one, looks in zip(near, told, strict=True):
            cells = (_cell(one.success.get(name), max(len(name), 12)) for name in names)
            mark = " *" if one.size == self.answer else ""
            lines.append(f"{one.size:>7}  {looks:<{wide}}  " + "  ".join(cells) + mark)
        whom = " and ".join(self.scenarios)
        lines.append(
            f"success by scenario; sizes {least} to {largest} by {block}: {len(self.tried)} of "
            f"{number} were run, all of those whose foretold power lies within {self.slack:.3f} of "
            f"{self.power:g}"
        )
        if foretold := sum(one.foretold for one in self.tried):
            lines.append(
                f"{len(self.tried) - foretold} of them were calibrated, those on which the answer "
                f"hangs among them; the thresholds of the other {foretold} are foretold by theirs"
            )
        lines += self._choices_told(self.found or self.tried[-1])
        lines += [one.words() for one in self.afresh]
        if self.promised is not None and self.answer is None:
            lines.append(
                f"no size was shown to have power {self.power:g} in {whom}, of those that promise "
                f"it; --fresh with more trials shows less power, --most searches further"
            )
            return "\n".join(lines)
        if (found := self.found) is None:
            lines.append(
                f"no size searched has power {self.power:g} in {whom}: {self.tried[-1].size} has "
                f"{self.tried[-1].power(self.scenarios):.4f}; search further with --most"
            )
            return "\n".join(lines)
        figure = min((found.success[n] for n in self.scenarios), key=lambda f: f.estimate)
        lines.append(
            f"{found.size} participants: power "
            f"{with_interval(figure.estimate, figure.lower, figure.upper)} in {whom}"
            f"{' on trials of the search' if self.afresh else ''}; "
            f"{self._of_all()} has {100.0 * self.power:g}%"
        )
        if found.thresholds:
            rules = "; ".join(f"{rule} {value}" for rule, value in found.thresholds.items())
            lines.append(f"thresholds calibrated for it: {rules}")
        return "\n".join(lines)

    def _of_all(self) -> str:
        """What the answer is, of all sizes."""
        if self.answer == self.promised:
            return "the smallest from which every larger size searched"
        return f"the first that is shown to have the power; {self.promised}, by the search alone,"

    def _choices_told(self, at: Tried) -> list[str]:
        """What was free of the looks, and how many choices have the power at a size."""
        if self.looks is None:
            return []
        have = sum(value >= self.power for value in at.choices.values())
        return [
            f"{self.looks.number()}, all but the last free at tenths of it: {have} of "
            f"{len(at.choices)} choices have power {self.power:g} at {at.size}; every size is told "
            f"with the looks that have most, and size.json has all"
        ]

    def _free(self) -> dict[str, Any]:
        """What was free of the looks, for ``size.json``."""
        if self.looks is None:
            return {}
        powers = [
            {"max_n": one.size, "looks": looks, "power": value}
            for one in self.tried
            for looks, value in one.choices.items()
        ]
        return {"looks": {"fewest": self.looks.fewest, "most": self.looks.most}, "choices": powers}

    def write(self, folder: Path) -> None:
        """Write ``size.csv``, ``size.txt`` and ``size.json``."""
        owned = OwnedFolder(folder)
        owned.require_free([name for name in self.FILES if (folder / name).exists()])
        owned.sweep()
        rows = []
        for one in self.tried:
            looks, rules = " ".join(f"{at:g}" for at in one.looks), json.dumps(one.thresholds)
            for name, figure in one.success.items():
                numbers = (figure.estimate, figure.lower, figure.upper, figure.n)
                shown = ["" if v is None or v != v else v for v in numbers]
                rows.append([one.size, looks, rules, name, one.roles[name], *shown])
        answer = {
            "design": self.design.name,
            "power": self.power,
            "scenarios": list(self.scenarios),
            "searched": dict(zip(("least", "most", "block"), self.searched, strict=True)),
            "run": [one.size for one in self.tried],
            **self._free(),
            "answer": self.answer,
            "promised": self.promised,
            "fresh_trials": self.fresh if self.afresh else 0,
            "afresh": [asdict(one) for one in self.afresh],
        }
        owned.write("size.csv", csv_text(COLUMNS, rows))
        owned.write("size.txt", self.text() + "\n")
        owned.write("size.json", json.dumps(answer, indent=1, ensure_ascii=False) + "\n")


def _cell(figure: Figure | None, wide: int) -> str:
    """A number of the table; a line where the scenario was not run at a size."""
    return f"{'-':>{wide}}" if figure is None else f"{figure.estimate:>{wide}.4f}"


def size(
    design: Design,
    power: float = 0.8,
    *,
    scenarios: Iterable[str] | None = None,
    least: int | None = None,
    most: int | None = None,
    looks: tuple[int, int] | str | None = None,
    recalibrate: bool = False,
    trials: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    engine: Engine = "auto",
    fresh: int = FRESH,
    out: str | Path | None = None,
    restart: bool = False,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Size:
    """Find the smallest ``enrolment.max_n`` that has a power in every one of some scenarios.

    Parameters
    ----------
    power
        Probability of success that is wanted.
    scenarios
        In which; the alternatives if left out.
    least, most
        Sizes between which is searched; half of what is written and twice that if left out.
    looks
        Fewest and most looks, also as ``"2:4"``; all but the last are then free at tenths of it.
        In proportion if left out.
    recalibrate
        Calibrate the thresholds of the success rules at every size, as ``"calibrate"`` does.
    trials, seed, jobs, engine
        As of ``simulate``, for every size.
    fresh
        Trials of another seed that confirm a simulated answer; 0 for none.
    out
        Folder in which sizes that have been run are kept, for the next search.
    restart
        Run them again.

    Raises
    ------
    DesignError
        If the power is no probability, a scenario is not there, no size lies between the two, or
        looks cannot be free: with every problem.
    """
    many = design.simulation.trials if trials is None else trials
    first = design.simulation.seed if seed is None else seed
    free, asked, sizes = read_asked(
        design, power, scenarios, (least, most), looks, recalibrate, engine, fresh,
        (many, first, jobs),
    )  # fmt: skip
    folder = None if out is None else Path(out)
    if folder is not None:  # before anything is run
        OwnedFolder(folder).require_free([n for n in (KEPT, *Size.FILES) if (folder / n).exists()])
    known = KeptSizes(folder, restart)
    block = sizes[1] - sizes[0]
    tell(f"{len(sizes)} sizes from {sizes[0]} to {sizes[-1]}; some of them are run")
    runs = SizeRuns(
        design, free, asked, power, recalibrate, engine, many, first, fresh, jobs, progress, known,
        len(sizes),
    )  # fmt: skip
    rough = _roughly(sizes, runs.roughly, power) if runs.drawn(sizes[0]) else {}
    if cost := runs.cost():
        tell(cost)
    step = runs.step if not rough else _no_step
    while True:
        slack = _search(sizes, lambda number: runs.of(number).power(asked), power, rough, step)
        hanging = runs.to_calibrate(_first_with(runs.ordered(), asked, power))
        if hanging is None:
            break
        runs.calibrated(hanging)
    promised = _first_with(runs.ordered(), asked, power)
    answer, afresh = promised, NOTHING_AFRESH
    if fresh and promised is not None and runs.simulated(promised):
        afresh = confirmed(
            [one for one in sizes if one >= promised], power, fresh, asked, runs.afresh
        )
        answer = afresh[-1].size if afresh[-1].holds else None
    told = answer or promised or sizes[-1]
    for number in _about(sizes.index(told), sizes, BESIDE):
        if number in runs.tried:
            runs.in_every_scenario(number)
    if known.reused:
        tell(f"{known.reused} of the sizes were run before")
    return Size(
        design, power, asked, (sizes[0], sizes[-1], block), runs.ordered(), answer, slack, free,
        promised, fresh, afresh,
    )  # fmt: skip


def _first_with(ordered: Sequence[Tried], scenarios: Sequence[str], power: float) -> int | None:
    """The smallest size from which every larger one that was run has the power."""
    place = _answer(np.array([one.power(scenarios) >= power for one in ordered]))
    return ordered[place].size if place < len(ordered) else None


def _search(
    sizes: Sequence[int],
    power: Callable[[int], float],
    wanted: float,
    rough: Mapping[int, float] = NOTHING_ROUGH,
    step: Callable[[int], float] = _no_step,
) -> float:
    """Run the sizes that the answer hangs on; how near to the wanted power these had to lie.

    Parameters
    ----------
    rough
        Quicker words on the power of some sizes, from which the line is drawn first.
    step
        By how much power may jump at a size, because counts are whole numbers.
    """
    ends = (sizes[0], sizes[-1])
    known = {} if rough else {number: power(number) for number in ends}
    while True:
        foretold, off = _line(sizes, known, rough)
        away = np.abs(foretold - wanted)
        near = step(sizes[int(away.argmin())])
        slack = max(LEAST_SLACK, SLACK * off, near)
        # where none is near, as with a power of 1 at all, the sizes about the answer are enough
        within = [sizes[k] for k in np.argsort(away, kind="stable") if away[k] <= slack]
        wished = (*within[:1], *_about(_answer(foretold >= wanted), sizes), *within)
        number = next((one for one in wished if one not in known), None)
        if number is None:
            return slack
        known[number] = power(number)


def _roughly(
    sizes: Sequence[int], roughly: Callable[[int], float], wanted: float
) -> dict[int, float]:
    """Quick words on the power of the ends, and of sizes that are nearer and nearer the answer."""
    rough = {number: roughly(number) for number in (sizes[0], sizes[-1])}
    for _ in range(NEARER):
        foretold, _ = _line(sizes, rough, {})
        number = sizes[int(np.abs(foretold - wanted).argmin())]
        if number in rough:
            break
        rough[number] = roughly(number)
    return rough


def _answer(enough: npt.NDArray[np.bool_]) -> int:
    """Place of the first size from which all have the power; beyond the last if that has not."""
    lacking = np.flatnonzero(~enough)
    return int(lacking[-1]) + 1 if len(lacking) else 0


def _about(place: int, sizes: Sequence[int], near: int = ABOUT) -> Sequence[int]:
    """A size and those next to it."""
    return sizes[max(place - near, 0) : place + near + 1]


def _line(
    sizes: Sequence[int], known: Mapping[int, float], rough: Mapping[int, float]
) -> tuple[npt.NDArray[np.float64], float]:
    """Power of every size, known or foretold, and what foretelling is off by where it is known.

    Foretold is the probit of power, a line in the root of the size through what is known, or a
    parabola where enough is and it rises; powers near one half weigh most, and rough ones little.
    """
    from scipy import special

    low, high = INNERMOST
    told = {**rough, **known}
    inside = {number: value for number, value in told.items() if low < value < high}
    points = inside if len(inside) > 1 else told
    roots = np.sqrt(np.array(list(points), dtype=np.float64))
    values = np.array(list(points.values()))
    probits = special.ndtri(np.clip(values, 1e-4, 1.0 - 1e-4))
    sure = np.array([number in known or not known for number in points])
    weights = np.exp(-0.5 * probits**2) * np.where(sure, 1.0, ROUGH**-0.5)
    ends = np.sqrt(np.array([sizes[0], sizes[-1]], dtype=np.float64))
    curve = np.polynomial.Polynomial.fit(roots, probits, 2, w=weights) if len(points) > 4 else None
    if curve is None or rough or (curve.deriv()(ends) < 0.0).any():  # falling, where none is known
        curve = np.polynomial.Polynomial.fit(roots, probits, 1, w=weights)
    off = float(np.abs(special.ndtr(curve(roots)) - values)[sure].max(initial=0.0))
    foretold = special.ndtr(curve(np.sqrt(np.array(sizes, dtype=np.float64))))
    for place, number in enumerate(sizes):
        foretold[place] = known.get(number, foretold[place])
    return foretold, off
