"""The summary table: what a statistician opens first. Scenarios as rows, nulls first.

It is laid out twice: as plain text for a terminal, and as HTML for a notebook.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from adaptive_cart.conduct.estimated import estimand_pair
from adaptive_cart.conduct.plan import Plan, told_of
from adaptive_cart.decisions import ENDINGS, SUCCESS
from adaptive_cart.nouns.roles import PLURAL
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.laid_out import (
    ANY,
    BETWEEN_BOUNDS,
    Column,
    Group,
    Row,
    as_html,
    laid_out,
)
from adaptive_cart.results.operating import AS_OBSERVED
from adaptive_cart.results.percentages import with_interval
from adaptive_cart.results.store import MEASURES

if TYPE_CHECKING:
    from adaptive_cart.results.result import Result

NOTES_WIDTH = 100
LONGEST_HEADING = 34  # characters above the columns of estimates


def summary(result: Result, width: int | None = None) -> str:
    """Lay out the main operating characteristics as plain text, a line a scenario.

    Parameters
    ----------
    width
        Characters a line may have: columns that do not fit go into a further block below. No limit
        if left out.
    """
    blocks = _blocks(result)
    texts = [laid_out(heading, rows, groups, width) for heading, rows, groups in blocks]
    widest = max(len(line) for text in texts for line in text.splitlines())
    room = max(widest, NOTES_WIDTH)
    notes = textwrap.fill(_notes(result, _by_part(blocks)), min(width or room, room))
    return "\n\n".join(texts) + "\n" + notes


def summary_html(result: Result) -> str:
    """Lay out the same as HTML, for a notebook."""
    blocks = _blocks(result)
    tables = [as_html(heading, rows, groups) for heading, rows, groups in blocks]
    notes = f"<p>{escape(_notes(result, _by_part(blocks)))}</p>"
    return f"<div><strong>{escape(result.design.name)}</strong>{''.join(tables)}{notes}</div>"


def _by_part(blocks: list[tuple[str, dict[str, list[Row]], list[Group]]]) -> bool:
    """Whether there is a block by arm or stratum."""
    return any(heading.startswith("by arm") for heading, _, _ in blocks)


def _blocks(result: Result) -> list[tuple[str, dict[str, list[Row]], list[Group]]]:
    """Heading, rows and groups of columns: of the trials, then by arm and stratum."""
    by_role = _scenarios_by_role(result)
    rows = {PLURAL[role]: [Row(name, name) for name in names] for role, names in by_role.items()}
    blocks = [("scenario", rows, _trial_groups(result, rows))]
    parts = {
        f"{name} ({role})": _parts(result, name)
        for role, names in by_role.items()
        for name in names
    }
    if any(parts.values()):
        heading = "by arm and stratum" if result.design.strata else "by arm"
        blocks.append((heading, parts, _part_groups(result, parts)))
    if result.design.further_claims:
        claims = {
            f"{name} ({role})": _claims(result, name)
            for role, names in by_role.items()
            for name in names
        }
        blocks.append(("further claims", claims, _claim_groups(result, claims)))
    averages = result.averages
    if averages:
        rows = {"averages": [Row("", prior) for prior in averages]}
        blocks.append(("design prior", rows, _average_groups(averages)))
    return blocks


def _scenarios_by_role(result: Result) -> dict[str, list[str]]:
    """Scenarios that have been run, nulls first, in the design's order otherwise."""
    found: dict[str, list[str]] = {}
    for name, role in result.roles.items():
        found.setdefault(role, []).append(name)
    return found


# ── what is shown ─────────────────────────────────────────────────────────────────────────────
def _trial_groups(result: Result, rows: dict[str, list[Row]]) -> list[Group]:
    """Groups of columns about the trial as a whole."""
    design, exact = result.design, result.exact
    cells = _Cells(result, [row for part in rows.values() for row in part])
    success = _success(cells, "success")
    ended = [
        Column(stop.words, cells.probabilities(stop.measure))
        for stop in ENDINGS
        if stop != SUCCESS and design.may_end(stop)
    ]
    if exact:
        course = [Column("N analysed", cells.numbers("n_analysed_mean"))]
    else:
        course = [
            Column("N", cells.numbers("n_randomised_mean")),
            Column("months", cells.numbers("months_mean")),
            Column("reversal", cells.probabilities("reversal")),
        ]
    groups = [Group("success", tuple(success)), Group("ended otherwise", tuple(ended))]
    groups.append(Group("mean at the end" if exact else "at the end", tuple(course)))
    groups.append(Group(_estimand_heading(result), cells.estimation()))
    if len(set(result.manifest["trials"].values())) > 1:
        trials = (f"{result.manifest['trials'][row.scenario]:,}" for row in cells.rows)
        groups.append(Group("", (Column("trials", tuple(trials)),)))
    return groups


def _success(cells: _Cells, measure: str) -> list[Column]:
    """How often it succeeds; and beside external data as observed, where they are drawn anew."""
    exact = cells.result.exact
    found = [Column("prob.", cells.probabilities(measure))]
    if not exact:
        found.append(Column("95% MC interval", cells.intervals(measure)))
    if cells.result.design.redrawn:
        found.append(Column("as observed", cells.probabilities(f"{measure}{AS_OBSERVED}")))
    return found


