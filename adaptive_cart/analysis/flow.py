"""From a design and a participants table to the decision at a look: the flow of the analysis."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.analysis.absence import hangs_on_absence
from adaptive_cart.analysis.assured import assurances_of
from adaptive_cart.analysis.corrected import corrections_of, told_of_run
from adaptive_cart.analysis.findings import (
    BorrowedFrom,
    Corrections,
    Decision,
    Findings,
    Quantity,
    RuleFinding,
)
from adaptive_cart.analysis.judge import decision_of, earlier_looks, groups_of, rules_of
from adaptive_cart.analysis.posteriors import fast_quantities, questions_of
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held, Replay, replayed
from adaptive_cart.analysis.text import terminal_text
from adaptive_cart.analysis.tipping import tipping_of
from adaptive_cart.analysis.what_if import what_if as next_would_show
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, load_design
from adaptive_cart.design.replacing import settings_typed
from adaptive_cart.errors import InputError, one_of
from adaptive_cart.nouns.asked_numbers import MOST_PARTICIPANTS, wrong_number, wrong_seed
from adaptive_cart.nouns.progress import Tell, unheard
from adaptive_cart.nouns.questions import Question
from adaptive_cart.recorded.dates import Day, cut_at, day_of, opening
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.known import Participants, window_of
from adaptive_cart.results.borrowing import added
from adaptive_cart.results.store import version

if TYPE_CHECKING:
    from adaptive_cart.analysis.reference import ReferencePosteriors

LIBRARIES = ("numpy", "scipy", "pymc", "arviz", "nutpie")
WITHOUT = (
    "PyMC is not installed: the fast posterior stands alone. The reference posterior comes with "
    'pip install "adaptive_cart[reference]"'
)


@dataclass
class Analysis:
    """A real trial at a look.

    Attributes
    ----------
    findings
        Everything that was found, as it stands in ``analysis.json``.
    folder
        Where it was written, if it was.
    """

    findings: Findings
    plan: Plan
    participants: Participants
    replay: Replay
    recorded: RecordedAnalysis
    reference: ReferencePosteriors | None
    questions: tuple[Question, ...]
    folder: Path | None = None
    _containers: dict[str, Any] = field(default_factory=dict)

    @property
    def decision(self) -> Decision:
        """What the rules decide, by which posterior, and why."""
        return self.findings.decision

    @property
    def rules(self) -> tuple[RuleFinding, ...]:
        """Each rule and target with its probabilities, and what would have changed it."""
        return self.findings.rules

    @property
    def text(self) -> str:
        """All of it in words."""
        return terminal_text(self.findings)

    @property
    def posterior(self) -> Any:
        """The reference posterior of the primary endpoint, in ArviZ's container.

        Raises
        ------
        InputError
            If there is none: PyMC is missing, or ``fast`` was asked for.
        """
        if self.reference is None or not self.reference.fits():
            raise InputError("there is no reference posterior: the fast posterior was used alone")
        fits = self.reference.fits()
        primary = self.plan.design.primary
        return self.posterior_of(primary if primary in fits else next(iter(fits)))

    @property
    def posteriors(self) -> Mapping[str, Any]:
        """The reference posterior of every endpoint that has one, in ArviZ's containers."""
        names = () if self.reference is None else self.reference.fits()
        return {name: self.posterior_of(name) for name in names}

    def posterior_of(self, endpoint: str) -> Any:
        """The reference posterior of one endpoint, in ArviZ's container."""
        if self.reference is None or endpoint not in self.reference.fits():
            raise InputError(f"there is no reference posterior of '{endpoint}'")
        if endpoint not in self._containers:
            self._containers[endpoint] = self.reference.fits()[endpoint].to_arviz()
        return self._containers[endpoint]

    def figures(self) -> dict[str, Any]:
        """The figures of the analysis, by name, as matplotlib figures."""
        from adaptive_cart.analysis.pictures import figures_of

        return {name: picture.figure for name, picture in figures_of(self).items()}

    @cached_property
    def _page(self) -> str:
        from adaptive_cart.analysis.page import fragment

        return fragment(self.findings)

    def _repr_html_(self) -> str:
        return self._page

    def __str__(self) -> str:
        return self.text


