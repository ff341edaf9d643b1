"""What ``adaptive-cart prior`` prints: which of the two ways was asked for, and is all there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem, nearest, one_of


def prior_text(
    design: Path | None,
    data: Path | None,
    historical: Path | None,
    *,
    settings: Sequence[str] = (),
    weight: float | None = None,
    vague_mean: float | None = None,
    between_sd: float | None = None,
    accuracy: float | None = None,
    endpoint: str | None = None,
    arm: str | None = None,
    date: float | str | None = None,
    opened: str | None = None,
    skeptical: float | None = None,
) -> str:
    """Lines for a design file from earlier controls, or from the participants of an early trial.

    Parameters
    ----------
    design, data, historical
        Files: the design and participants, or the earlier controls (and the design, for its names).
    settings
        Keys of the design to be set otherwise, as ``KEY=VALUE``.
    weight, vague_mean, between_sd, accuracy, endpoint
        Of a prior from earlier controls only; see :func:`adaptive_cart.priors.robust_map_prior`.
    arm
        That the prior is for.
    date, opened, skeptical
        Of a prior from participants only; see :func:`adaptive_cart.priors.early_priors`.

    Raises
    ------
    InputError
        With everything that is wrong or missing.
    """
    controls: dict[str, float | str | None] = {
        "--weight": weight,
        "--vague-mean": vague_mean,
        "--between-sd": between_sd,
        "--accuracy": accuracy,
        "--endpoint": endpoint,
    }
    participants: dict[str, float | str | None] = {
        "--as-of": date,
        "--opened": opened,
        "--skeptical": skeptical,
    }
    problems = []
    if historical is None:
        if design is None or data is None:
            message = "give DESIGN and DATA (participants), or --historical FILE (earlier controls)"
            problems.append(Problem("", message))
        elsewhere, where = controls, "goes with --historical"
    else:
        if data is not None:
            problems.append(Problem("DATA", "give either DATA or --historical; found both"))
        elsewhere, where = participants, "goes with DATA, not with --historical"
    problems += [Problem(name, where) for name, value in elsewhere.items() if value is not None]
    if between_sd is not None and not 0.0 < between_sd < float("inf"):
        problems.append(Problem("--between-sd", f"found {between_sd:g}; more than 0 is expected"))
    if settings and design is None:
        problems.append(Problem("--set", "goes with DESIGN, whose key it sets"))
    if problems:
        raise DesignError(problems)
    loaded = None if design is None else _loaded(design, settings)
    if historical is None:
        from adaptive_cart.priors.early_data import early_priors

        assert loaded is not None
        return early_priors(
            loaded, data, arm=arm, date=date, opened=opened, skeptical=skeptical or 0.0
        ).toml()
    return _from_controls(
        loaded, historical, weight, vague_mean, between_sd, accuracy, endpoint, arm
    )


def _loaded(design: Path, settings: Sequence[str]) -> Design:
    from adaptive_cart.design.file import load_design

    return load_design(design, settings)


def _from_controls(
    design: Design | None,
    historical: Path,
    weight: float | None,
    vague_mean: float | None,
    between_sd: float | None,
    accuracy: float | None,
    endpoint: str | None,
    arm: str | None,
) -> str:
    from adaptive_cart.models.binary.robust_map import Heterogeneity
    from adaptive_cart.models.mixture_fit import ACCURACY
    from adaptive_cart.priors.controls import WEIGHT, robust_map_prior

    planned = None
    if design is not None:
        for name, value, known in (
            ("--endpoint", endpoint, tuple(design.endpoints)),
            ("--arm", arm, design.arm_names),
        ):
            if value is not None and value not in known:
                message = (
                    f"the design has no '{value}'{nearest(value, known)}, only {one_of(known)}"
                )
                raise DesignError([Problem(name, message)])
        if arm is None and design.control is None:
            message = (
                "missing; the prior is that of a control, and no arm of the design is one: say "
                f"which of {one_of(design.arm_names)} it is for, or write the earlier controls as "
                "[external.NAME] and compare with it"
            )
            raise DesignError([Problem("--arm", message)])
        endpoint, arm = endpoint or design.primary, arm or design.control
        assert arm is not None
        planned = design.planned[design.arm_names.index(arm)]
    found = robust_map_prior(
        historical,
        weight=WEIGHT if weight is None else weight,
        vague_mean=0.5 if vague_mean is None else vague_mean,
        heterogeneity=Heterogeneity(between_sd=1.0 if between_sd is None else between_sd),
        accuracy=ACCURACY if accuracy is None else accuracy,
        participants=planned,
    )
    return found.toml(endpoint or "ENDPOINT", arm or "CONTROL")