def _parts(result: Result, scenario: str) -> list[Row]:
    """Rows of a scenario by arm and stratum, where success or estimates are theirs."""
    design = result.design
    rows = []
    for arm in design.experimental_names:
        for stratum in (None, *design.stratum_names):
            label = design.arm_label(arm)
            label = label if stratum is None else f"{label}, {stratum}"
            row = Row(scenario, label, arm, stratum)
            found = [_figure(result, row, name) for name in ("arm_success", "estimand")]
            if any(figure is not None for figure in found):
                rows.append(row)
    return rows if len(rows) > 1 else []


def _part_groups(result: Result, parts: dict[str, list[Row]]) -> list[Group]:
    """Groups of columns about arms and strata."""
    cells = _Cells(result, [row for part in parts.values() for row in part])
    success = _success(cells, "arm_success")
    course = [
        Column("dropped", cells.probabilities("arm_dropped")),
        Column("share", cells.probabilities("arm_share")),
    ]
    return [
        Group("success", tuple(success)),
        Group("participants", tuple(course)),
        Group(_estimand_heading(result), cells.estimation()),
    ]


def _claims(result: Result, scenario: str) -> list[Row]:
    """Rows of a scenario by further claim, and one for all that a trial claims."""
    names = [rule.name for rule in result.design.further_claims]
    rows = [Row(scenario, name, claim=name) for name in names]
    return [*rows, Row(scenario, "any, success counted in", claim=ANY)]


def _claim_groups(result: Result, claims: dict[str, list[Row]]) -> list[Group]:
    """Groups of columns about further claims; those after follow-up only where there are any."""
    cells = _Cells(result, [row for part in claims.values() for row in part])
    return [
        Group(
            f"{what} {when}",
            (
                Column("prob.", cells.probabilities(f"{measure}{ending}")),
                Column("95% MC interval", cells.intervals(f"{measure}{ending}")),
            ),
        )
        for ending, when in (("", "at the end"), ("_final", "after follow-up"))
        for what, measure in (("claimed", "claimed"), ("false", "false_claim"))
    ]


AVERAGES = {  # heading and fewest decimals by measure
    "assurance": ("assurance", 2),
    "type_one_error_average": ("type I error", 2),
    "false_discovery": ("false discovery", 2),
    "false_omission": ("false omission", 2),
    "correct_decision": ("correct", 2),
    "participants_helped": ("helped", 0),
    "participants_harmed": ("harmed", 0),
}


def _average_groups(averages: dict[str, dict[str, Figure]]) -> list[Group]:
    """Columns of averages, a row a design prior."""
    columns = []
    for measure, (heading, least) in AVERAGES.items():
        found = [figures.get(measure) for figures in averages.values()]
        cells = (
            ""
            if figure is None or math.isnan(figure.estimate)
            else f"{figure.estimate:.{_digits(figure, least, 5 if least else 2)}f}"
            for figure in found
        )
        columns.append(Column(heading, tuple(cells)))
    return [Group("averages", tuple(columns))]


def _averages_note(result: Result) -> str:
    """What the block of averages shows; nothing where there is none."""
    if not result.averages:
        return ""
    return (
        "Averages over each design prior: assurance, the probability of success; type I error, of "
        "a false success where the claim is false; false discovery, that a success is false; false "
        "omission, that without a success the claim is true; correct: the decision."
    )


def _as_observed_note(result: Result) -> str:
    """What is told beside external data as observed; nothing where they are so everywhere."""
    drawn = result.design.redrawn
    if not drawn:
        return ""
    return (
        f"as observed: success given the external data as they were observed; all other numbers "
        f"are unconditional, {' and '.join(drawn)} being drawn anew in every trial."
    )


def _claims_note(result: Result) -> str:
    """What the block of further claims shows; nothing where there is none."""
    claims = result.design.further_claims
    if not claims:
        return ""
    again = any(rule.followed_up for rule in claims)
    after = "; after follow-up: with the pipeline followed up" if again else ""
    both = ", at the end or after follow-up" if again else ""
    return (
        f"Further claims at the end: at the look that ended the trial{after}. false: what is "
        f"claimed is not so in the scenario; any: a success or a further claim of the trial is "
        f"false{both}."
    )


def _estimand(result: Result) -> str:
    """What bias and coverage are of: "dfr: cart − soc"."""
    design = result.design
    return f"{design.endpoint_label(design.primary)}: {estimand_pair(design)}"


def _estimand_heading(result: Result) -> str:
    """The same above its columns, cut where it would widen the table; the notes have it whole."""
    words = _estimand(result)
    if len(words) <= LONGEST_HEADING:
        return words
    return words[: LONGEST_HEADING - 1].rstrip(" :−/") + "…"