def analyze(
    design: Design | str | Path,
    participants: Any,
    look: int | None = None,
    *,
    as_of: float | str | None = None,
    window: float | None = None,
    opened: Day | None = None,
    fast: bool = False,
    seed: int | None = None,
    what_if: int | None = None,
    tipping: bool = False,
    run: str | Path | None = None,
    out: str | Path | None = None,
    tell: Tell | None = None,
) -> Analysis:
    """Judge a real trial at a look by the rules of its design.

    Parameters
    ----------
    design
        The design, or its file.
    participants
        The participants table: a CSV file, a data frame, or a list with a dictionary a participant.
    look
        Number of the look, from 1; the last one that is due by the data if left out.
    as_of
        Calendar month at which the data are cut, or a date, with which that day ends; the month at
        which the look fell due if left out.
    window
        Months by which a visit may come before the day for which it stands: who is alive, has not
        withdrawn and was last seen so shortly before counts as followed. If left out it is the
        window of the design's visits, or half a month where it plans none; where the table does
        not say either who has withdrawn, the decision is withheld if it hangs on that.
    opened
        The day on which the trial opened; needed where the table has dates and no months of
        randomisation.
    fast
        Leave the reference posterior (PyMC) out.
    seed
        Of the chains and of imputed responses; the design's if left out.
    what_if
        Tell what the next so many participants would have to show for each rule to hold.
    tipping
        Tell how outcomes that are missing, and priors, would have to differ to turn each rule over.
    run
        Results folder of a simulated run of the design, which knows the bias of estimates given the
        look and the reason of the stop; needs ``[adjusted_estimates]``.
    out
        Folder for ``analysis.json``, the page, the figures and the posterior; nothing is written if
        left out.

    Raises
    ------
    ParticipantsError
        With every problem of the table at once.
    InputError
        If the look is not due, the design cannot be analysed, or the run is of another one.
    """
    loaded = design if isinstance(design, Design) else load_design(design)
    say = tell or unheard
    _judgeable(loaded)
    bias, typed, window = None, window, window_of(loaded, window)
    if not 0.0 <= window < float("inf"):
        raise InputError(f"--window: found {window:g}; months, 0 or more, are expected")
    used_seed = loaded.simulation.seed if seed is None else seed
    wrong = wrong_seed(seed) + wrong_number("--what-if", what_if, 1, MOST_PARTICIPANTS)
    if wrong:
        raise InputError("; ".join(map(str, wrong)))
    if out is not None:
        from adaptive_cart.analysis.folder import require_ours

        require_ours(Path(out))  # before the chains take their time
    if run is not None:
        from adaptive_cart.running.bias_of_run import BiasOfRun

        file = "DESIGN" if isinstance(design, Design) else str(design)
        bias = BiasOfRun.of(loaded, run, " ".join([file, *settings_typed(loaded.replaced)]))
    day = opening(opened)
    cut = cut_at(as_of, day)
    table = read_participants(participants, loaded, window, day)
    plan = Plan.of(loaded.with_tables_as_weighted)
    replay = replayed(plan, table, look, cut, window, used_seed)
    by_fast, recorded = replay.again(None)
    corrections = corrections_of(plan, [*replay.held[:-1], by_fast], recorded, bias)
    reference = _reference_for(plan, used_seed, fast, say)
    notes = [*table.notes, *replay.notes, *_about(replay, table)]
    notes += [f"set for this analysis: {one.words(key)}" for key, one in loaded.replaced.items()]
    tests = {n: a.told for n, (a, _) in plan.fitted.items() if not a.bayesian}
    notes += [
        f"{name}: tested, without a prior; the estimate is the {told.estimate}, its interval the "
        f"{told.interval}, and PyMC has no posterior to draw from"
        for name, told in tests.items()
    ]
    if reference is None and not fast and len(tests) < len(plan.fitted):
        notes.append(WITHOUT)
    notes += told_of_run(loaded, run, corrections)
    by_reference = None
    if reference is not None:
        by_reference, _ = replay.again(reference)
        by_fast, recorded = replay.again(None)
    absence = hangs_on_absence(
        replay,
        by_fast,
        lambda silence: replayed(plan, table, look, cut, window, used_seed, silence),
        assumed=typed is None and not table.says_who_left,
    )
    return _found(
        plan, table, replay, by_fast, by_reference, recorded, reference, notes, absence, used_seed,
        what_if, tipping, corrections, out, say,
    )  # fmt: skip


