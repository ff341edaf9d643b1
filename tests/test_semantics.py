"""Numbers that `docs/semantics.md` states of the models are those that the models have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adaptive_cart.models import ANALYSES
from adaptive_cart.nouns.questions import Question

TEXT = " ".join((Path(__file__).parents[1] / "docs" / "semantics.md").read_text("utf-8").split())
QUICK = "There the fast posterior decides, with its error."
DRAWN = "of what is answered from draws"
STRATIFIED = "stratified_piecewise_exponential"


def words(start: str, end: str) -> list[str]:
    """Names in back quotes and numbers, in their order, between two places of the page."""
    part = (
        TEXT.split(start, 1)[1].split(end, 1)[0].replace("its stratified form", f"`{STRATIFIED}`")
    )
    pairs = re.findall(r"`(\w+)`|(?<![\w.])(\d+(?:\.\d+)?(?:e-\d+)?)", part)
    return [name or number for name, number in pairs]


def quick() -> dict[str, float]:
    """What an answer without draws may be wrong by: the number after the names."""
    found, names = dict[str, float](), list[str]()
    for word in words(QUICK, DRAWN):
        if word in ANALYSES:
            names.append(word)
        else:
            found |= dict.fromkeys(names, float(word))
            names = []
    return found


def drawn() -> dict[str, float]:
    """The same of an answer from draws: the number before the names."""
    found, number = dict[str, float](), 0.0
    for word in words(DRAWN, "These are the most"):
        if word in ANALYSES:
            found[word] = number
        else:
            number = float(word)
    return found | {STRATIFIED: found["piecewise_exponential"]}


@pytest.mark.parametrize("name", ANALYSES)
def test_what_a_probability_may_be_wrong_by_is_what_the_page_says(name: str) -> None:
    analysis = ANALYSES[name]
    posterior = analysis.answered_by
    errors = {posterior.error(Question("y", 1, kind=kind)) for kind in analysis.answers}
    assert errors == {quick().get(name, 1e-9)}
    assert name in quick() or name in ("beta_binomial", "gamma_poisson", "normal")
    if analysis.bayesian:
        assert posterior.drawn_error == drawn()[name]