def _notes(result: Result, parts: bool) -> str:
    """What the columns mean; ``parts`` where arms or strata are shown."""
    manifest = result.manifest
    whole = _estimand(result)
    named = "" if whole == _estimand_heading(result) else f" ({whole})"
    told = told_of(result.design)
    estimates = (
        f"true, bias, coverage: true value of the estimand{named}, bias of the {told.estimate} and "
        f"coverage of the 95% {told.interval} at the look that ended the trial."
    )
    if result.exact:
        text = f"Exact, without Monte Carlo error. N analysed: mean number. {estimates}"
        notes = (text, _as_observed_note(result), _averages_note(result))
        return " ".join(said for said in notes if said)
    trials = sorted(set(manifest["trials"].values()))
    number = f"{trials[0]:,} simulated trials a scenario" if len(trials) == 1 else "Simulated"
    text = (
        f"{number}, seed {manifest['seed']}; no digits beyond what the Monte Carlo standard error "
        f"allows (that of each number is in {MEASURES}). N, months: mean number randomised, "
        f"pipeline counted in, and mean duration. reversal: success that the pipeline turned into "
        f"a failure. {estimates}"
    )
    if parts:
        text += " share: mean share of the participants randomised."
    failed = failure_warning(result)
    warning = f"Warning: {failed}." if failed else ""
    averages = _averages_note(result)
    observed, hung = _as_observed_note(result), within_error_words(result)
    sentences = (text, observed, _claims_note(result), averages, hung, warning)
    return " ".join(said for said in sentences if said)


def within_error_words(result: Result) -> str:
    """Say which rules' verdicts hang on the error of a probability; nothing where none does."""
    found = []
    for rule in result.design.rules:
        share = _largest_share(result, f"within_error_{rule.name}")
        if share:
            error = Plan.of(result.design).errors[rule.name]
            found.append(f"{rule.name} in up to {share}, error {error:g}")
    if not found:
        return ""
    return (
        "Verdicts that rest on a posterior probability nearer to its threshold than its own error, "
        f"by share of the trials of a scenario: {'; '.join(found)}."
    )


def failure_warning(result: Result) -> str:
    """Say in how many trials a posterior failed; nothing where none did."""
    share = _largest_share(result, "failed")
    if not share:
        return ""
    return (
        f"in up to {share} of the trials of a scenario a posterior could not be computed and was "
        f"taken as no success"
    )


def _largest_share(result: Result, measure: str) -> str:
    """Largest share of trials over the scenarios, with its interval; nothing where all are 0."""
    cells = [_figure(result, Row(name, name), measure) for name in result.manifest["trials"]]
    known = [cell for cell in cells if cell is not None and cell.estimate > 0.0]
    if not known:
        return ""
    worst = max(known, key=lambda cell: cell.estimate)
    return with_interval(worst.estimate, worst.lower, worst.upper)


def _figure(result: Result, row: Row, measure: str) -> Figure | None:
    several = result.design.several
    arm = row.arm if several or measure.startswith("arm_") else None
    try:
        return result.figure(row.scenario, row.named(measure), arm=arm, stratum=row.stratum)
    except KeyError:
        return None


class _Cells:
    """Figures as text, no digit beyond what the Monte Carlo error allows."""

    def __init__(self, result: Result, rows: Sequence[Row]) -> None:
        self.result = result
        self.rows = rows

    def _figures(self, measure: str) -> Iterable[Figure | None]:
        for row in self.rows:
            figure = _figure(self.result, row, measure)
            yield None if figure is None or math.isnan(figure.estimate) else figure

    def _told(self, measure: str, say: Callable[[Figure], str]) -> tuple[str, ...]:
        return tuple("" if figure is None else say(figure) for figure in self._figures(measure))

    def probabilities(self, measure: str) -> tuple[str, ...]:
        return self._told(measure, lambda figure: f"{figure.estimate:.{_digits(figure)}f}")

    def intervals(self, measure: str) -> tuple[str, ...]:
        return self._told(measure, _interval)

    def numbers(self, measure: str) -> tuple[str, ...]:
        return self._told(measure, lambda figure: f"{figure.estimate:.{_digits(figure, 0, 2)}f}")

    def estimation(self) -> tuple[Column, ...]:
        return (
            Column("true", self._told("estimand", lambda figure: f"{figure.estimate:.3f}")),
            Column("bias", self._told("bias", _bias)),
            Column("coverage", self.probabilities("coverage")),
        )


def _bias(figure: Figure) -> str:
    return _signed(figure.estimate, _digits(figure, 2, 4))


def _interval(figure: Figure) -> str:
    digits = _digits(figure)
    return f"{figure.lower:.{digits}f}{BETWEEN_BOUNDS}{figure.upper:.{digits}f}"


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0.0 else text


def _digits(figure: Figure, least: int = 2, most: int = 5) -> int:
    """Decimals of a number: the last one shown is about the size of a standard error.

    Taken from the interval, which says something where all trials or none had the event too.
    """
    error = (figure.upper - figure.lower) / 4
    if figure.n is None or math.isnan(error) or error <= 0.0:
        return min(max(4, least), most)
    return min(max(math.ceil(-math.log10(error)), least), most)