def _found(
    plan: Plan,
    table: Participants,
    replay: Replay,
    by_fast: Held,
    by_reference: Held | None,
    recorded: RecordedAnalysis,
    reference: ReferencePosteriors | None,
    notes: list[str],
    absence: tuple[str, ...],
    seed: int,
    further: int | None,
    tips: bool,
    corrections: Corrections | None,
    out: str | Path | None,
    say: Tell,
) -> Analysis:
    design, trial = plan.design, replay.trial
    rules = rules_of(trial, by_fast, by_reference, recorded, reference)
    questions, quantities = _quantities(plan, recorded, reference)
    notes = [*notes, *_without_posterior(plan, questions)]
    findings = Findings(
        design=design.name,
        look=by_fast.look,
        looks=plan.schedule.number,
        date=by_fast.date,
        due=replay.due,
        last=by_fast.last,
        between=by_fast.record.between,
        participants=len(table),
        randomised=int(by_fast.record.randomised.sum()),
        numbers=groups_of(trial, by_fast, recorded),
        rules=rules,
        quantities=quantities,
        diagnoses=() if reference is None else reference.diagnoses(),
        decision=decision_of(by_fast, by_reference, rules, reference, absence),
        earlier=earlier_looks(replay.held[:-1]),
        notes=tuple(dict.fromkeys(notes)),
        provenance=_provenance(design, table, seed, reference),
        day=day_of(by_fast.date, table.opened),
        what_if=() if further is None else next_would_show(recorded, by_fast, further),
        borrowed=_borrowed(plan, by_fast),
        tipping=tipping_of(recorded, by_fast, say) if tips else None,
        conditional_assurance=assurances_of(plan, by_fast, recorded),
        corrections=corrections,
    )
    analysis = Analysis(findings, plan, table, replay, recorded, reference, questions)
    if out is not None:
        from adaptive_cart.analysis.folder import write_folder

        analysis.folder = write_folder(analysis, Path(out), say)
    return analysis


def _borrowed(plan: Plan, held: Held) -> tuple[BorrowedFrom, ...]:
    """What external data add to each arm that borrows, by what it has shown at the look."""
    design, found = plan.design, []
    for arm in plan.borrowing:
        here = added(arm, held.record.summaries[arm.endpoint])
        found.append(
            BorrowedFrom(
                arm.endpoint,
                arm.name_in(design),
                arm.prior.in_words,
                tuple(
                    f"{name}: {seen.in_words} ({seen.source})"
                    for name, seen in zip(arm.prior.external, arm.prior.seen, strict=True)
                ),
                float(here.participants[0]),
                float(here.conflict[0]),
            )
        )
    return tuple(found)


def _judgeable(design: Design) -> None:
    from adaptive_cart.running.region import needs_calibration

    if needs_calibration(design):
        raise InputError(
            'a threshold is still "calibrate"; `adaptive-cart calibrate DESIGN` finds it and '
            "writes it into the design"
        )


