"""Which policy: a programme as written and with keys of it set otherwise, on the same candidates.

    programme file ─► [policies.NAME] ─► a run each, one seed ─► differences, portfolio by portfolio

What may be true is the same in every policy, and so are participants as far as the designs have the
same number of them: differences are taken portfolio by portfolio. A policy is *dominated* where
another one has no fewer candidates that hold up, no more false successes and no more participants,
and is better in one of the three.

    policies.csv     a row a policy and measure: estimate, difference to the file as written, errors
    policies.txt     the same in words
    pareto.*         candidates that hold up against participants, as differences
    policies/NAME/   the results of each
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.figures import FORMATS, rendered
from adaptive_cart.figures.style import BLUE, GREY, light_grid, sheet, styled
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.records import Floats
from adaptive_cart.programmes.measured import HOLD_UP, per_portfolio, ratio
from adaptive_cart.programmes.programme import Programme, load_programme
from adaptive_cart.programmes.result import ProgrammeResult
from adaptive_cart.programmes.run import Progress, simulate_programme
from adaptive_cart.programmes.telling import error_told
from adaptive_cart.results.operating import Z95, Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

AS_WRITTEN = "as written"
HOLDS, FALSE, PARTICIPANTS = f"number_{HOLD_UP}", "number_false_success", "participants"
BETTER = {HOLDS: 1.0, FALSE: -1.0, PARTICIPANTS: -1.0}  # by which a policy is dominated
TOLD = (
    HOLDS, FALSE, "number_go", "working_lost", PARTICIPANTS, "exposed_to_no_effect",
    "denied_an_effect", "remission_years_gained", "months_until_all_decided", "cost",
)  # fmt: skip


@dataclass(frozen=True)
class Policies:
    """A programme under its policies.

    Attributes
    ----------
    results
        By name, that as written first.
    numbers
        By name, then measure: ``(portfolio,)``.
    """

    results: Mapping[str, ProgrammeResult]
    settings: Mapping[str, Mapping[str, Any]]
    numbers: Mapping[str, Mapping[str, Floats]]
    folder: Path

    def figure(self, policy: str, measure: str) -> Figure:
        """A number of a portfolio under a policy."""
        values = self.numbers[policy][measure]
        return ratio(values, 0.0 * values + 1.0)

    def difference(self, policy: str, measure: str) -> Figure:
        """That less the same as written, from the same portfolios."""
        values = self.numbers[policy][measure] - self.numbers[AS_WRITTEN][measure]
        return ratio(values, 0.0 * values + 1.0)

    def dominated(self, policy: str) -> str:
        """Another policy that is better in one of the three and worse in none; blank for none.

        By the means over the portfolios that were simulated, whatever the errors of differences.
        """
        mine = self._worth(policy)
        for other in self.numbers:
            theirs = self._worth(other)
            pairs = list(zip(theirs, mine, strict=True))
            if all(a >= b for a, b in pairs) and any(a > b for a, b in pairs):
                return other
        return ""

    def _worth(self, policy: str) -> list[float]:
        return [
            sign * float(self.numbers[policy][measure].mean()) for measure, sign in BETTER.items()
        ]

    @property
    def measures(self) -> list[str]:
        """Measures that every policy has, in order."""
        return [name for name in TOLD if all(name in own for own in self.numbers.values())]

    def csv(self) -> str:
        """Rows of ``policies.csv``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        header = ("policy", "measure", "estimate", "mcse", "difference", "mcse_of_difference")
        writer.writerow((*header, "dominated_by"))
        for policy in self.numbers:
            for measure in self.measures:
                own, apart = self.figure(policy, measure), self.difference(policy, measure)
                numbers = (own.estimate, own.mcse, apart.estimate, apart.mcse)
                cells = ["" if math.isnan(number) else number for number in numbers]
                writer.writerow([policy, measure, *cells, self.dominated(policy)])
        return text.getvalue()


