"""Programmes in a folder of a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.programmes import Programme, load_programme
from checks import DESIGNS

EARLY: dict[str, Any] = {
    "name": "Early",
    "arms": {"cart": {}},
    "endpoints": {"dfr": {"type": "landmark", "month": 4}},
    "enrolment": {"max_n": 10, "per_month": 2.0},
    "looks": {"observed": [10]},
    "rules": [
        {
            "name": "go",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.3},
            "at_least": 0.8,
        }
    ],
    "scenarios": {
        "works": {"role": "alternative", "dfr": {"cart": 0.5}},
        "nothing": {"role": "null", "dfr": {"cart": 0.2}},
    },
}
CONFIRM: dict[str, Any] = {
    "name": "Controlled",
    "arms": {"soc": {"control": True}, "cart": {}},
    "endpoints": {"dfr": {"type": "landmark", "month": 6}},
    "analysis": {"dfr": {"model": "beta_binomial", "prior": {"a": 1.0, "b": 1.0}}},
    "enrolment": {"max_n": 30, "per_month": 3.0},
    "looks": {"observed": [18, 30]},
    "rules": [
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
            "at_least": 0.95,
        },
        {
            "name": "futility",
            "then": "declare_futility",
            "predictive": {"rule": "efficacy"},
            "below": 0.05,
            "looks": [1],
        },
    ],
    "scenarios": {"works": {"role": "alternative", "dfr": {"soc": 0.2, "cart": 0.5}}},
}


def written(
    folder: Path,
    candidates: str,
    *,
    early: dict[str, Any] | None = EARLY,
    confirm: dict[str, Any] = CONFIRM,
    of_early: str = 'does_not_work = "nothing"\n',
    of_confirm: str = "",
) -> Path:
    """Write a programme and its designs; return the programme's path."""
    folder.mkdir(parents=True, exist_ok=True)
    text = 'name = "A programme"\n'
    if early is not None:
        (folder / "early.toml").write_text(Design(**early).as_toml(), encoding="utf-8")
        text += f'[early]\ndesign = "early.toml"\n{of_early}'
    (folder / "confirm.toml").write_text(Design(**confirm).as_toml(), encoding="utf-8")
    text += f'[confirm]\ndesign = "confirm.toml"\n{of_confirm}[candidates]\n{candidates}'
    path = folder / "programme.toml"
    path.write_text(text, encoding="utf-8")
    return path


def programme(folder: Path, candidates: str, **more: Any) -> Programme:
    """The same, loaded."""
    return load_programme(written(folder, candidates, **more))


SHIPPED = DESIGNS / "programmes" / "lupus.toml"
