"""Which policy: a programme as written and with keys of it set otherwise, on the same candidates.

    programme file ─► [policies.NAME]    ─┐
    keys with values ─► all combinations ─┴► a run each, one seed ─► differences by portfolio
                                                                 ─► the best, and that afresh

What may be true is the same in every policy, and so are participants as far as the designs have the
same number of them: differences are taken portfolio by portfolio. A policy is *dominated* where
another one has no fewer candidates that hold up, no more false successes and no more participants,
and is better in one of the three.

    policies.csv     a row a policy and measure: estimate, difference to the file as written, errors
    policies.txt     the same in words
    pareto.*         candidates that hold up against participants, as differences
    best.txt         the best by what was asked for, and how sure that is
    policies/NAME/   the results of each
    varied/DIGEST/   those of a combination, by the fingerprint of its programme
    afresh/DIGEST/   those of the best, the next best and as written, on other portfolios
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.design.validation import path_to
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.figures import FORMATS, rendered
from adaptive_cart.figures.style import BLUE, GREY, light_grid, sheet, styled
from adaptive_cart.nouns.csv_text import csv_text, known
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.whole_files import unfit_for_a_folder
from adaptive_cart.programmes.best import (
    BENEFIT,
    BETTER_WHERE,
    COST,
    Choice,
    Wanted,
    confirming_seed,
    in_order,
)
from adaptive_cart.programmes.measured import HOLD_UP, per_portfolio, ratio
from adaptive_cart.programmes.programme import Programme, load_programme
from adaptive_cart.programmes.result import ProgrammeResult
from adaptive_cart.programmes.run import simulate_programme
from adaptive_cart.programmes.telling import number
from adaptive_cart.programmes.varied import (
    AS_WRITTEN,
    combinations_of,
    label_of,
    no_policy,
    too_many,
)
from adaptive_cart.results.figure import Z95, Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

HOLDS, FALSE, PARTICIPANTS = f"number_{HOLD_UP}", "number_false_success", "participants"
BETTER = {HOLDS: 1.0, FALSE: -1.0, PARTICIPANTS: -1.0}  # by which a policy is dominated
TOLD = tuple(BETTER_WHERE)
IN_TABLE = (
    HOLDS, FALSE, PARTICIPANTS, "exposed_to_no_effect", BENEFIT, COST, "months_until_all_decided",
)  # fmt: skip
LONGEST = 30  # letters of a name in the figure; else the number of its row


@dataclass(frozen=True)
class Policies:
    """A programme under its policies.

    Attributes
    ----------
    results
        By name, that as written first.
    numbers
        By name, then measure: ``(portfolio,)``.
    choice
        The best of them, where one was asked for.
    """

    results: Mapping[str, ProgrammeResult]
    settings: Mapping[str, Mapping[str, Any]]
    numbers: Mapping[str, Mapping[str, Floats]]
    folder: Path
    choice: Choice | None = None

    def figure(self, policy: str, measure: str) -> Figure:
        """A number of a portfolio under a policy."""
        values = self.numbers[policy][measure]
        return ratio(values, 0.0 * values + 1.0)

    def difference(self, policy: str, measure: str, other: str = AS_WRITTEN) -> Figure:
        """That less the same of another, from the same portfolios."""
        values = self.numbers[policy][measure] - self.numbers[other][measure]
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
        rows = []
        header = ("policy", "measure", "estimate", "mcse", "difference", "mcse_of_difference")
        for policy in self.numbers:
            folder = self.results[policy].folder.relative_to(self.folder).as_posix()
            for measure in self.measures:
                own, apart = self.figure(policy, measure), self.difference(policy, measure)
                cells = known((own.estimate, own.mcse, apart.estimate, apart.mcse))
                rows.append([policy, measure, *cells, self.dominated(policy), folder])
        return csv_text((*header, "dominated_by", "folder"), rows)


def compare_policies(
    path: str | Path,
    *,
    portfolios: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    out: str | Path,
    restart: bool = False,
    formats: Sequence[str] = FORMATS,
    named: bool = True,
    vary: Mapping[str, Sequence[Any]] | None = None,
    wanted: Wanted | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Policies:
    """Simulate a programme as written and under each of its policies.

    Parameters
    ----------
    path
        The programme file.
    portfolios, seed, jobs, restart
        As of ``simulate_programme``, for every policy.
    formats
        Of the figure.
    named
        Whether the tables ``[policies.NAME]`` of the file are policies.
    vary
        Values by key; all combinations are policies.
    wanted
        Which policy is the best; it is simulated again on portfolios of another seed.
    out
        Folder: results as written lie there, the others below it.

    Raises
    ------
    DesignError
        With every problem of every policy; nothing is run then.
    """
    written = load_programme(path)
    problems: list[Problem] = []
    settings = _settings(written, named, vary or {}, problems)
    programmes = _loaded(path, written, settings, problems)
    if wanted is not None:
        problems += wanted.problems(list(programmes.values()))
    if problems:
        raise DesignError(problems, str(path))
    first = written.tables.simulation.seed if seed is None else seed
    number = written.tables.simulation.portfolios if portfolios is None else portfolios
    of_file = written.tables.policies if named else {}

    def run(of: Mapping[str, Programme], used: int, folder_of: Callable[[str], Path]) -> Policies:
        results, numbers = {}, {}
        for place, (name, programme) in enumerate(of.items()):
            what = f"{place + 1} of {len(of)}, {name}"

            def show(stage: str, done: int, total: int, what: str = what) -> None:
                progress(f"{what}: {stage}", done, total)

            results[name] = simulate_programme(
                programme, portfolios=number, seed=used,
                jobs=jobs, out=folder_of(name), restart=restart, progress=show,
                tell=lambda message, what=what: tell(f"{what}: {message}"),  # type: ignore[misc]
            )  # fmt: skip
            numbers[name] = per_portfolio(programme, results[name].candidates)
        set_ = {name: settings.get(name, {}) for name in of}
        return Policies(results, set_, numbers, Path(out).absolute())

    def compared(name: str) -> Path:
        if name == AS_WRITTEN:
            return Path(out)
        own = name if name in of_file else programmes[name].digest
        return Path(out) / ("policies" if name in of_file else "varied") / own

    found = run(programmes, first, compared)
    if wanted is not None:
        order, other = in_order(found, wanted), confirming_seed(first)
        again = {name: programmes[name] for name in dict.fromkeys([AS_WRITTEN, *order[:2]])}
        afresh = None
        if order:
            afresh = run(again, other, lambda name: Path(out) / "afresh" / programmes[name].digest)
        found = replace(found, choice=Choice(wanted, order, found, afresh, other))
    _keep(found, formats)
    return found


def _settings(
    written: Programme,
    named: bool,
    vary: Mapping[str, Sequence[Any]],
    problems: list[Problem],
) -> dict[str, Mapping[str, Any]]:
    """What each policy sets otherwise: those of the file, then combinations of what is varied."""
    found: dict[str, Mapping[str, Any]] = {}
    if named and not written.tables.policies:
        message = "missing; write [policies.NAME] with keys set otherwise, KEY = VALUE in quotes"
        problems.append(Problem("policies", message))
    for name, settings in written.tables.policies.items() if named else ():
        if why := unfit_for_a_folder(name):
            problems.append(Problem(path_to("policies", name), why))
            continue
        found[name] = settings
        wrong = no_policy({key: [value] for key, value in settings.items()})
        problems += [Problem(f"policies.{name}: {one.path}", one.message) for one in wrong]
    many, others = list(too_many(vary)), list(no_policy(vary))
    problems += [Problem(f"--vary: {one.path}", one.message) for one in many + others]
    if vary and not many:  # what is left of it, so that all that is wrong is told at once
        known = {one.path for one in others}
        left = {key: values for key, values in vary.items() if key not in known}
        for label, combination in combinations_of(left).items():
            found.setdefault(label, combination)
    return found


def _loaded(
    path: str | Path,
    written: Programme,
    settings: Mapping[str, Mapping[str, Any]],
    problems: list[Problem],
) -> dict[str, Programme]:
    """The programme as written and under each policy; a combination that is another one, once."""
    found, seen = {AS_WRITTEN: written}, {written.digest}
    told: set[tuple[str, str]] = set()  # a problem of a key is one, whatever else is set
    for name, own in settings.items():
        of_file = own is written.tables.policies.get(name)
        try:
            programme = load_programme(path, own)
        except DesignError as error:
            where = f"policies.{name}" if of_file else f"--vary {name}"
            fresh = [p for p in error.problems if of_file or (p.path, p.message) not in told]
            problems += [Problem(f"{where}: {p.path}", p.message) for p in fresh]
            told |= {(p.path, p.message) for p in fresh}
            continue
        if of_file or programme.digest not in seen:
            found[name] = programme
        seen.add(programme.digest)
    return found


# ── what is told ──────────────────────────────────────────────────────────────────────────────
def table_text(found: Policies) -> str:
    """A row a policy: its number, and differences to the file as written with their errors."""
    measures = [name for name in IN_TABLE if name in found.measures]
    heads = [name.removeprefix("number_").replace("_", " ") for name in measures]
    places = {policy: str(place) for place, policy in enumerate(found.numbers)}
    rows = [["", *heads, "dominated by"]]
    for policy, place in places.items():
        cells = []
        for measure in measures:
            own = found.figure if policy == AS_WRITTEN else found.difference
            figure = own(policy, measure)
            sign = "" if policy == AS_WRITTEN else "+"
            error = "-" if figure.mcse == 0.0 else f"{figure.mcse:,.2f}"
            cells.append(f"{figure.estimate:{sign},.2f} ({error})")
        rows.append([place, *cells, places.get(found.dominated(policy), "")])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "As written, and the differences of each policy to it (Monte Carlo standard error; - where",
        "no spread was seen):",
    ]
    lines += [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", *(f"{place:>3}  {name}" for name, place in places.items()), ""])


def policies_text(found: Policies) -> str:
    """A block a policy: what is set otherwise, and its numbers beside those as written."""
    lines = []
    for policy in found.numbers:
        set_ = label_of(found.settings[policy])
        better = found.dominated(policy)
        named = set_ and policy != set_  # a combination is called by what it sets
        lines.append(policy + (f" ({set_})" if named else ""))
        if better:
            lines += [
                f"  in these portfolios '{better}' has no fewer candidates that hold up, no more",
                "  false successes and no more participants, and is better in one of the three",
            ]
        for measure in found.measures:
            own, apart = found.figure(policy, measure), found.difference(policy, measure)
            words = measure.removeprefix("number_").replace("_", " ")
            line = f"  {words:<28}{number(own):<24}"
            if policy != AS_WRITTEN:
                line += f"difference {number(apart, sign='+')}"
            lines.append(line.rstrip())
        lines.append("")
    return "\n".join(lines)


@styled
def pareto(found: Policies) -> Picture:
    """Differences to the file as written: candidates that hold up against participants.

    A point a policy, with 95% intervals of the differences; dominated ones are grey. A long name is
    the number of its row in ``policies.txt``.
    """
    figure = sheet(4.0)
    axes = figure.subplots()
    names: dict[tuple[float, float], list[str]] = {}  # those at one point have one label
    for place, policy in enumerate(found.numbers):
        x, y = (found.difference(policy, measure) for measure in (PARTICIPANTS, HOLDS))
        colour = GREY if found.dominated(policy) else BLUE
        axes.errorbar(
            x.estimate, y.estimate, xerr=Z95 * x.mcse, yerr=Z95 * y.mcse, fmt="o", color=colour
        )
        mine = names.setdefault((x.estimate, y.estimate), [])
        mine.append(policy if len(policy) <= LONGEST else str(place))
    for point, labels in names.items():
        at_zero = AS_WRITTEN in labels  # its label keeps clear of policies close by
        axes.annotate(
            ", ".join(labels), point, xytext=(-6, -14) if at_zero else (7, 5),
            textcoords="offset points", ha="right" if at_zero else "left",
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
    owned.write("policies.txt", f"{table_text(found)}\n{policies_text(found)}")
    if found.choice is not None:
        owned.write("best.txt", found.choice.text())
    figure = pareto(found)
    for suffix in formats:
        owned.write(f"pareto.{suffix}", rendered(figure, suffix))
