"""What a search found, kept in a folder and read back: all of it, so that it can be told."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, ResultsError
from adaptive_cart.optimising.aims import Losses
from adaptive_cart.optimising.confirming import Bounded, Confirmed, Proof, Shown
from adaptive_cart.optimising.evaluating import Evaluation, evaluation_of
from adaptive_cart.optimising.found import SEARCH, Optimum, Row
from adaptive_cart.optimising.wanted import Wanted, wanted_of

KIND, FORMAT = "adaptive_cart search", 1
AS_THEY_ARE = ("space", "region", "how", "seed", "bound", "no_bound", "why_none", "notes")


def kept(found: Optimum) -> str:
    """All that a search found, as JSON."""
    rows = {row.digest: asdict(row) for row in found.rows}
    plain = {
        "kind": KIND,
        "format": FORMAT,
        "design": found.design.as_toml(),
        "wanted": _wanted(found.wanted),
        **{name: getattr(found, name) for name in AS_THEY_ARE},
        "written": asdict(found.written),
        "rows": [row.digest for row in found.rows],
        "front": [row.digest for row in found.front],
        "shown": [[row.digest, row.least] for row in found.shown],
        "best": None if found.best is None else found.best.digest,
        "found": None if found.found is None else found.found.as_toml(),
        "confirmed": None if found.confirmed is None else asdict(found.confirmed),
        "judged": list(rows.values()),
    }
    return json.dumps(plain, ensure_ascii=False) + "\n"


def read_optimum(folder: Path) -> Optimum:
    """Read what ``optimise`` wrote into a folder.

    Raises
    ------
    ResultsError
        If the file is missing, is damaged, or was written by another version.
    """
    try:
        plain = json.loads((folder / SEARCH).read_text(encoding="utf-8"))
        if plain["kind"] != KIND or plain["format"] != FORMAT:
            raise KeyError(f"{plain['kind']}, format {plain['format']}")
        return _read(plain)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, DesignError) as error:
        raise ResultsError(
            f"{folder}: holds no search as this version writes it ({error}); run "
            f"`adaptive-cart optimise` again"
        ) from None


def _wanted(wanted: Wanted) -> dict[str, Any]:
    mixture = wanted.mixture
    return {
        "aim": wanted.aim,
        "also": wanted.also,
        "prior": mixture.prior or None,
        "weights": {} if mixture.prior else dict(mixture.weights),
        "error": wanted.error,
        "power": dict(wanted.power),
        "front": list(wanted.front),
        "losses": asdict(wanted.losses),
    }


def _read(plain: Mapping[str, Any]) -> Optimum:
    design = _design(plain["design"])
    asked = {**plain["wanted"], "losses": Losses(**plain["wanted"]["losses"])}
    wanted, problems = wanted_of(design, **asked)
    if wanted is None:
        raise DesignError(problems)
    judged = {one["digest"]: _row(one) for one in plain["judged"]}
    best = plain["best"]
    texts: dict[str, Any] = {name: plain[name] for name in AS_THEY_ARE}
    texts |= {name: tuple(texts[name]) for name in ("why_none", "notes")}
    return Optimum(
        design=design,
        wanted=wanted,
        **texts,
        written=_row(plain["written"]),
        rows=tuple(judged[digest] for digest in plain["rows"]),
        front=tuple(judged[digest] for digest in plain["front"]),
        shown=tuple(_with(judged[digest], least) for digest, least in plain["shown"]),
        best=None if best is None else _with(judged[best], plain["bound"]),
        found=None if plain["found"] is None else _design(plain["found"]),
        confirmed=None if plain["confirmed"] is None else _confirmed(plain["confirmed"]),
    )


def _design(text: str) -> Design:
    return Design(**tomllib.loads(text))


def _row(told: Mapping[str, Any]) -> Row:
    looks, evaluation = tuple(told["looks"]), evaluation_of(told["evaluation"])
    return Row(**{**told, "looks": looks, "evaluation": evaluation})


def _with(row: Row, least: float | None) -> Row:
    return Row(row.digest, row.settings, row.looks, row.size, row.evaluation, least)


def _confirmed(told: Mapping[str, Any]) -> Confirmed:
    evaluation: Evaluation = evaluation_of(told["evaluation"])
    proof = None if told["proof"] is None else Proof(**told["proof"])
    shown = None if told["shown"] is None else Shown(**told["shown"])
    bound = told.get("bounded")
    parts = {
        "evaluation": evaluation,
        "proof": proof,
        "shown": shown,
        "bounded": None if bound is None else Bounded(**bound),
    }
    return Confirmed(**{**told, **parts})