def _reference_for(plan: Plan, seed: int, fast: bool, say: Tell) -> ReferencePosteriors | None:
    described = any(analysis.bayesian for analysis, _ in plan.fitted.values())
    if fast or not (described or plan.asks_posteriors):
        return None
    if any(util.find_spec(name) is None for name in ("pymc", "arviz")):
        say(WITHOUT)
        return None
    from adaptive_cart.analysis.reference import ReferencePosteriors

    return ReferencePosteriors(plan, seed)


def _quantities(
    plan: Plan, recorded: RecordedAnalysis, reference: ReferencePosteriors | None
) -> tuple[tuple[Question, ...], tuple[Quantity, ...]]:
    questions, quantities = [], []
    for question, quantity in fast_quantities(plan, recorded):
        told = quantity
        if reference is not None and all(
            plan.fitted[name][0].bayesian for name in question.endpoints
        ):
            interval, error = reference.interval(recorded, question)
            told = replace(quantity, reference=interval, mcse=error)
        questions.append(question)
        quantities.append(told)
    return tuple(questions), tuple(quantities)


def _without_posterior(plan: Plan, questions: tuple[Question, ...]) -> list[str]:
    """Name the endpoints of whose posterior something is missing."""
    told = {question.endpoint for question in questions}
    asked = dict.fromkeys(question.endpoint for question in questions_of(plan))
    return [
        f"{name}: the posterior could not be computed; it is not among the posterior means"
        for name in asked
        if name not in told
    ]


def _about(replay: Replay, table: Participants) -> list[str]:
    """What a reader should know of how the table was read."""
    now, trial = replay.now, replay.trial
    found = []
    unseen = int(table.unseen(now.date, trial.window).sum())
    if unseen:
        found.append(
            f"{unseen} alive, not known to have withdrawn and last seen before the cut: their "
            "follow-up ends at the last contact, which is no loss to follow-up"
        )
    months = "month" if trial.window == 1.0 else "months"
    found.append(
        f"a visit up to {trial.window:g} {months} before its day counts for it (--window); who has "
        "left stands in the column withdrawn_month"
    )
    for held in replay.held[:-1]:
        failed = [j for j in trial.judgements if j.failed and j.date == held.date]
        found += [
            f"look {held.look}, held anew: the posterior of {one_of(j.failed)} could not be "
            f"computed, and {j.rule} is taken not to have held"
            for j in failed
        ]
    later = int((table.randomised <= now.date).sum()) - int(now.record.randomised.sum())
    if later > 0:
        found.append(
            f"{later} randomised after enrolment had been stopped are in the table and are not "
            "analysed"
        )
    analysis = trial.last_analysis
    assert analysis is not None
    for name in trial.design.endpoints:
        if analysis.imputes(name):
            from adaptive_cart.analysis.real_trial import IMPUTATIONS

            found.append(
                f"{name}: missing responses are imputed; probabilities are means over "
                f"{IMPUTATIONS} imputations, and the responders shown are those of one of them"
            )
    if now.date > table.reach + 0.005:
        found.append(
            f"the table reaches month {table.reach:.2f} only; the look is dated {now.date:.2f}"
        )
    if now.date < replay.due - 0.005:
        found.append(
            f"the look is held before it is due (month {replay.due:.2f})"
            if replay.due < float("inf")
            else "the look is held before it is due"
        )
    return found


def _provenance(
    design: Design, table: Participants, seed: int, reference: ReferencePosteriors | None
) -> dict[str, Any]:
    versions = {"adaptive_cart": version(), "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    statements = {}
    if reference is not None:
        statements = {endpoint: reference.statement(endpoint) for endpoint in reference.fits()}
    labels = {
        name: f"{endpoint.label or name}: {endpoint.describes()}"
        for name, endpoint in design.endpoints.items()
    }
    return {
        "data": {
            "source": table.source,
            "digest": table.digest,
            "opened": None if table.opened is None else table.opened.date().isoformat(),
        },
        "design_digest": digest_of(design),
        "seed": seed,
        "versions": versions,
        "models": statements,
        "labels": labels,
        "heads": {name: e.gives.heads(e.unit) for name, e in design.endpoints.items()},
    }
