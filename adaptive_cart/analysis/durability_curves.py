"""How long remission lasts, arm by arm: the fraction of remitters still in remission, by month.

The question that a landmark at month 12 does not answer.  From participants, real or simulated, or
from the trials of a run, with what the design's ``weibull_cure`` analysis makes of them: posterior
mean and equal-tailed credible interval by month, beside the Kaplan-Meier estimate (Kaplan & Meier
1958, J Am Stat Assoc 53:457), which assumes nothing and ends where follow-up does.  What lies
beyond the follow-up is model and prior: compare it with the same curve under other priors.

A table of participants is looked at once, at its end or at a date.  A finished run keeps no
participants; so the first trials of each scenario are simulated again, which gives the very same
trials, each is looked at where it ended, and the curves are averaged over them; the Kaplan-Meier
estimate is that of the remitters of all these trials together, since trials in which it ends early
could not be averaged with the others.  Beside them stands what becomes of the same remitters when
followed for ever: early curves may promise more than that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.analysis.survival import kaplan_meier as steps_of
from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem, nearest, one_of
from adaptive_cart.models.durability.weibull_cure_analysis import (
    DurabilityPosterior,
)
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.records import Booleans, Floats, Snapshot
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.dates import Day, cut_at, opening
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.known import Participants

if TYPE_CHECKING:
    import pandas as pd

    from adaptive_cart.models.sampling import Diagnostics, Fit

TRIALS = 50
STEP = 3.0  # months between points of the curves, unless said


@dataclass
class Durability:
    """Curves of remission, and the posterior they come from.

    Attributes
    ----------
    design, endpoint
        What was analysed.
    table
        A row an arm and month (and scenario): posterior ``mean``, ``lower`` and ``upper`` of the
        fraction of remitters still in remission; ``kaplan_meier``, blank beyond the follow-up;
        ``remitters`` and ``relapses`` (means over trials of a run). Of a run also ``true``, the
        share of all remitters of these trials who stay that long, and ``trials``.
    """

    design: Design
    endpoint: str
    table: pd.DataFrame
    level: float
    _durations: Durations | None = field(default=None, repr=False)
    _fits: dict[int, tuple[Fit, str | None]] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return str(self.table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format=lambda value: f"{value:.3f}"))

    @property
    def posterior(self) -> Any:
        """The posterior as ArviZ has it, sampled by PyMC when first asked for.

        Raises
        ------
        InputError
            If PyMC is not installed, or the curves are averages over the trials of a run.
        """
        return self.fit().to_arviz()

    @property
    def diagnostics(self) -> Diagnostics:
        """Whether the chains of `posterior` are to be trusted."""
        return self.fit().diagnostics()

    def fit(self, seed: int = 0) -> Fit:
        """Draws of the reference posterior, by PyMC; made once for a seed."""
        return self._fitted(seed)[0]

    def _fitted(self, seed: int) -> tuple[Fit, str | None]:
        from adaptive_cart.models.sampling import Compiled, fitted_carefully

        if self._durations is None:
            raise DesignError(
                [Problem("", "curves of a run are averages over trials; give participants instead")]
            )
        if seed not in self._fits:
            reference = self._reference()
            data = reference.data(self._durations)
            self._fits[seed] = fitted_carefully(Compiled(reference, data), data, seed=seed)
        return self._fits[seed]

    def _reference(self) -> Any:
        analysis = self.design.analysis_of(self.endpoint)
        assert analysis is not None
        return analysis.reference(
            self.design.arm_names, self.design.stratum_names, self.design.shares
        )

    def reference_table(self, seed: int = 0) -> pd.DataFrame:
        """The same curves from the draws of PyMC: arm, month, mean, lower, upper.

        Raises
        ------
        InputError
            As for `posterior`.
        RunError
            If the chains are not to be trusted, with the reason.
        """
        import pandas as pd

        from adaptive_cart.errors import RunError
        from adaptive_cart.nouns.questions import Question

        fit, why = self._fitted(seed)
        if why is not None:
            raise RunError(f"the reference posterior is not to be trusted: {why}")
        reference, tail = self._reference(), 0.5 * (1.0 - self.level)
        rows = []
        for arm, month in zip(self.table["arm"], self.table["month"], strict=True):
            asked = Question(
                self.endpoint,
                self.design.arm_names.index(arm),
                kind="remaining",
                month=float(month),
            )
            draws = reference.quantity(fit.draws, asked).ravel()
            lower, upper = np.quantile(draws, [tail, 1.0 - tail])
            rows.append(
                {"arm": arm, "month": month, "mean": draws.mean(), "lower": lower, "upper": upper}
            )
        return pd.DataFrame(rows)


def durability(
    source: Any,
    design: Design | None = None,
    *,
    endpoint: str | None = None,
    months: list[float] | None = None,
    date: float | str | None = None,
    opened: Day | None = None,
    trials: int = TRIALS,
    level: float = LEVEL,
) -> Durability:
    """Fraction of remitters still in remission by month, arm by arm.

    Parameters
    ----------
    source
        The result of a run, or participants: a CSV file, a data frame or a list with a dictionary a
        participant.
    design
        Needed with participants; of a result it is the result's own.
    endpoint
        A ``time_to_relapse`` endpoint analysed by ``weibull_cure``; the only one if left out.
    months
        Months since remission began; every third up to the endpoint's horizon if left out.
    date
        Calendar month, or date, at which participants are looked at; the end of their table if left
        out.
    opened
        The day on which the trial opened; needed where the table has dates.
    trials
        Of a result: how many trials of each scenario are simulated again.
    level
        Posterior probability inside the interval.

    Raises
    ------
    InputError
        If the design has no such endpoint, or with every problem of the participants.
    """
    result = hasattr(source, "operating_characteristics")
    if result:
        design = source.design
    if design is None:
        raise DesignError([Problem("design", "participants need a design; give it as well")])
    name = _endpoint(design, endpoint)
    horizon = design.endpoints[name].censors_after()
    assert horizon is not None
    at = np.arange(0.0, horizon + 1e-9, STEP) if months is None else np.array(months, dtype=float)
    problems = []
    if len(at) == 0 or not (np.isfinite(at).all() and (at >= 0.0).all()):
        problems.append(Problem("months", f"found {months}; months from 0 on are expected"))
    if trials < 1:
        problems.append(Problem("trials", f"found {trials}; 1 or more is expected"))
    if not 0.0 < level < 1.0:
        problems.append(Problem("level", f"found {level}; between 0 and 1 is expected"))
    if problems:
        raise DesignError(problems)
    if result:
        seed = int(source.manifest["seed"])
        scenarios = set(source.operating_characteristics["scenario"])
        return _of_run(design, name, at, trials, seed, level, scenarios)
    day = opening(opened)
    participants = read_participants(source, design, opened=day)
    return _of_participants(design, name, at, participants, cut_at(date, day), level)


def _endpoint(design: Design, asked: str | None) -> str:
    found = [
        name
        for name, endpoint in design.endpoints.items()
        if endpoint.from_remission
        and endpoint.gives.lasts
        and (analysis := design.analysis_of(name)) is not None
        and analysis.cures
    ]
    if asked is None and len(found) == 1:
        return found[0]
    if asked in found:
        return str(asked)
    if asked is not None:
        near = nearest(asked, found)
        message = f"'{asked}' is no time_to_relapse endpoint analysed by weibull_cure{near}"
    elif not found:
        message = (
            "no time_to_relapse endpoint is analysed by weibull_cure; "
            'add [analysis.NAME] with model = "weibull_cure" and its priors'
        )
    else:
        message = f"several endpoints would do ({one_of(found)}); say which one"
    raise DesignError([Problem("endpoint", message)])


# --- one table of participants ------------------------------------------------------------------


def _of_participants(
    design: Design, name: str, at: Floats, participants: Participants, date: float | None,
    level: float,
) -> Durability:  # fmt: skip
    import pandas as pd

    when = participants.reach if date is None else date
    entered = int((participants.randomised <= when).sum())
    population = participants.population(when)
    snapshot = Snapshot(np.array([when]), np.array([entered]), population)
    endpoint = design.endpoints[name]
    durations = endpoint.summary(endpoint.prepare(name, population), snapshot)
    assert isinstance(durations, Durations)
    rows = _curves(design, name, durations, at, level)
    columns = ["arm", "month", "mean", "lower", "upper", "kaplan_meier", "remitters", "relapses"]
    table = pd.DataFrame(rows)[columns]
    return Durability(design, name, table, level, durations)


def _curves(
    design: Design, name: str, durations: Durations, at: Floats, level: float
) -> list[dict[str, Any]]:
    """Rows of the table: means over trials, and one Kaplan-Meier estimate of all together."""
    analysis = design.analysis_of(name)
    assert analysis is not None
    model = analysis.fitted(design.arm_names, design.shares)
    posterior = analysis.posterior(model, durations, None)
    assert isinstance(posterior, DurabilityPosterior)
    tail = 0.5 * (1.0 - level)
    rows = []
    for arm, arm_name in enumerate(design.arm_names):
        mine = posterior.arm(arm)
        inside = durations.included & (durations.arm == arm)
        survival = kaplan_meier(durations.months[inside], durations.event[inside], at)
        for place, month in enumerate(at):
            if month == 0.0:
                mean = lower = upper = 1.0
            else:
                usable = ~mine.failed
                mean, lower, upper = (
                    float(values[usable].mean()) if usable.any() else float("nan")
                    for values in (
                        mine.remaining_mean(float(month)),
                        mine.remaining_quantile(float(month), tail),
                        mine.remaining_quantile(float(month), 1.0 - tail),
                    )
                )
            rows.append(
                {
                    "arm": arm_name,
                    "month": float(month),
                    "mean": mean,
                    "lower": lower,
                    "upper": upper,
                    "kaplan_meier": float(survival[place]),
                    "remitters": float(inside.sum(axis=1).mean()),
                    "relapses": float((inside & durations.event).sum(axis=1).mean()),
                }
            )
    return rows


def kaplan_meier(months: Floats, event: Booleans, at: Floats) -> Floats:
    """Kaplan-Meier estimate of the fraction still in remission, ``(month,)``.

    Parameters
    ----------
    months, event
        ``(remitter,)`` time in remission, and whether it ended in relapse (else censored).
    at
        ``(month,)``. Past the longest time the estimate is nan, unless nobody is left by then.
    """
    if len(months) == 0:
        return np.full(at.shape, np.nan)
    times, left, *_ = steps_of(months, event)
    estimate = left[np.searchsorted(times, at, side="right") - 1]
    beyond = (at > months.max()) & (left[-1] > 0.0)
    return np.where(beyond, np.nan, estimate)


# --- the trials of a run ------------------------------------------------------------------------


def _of_run(
    design: Design,
    name: str,
    at: Floats,
    trials: int,
    seed: int,
    level: float,
    scenarios: set[str],
) -> Durability:
    import pandas as pd

    plan = Plan.of(design)
    tables = []
    for scenario, truth in design.truths.items():
        if scenario not in scenarios:
            continue
        latents = latents_for(design, seed, 0, trials)
        unused = (0.0,) * len(plan.estimands)
        block = run_block(plan, truth, unused, latents, keep_population=True)
        rows = _curves(design, name, _at_the_end(block, name), at, level)
        true = true_curve(design, block, at)
        for row, value in zip(rows, true, strict=True):
            tables.append({"scenario": scenario, **row, "true": value, "trials": trials})
    columns = ["scenario", "arm", "month", "mean", "lower", "upper", "kaplan_meier", "true"]
    table = pd.DataFrame(tables)[[*columns, "remitters", "relapses", "trials"]]
    return Durability(design, name, table, level)


def _at_the_end(block: Block, name: str) -> Durations:
    """What was known of remissions at the look that ended each trial."""
    found: Durations | None = None
    for record in block.looks:
        summary = record.summaries[name]
        assert isinstance(summary, Durations)
        # no look is held in a trial that has ended: the last one held is the one that ended it
        found = summary if found is None else found.replaced(record.held, summary)
    assert found is not None
    return found


def true_curve(design: Design, block: Block, at: Floats) -> list[float]:
    """Share of those who ever remit who stay in remission that long, by arm and month."""
    population = block.population
    assert population is not None
    in_trial = np.arange(population.participants) < block.randomised.sum(axis=1)[:, None]
    began, lost = population.state(DRUG_FREE).first()
    found = []
    for arm in range(len(design.arm_names)):
        inside = in_trial & (population.arm == arm) & np.isfinite(began)
        lasts = lost[inside] - began[inside]
        for month in at:
            found.append(float((lasts > month).mean()) if len(lasts) else float("nan"))
    return found