def compare_policies(
    path: str | Path,
    *,
    portfolios: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    out: str | Path,
    restart: bool = False,
    formats: Sequence[str] = FORMATS,
    progress: Progress = lambda what, done, total: None,
    tell: Callable[[str], None] = lambda message: None,
) -> Policies:
    """Simulate a programme as written and under each of its policies.

    Parameters
    ----------
    path
        The programme file; its tables ``[policies.NAME]`` are the policies.
    portfolios, seed, jobs, restart
        As of ``simulate_programme``, for every policy.
    formats
        Of the figure.
    out
        Folder: results as written lie there, the others below ``policies``.

    Raises
    ------
    DesignError
        With every problem of every policy; nothing is run then.
    """
    written = load_programme(path)
    programmes = {AS_WRITTEN: written, **loaded_policies(path, written)}
    used = written.tables.simulation.seed if seed is None else seed
    results, numbers = {}, {}
    for place, (name, programme) in enumerate(programmes.items()):
        what = f"{place + 1} of {len(programmes)}, {name}"

        def show(stage: str, done: int, total: int, what: str = what) -> None:
            progress(f"{what}: {stage}", done, total)

        folder = Path(out) if name == AS_WRITTEN else Path(out) / "policies" / name
        results[name] = simulate_programme(
            programme, portfolios=portfolios, seed=used,
            jobs=jobs, out=folder, restart=restart, progress=show,
            tell=lambda message, what=what: tell(f"{what}: {message}"),  # type: ignore[misc]
        )  # fmt: skip
        numbers[name] = per_portfolio(programme, results[name].candidates)
    settings = {AS_WRITTEN: {}, **written.tables.policies}
    found = Policies(results, settings, numbers, Path(out).absolute())
    _keep(found, formats)
    return found


def loaded_policies(path: str | Path, written: Programme) -> dict[str, Programme]:
    """The programme under each policy.

    Raises
    ------
    DesignError
        With every problem of every policy.
    """
    problems, found = [], {}
    if not written.tables.policies:
        message = "missing; write [policies.NAME] with keys set otherwise, KEY = VALUE in quotes"
        problems.append(Problem("policies", message))
    for name, settings in written.tables.policies.items():
        try:
            found[name] = load_programme(path, settings)
        except DesignError as error:
            problems += [
                Problem(f"policies.{name}: {problem.path}", problem.message)
                for problem in error.problems
            ]
    if problems:
        raise DesignError(problems, str(path))
    return found


# ── what is told ──────────────────────────────────────────────────────────────────────────────
def policies_text(found: Policies) -> str:
    """A block a policy: what is set otherwise, and its numbers beside those as written."""
    lines = []
    for policy in found.numbers:
        set_ = ", ".join(f"{key} = {value}" for key, value in found.settings[policy].items())
        better = found.dominated(policy)
        lines.append(policy + (f" ({set_})" if set_ else ""))
        if better:
            lines += [
                f"  in these portfolios '{better}' has no fewer candidates that hold up, no more",
                "  false successes and no more participants, and is better in one of the three",
            ]
        for measure in found.measures:
            own, apart = found.figure(policy, measure), found.difference(policy, measure)
            words = measure.removeprefix("number_").replace("_", " ")
            line = f"  {words:<28}{own.estimate:>12.3f} ({error_told(own.mcse, 3)})"
            if policy != AS_WRITTEN:
                line += f"   difference {apart.estimate:+.3f} ({error_told(apart.mcse, 3)})"
            lines.append(line)
        lines.append("")
    return "\n".join(lines)


@styled
def pareto(found: Policies) -> Picture:
    """Differences to the file as written: candidates that hold up against participants.

    A point a policy, with 95% intervals of the differences; dominated ones are grey.
    """
    figure = sheet(4.0)
    axes = figure.subplots()
    for policy in found.numbers:
        x, y = (found.difference(policy, measure) for measure in (PARTICIPANTS, HOLDS))
        colour = GREY if found.dominated(policy) else BLUE
        axes.errorbar(
            x.estimate, y.estimate, xerr=Z95 * x.mcse, yerr=Z95 * y.mcse, fmt="o", color=colour
        )
        at_zero = policy == AS_WRITTEN  # its label keeps clear of policies close by
        axes.annotate(
            policy, (x.estimate, y.estimate), xytext=(-6, -14) if at_zero else (7, 5),
            textcoords="offset points", ha="right" if at_zero else "left", color=colour,
        )  # fmt: skip
    for line in (axes.axhline, axes.axvline):
        line(0.0, color=GREY, linewidth=0.8, zorder=0)
    axes.set_xlabel("Participants of a portfolio, less those as written")
    axes.set_ylabel("Candidates that hold up,\nless those as written")
    axes.margins(x=0.3, y=0.2)
    light_grid(axes, "both")
    return figure


def _keep(found: Policies, formats: Sequence[str]) -> None:
    owned = OwnedFolder(found.folder)
    owned.write("policies.csv", found.csv())
    owned.write("policies.txt", policies_text(found))
    figure = pareto(found)
    for suffix in formats:
        owned.write(f"pareto.{suffix}", rendered(figure, suffix))
