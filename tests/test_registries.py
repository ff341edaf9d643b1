"""Every member of every registry, put through the same questions.

A new endpoint, model, question, decision, product, figure or command fails here until all that is
to be known of it is there: what it means, what it needs, what it is called wherever it is told.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import re
from pathlib import Path
from typing import Any, cast, get_args

import click
import pytest
from click.testing import CliRunner

import adaptive_cart
from adaptive_cart import figures
from adaptive_cart.cli import main
from adaptive_cart.commands import COMMANDS
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.decisions import (
    DECISIONS,
    ENDINGS,
    REASONS,
    STOPS,
    Actions,
    Ending,
    Holding,
)
from adaptive_cart.design.design import Rule
from adaptive_cart.design.file import schema, template
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.endpoints import KINDS, EndpointBase
from adaptive_cart.figures.draw_measures import OUTCOMES
from adaptive_cart.figures.registry import FIGURES
from adaptive_cart.figures.style import FACES, PALETTE
from adaptive_cart.models import ANALYSES, AnalysisBase
from adaptive_cart.nouns.questions import KINDS as QUESTIONS
from adaptive_cart.nouns.questions import Question, Wording, asked
from adaptive_cart.nouns.summaries import SUMMARIES
from adaptive_cart.report.measure_words import PLAIN

ALL_KEYS = template("all_keys")


def own(kind: type, base: type, *names: str) -> list[str]:
    """Methods that a member has to answer for itself and does not."""
    return [name for name in names if getattr(kind, name) is getattr(base, name)]


# ── endpoints ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", KINDS)
def test_an_endpoint_says_all_that_is_known_of_it(name: str) -> None:
    kind = KINDS[name]
    assert get_args(kind.model_fields["type"].annotation) == (name,)
    assert kind.gives in SUMMARIES.values()
    assert kind.direct or kind.from_remission or kind.named_in, "something must feed it"
    assert kind.estimand_kind is None or kind.estimand_kind in QUESTIONS
    assert not own(kind, EndpointBase, "prepare", "summary", "describes")
    assert inspect.getdoc(kind)
    assert f'"{name}"' in ALL_KEYS
    module = inspect.getmodule(kind)
    assert module is not None
    assert module.__name__ == f"adaptive_cart.endpoints.{name}", "one kind a file"


# ── models ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ANALYSES)
def test_a_model_says_what_it_reads_answers_and_may_be_wrong_by(name: str) -> None:
    analysis = ANALYSES[name]
    assert get_args(analysis.model_fields["model"].annotation) == (name,)
    assert analysis.reads in {kind.gives.kind for kind in KINDS.values()}
    assert analysis.answers
    assert set(analysis.answers) <= set(QUESTIONS)
    for kind in analysis.answers:
        assert 0.0 < analysis.answered_by.error(Question("y", 1, kind=kind)) < 0.01
    assert not own(analysis, AnalysisBase, "fitted", "posterior", "reference")
    assert analysis.title
    assert analysis.statements
    assert f'"{name}"' in ALL_KEYS


def test_every_question_is_answered_by_a_model() -> None:
    assert {kind for analysis in ANALYSES.values() for kind in analysis.answers} == set(QUESTIONS)


# ── questions ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_question_reads_differently_from_every_other(kind: Any) -> None:
    """In the formula and in prose: whatever is asked, no two kinds are told alike."""
    wording = Wording(
        endpoint="remission", summary="counts", arms=("usual care", "cells"), strata=()
    )

    def said(of: Any) -> tuple[str, str]:
        one = Question("free", 1, 0, value=0.2, kind=of, month=12.0)
        return one.words(("usual", "cells"), ()), asked(one, wording)

    formula, prose = said(kind)
    assert "cells" in formula
    assert "cells" in prose
    for other in QUESTIONS:
        if other != kind:
            assert formula != said(other)[0]
            assert prose != said(other)[1]


# ── decisions and endings ─────────────────────────────────────────────────────────────────────
class Noted:
    """Trials that note what a decision does to them."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.done.append(name)


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_acts_and_has_its_words(name: str) -> None:
    decision = DECISIONS[name]
    assert decision.name == name
    assert name in get_args(Rule.model_fields["then"].annotation)
    assert name in schema()["$defs"]["Rule"]["properties"]["then"]["enum"]
    assert inspect.getdoc(type(decision))
    assert decision.colour in PALETTE
    for told in ("does", "done"):
        words = [getattr(other, told) for other in DECISIONS.values()]
        assert getattr(decision, told)
        assert words.count(getattr(decision, told)) == 1, "no two are told alike"
    trials = Noted()
    decision.act(cast("Actions", trials), cast("Holding", None))
    assert trials.done
    assert set(trials.done) <= set(vars(Actions)), "what trials can have done to them"
    assert set(trials.done) <= set(vars(Standing))
    if decision.claims:
        assert "claim" in trials.done
    if decision.stops_enrolment:
        assert "stop_enrolment" in trials.done
    if decision.drops_arms:
        assert "drop_arms" in trials.done
    if decision.closes_strata:
        assert "close_strata" in trials.done
    assert ("end" in trials.done or "succeed" in trials.done) == (decision.ends is not None)
    assert pickle.loads(pickle.dumps(decision)) == decision


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_has_its_place_and_its_words(ending: Ending) -> None:
    assert ENDINGS[ending] is ending
    assert REASONS[ending] == ending.name
    assert pickle.loads(pickle.dumps(ending)) is ending
    assert PLAIN[ending.measure]
    assert FACES[ending.name] == (ending.label, PALETTE[ending.colour], ending.hatch)
    if ending in STOPS:
        assert any(decision.ends == ending for decision in DECISIONS.values())
        assert ending.name in OUTCOMES
    for told in ("name", "label", "does", "colour", "measure"):
        assert len({getattr(other, told) for other in ENDINGS}) == len(ENDINGS)


NAMES_THAT_ARE_NOT_ENDINGS = {
    "report/recount.py": "counts again from the words in the files, by itself",
    "report/grid.py": "a measure",
    "report/chapters/sensitivity.py": "the key of a chapter",
    "figures/words_measures.py": "what was compared between designs: a measure",
    "figures/draw_comparisons.py": "what was compared between designs: a measure",
}


def test_nobody_asks_what_a_decision_or_an_ending_is_called() -> None:
    """What follows from a kind is asked of it: outside its room no name of one is compared."""
    found = []
    package = Path(adaptive_cart.__file__).parent
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package).as_posix()
        if where.startswith("decisions/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        found += [f"{where}: {name}" for name in DECISIONS if name in names]
        if where not in NAMES_THAT_ARE_NOT_ENDINGS:
            found += [f"{where}: {name}" for name in _compared(tree) & set(REASONS)]
    assert not found


def _compared(tree: ast.AST) -> set[Any]:
    """Literals that are compared, looked up, or the keys of a table of two or more of them."""
    found: set[Any] = set()
    for node in ast.walk(tree):
        parts: list[Any] = []
        if isinstance(node, ast.Compare):
            parts = [*ast.walk(node.left), *(n for c in node.comparators for n in ast.walk(c))]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "index":
            parts = list(node.args)
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        own = {part.value for part in parts if isinstance(part, ast.Constant)} & set(REASONS)
        if not isinstance(node, ast.Dict) or len(own) > 1:
            found |= own
    return found


# ── products ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_has_all_its_logistics(name: str) -> None:
    product = PRODUCTS[name]
    assert product.description
    assert name in schema()["$defs"]["Arm"]["properties"]["product"]["enum"]
    assert 0.0 <= product.manufacturing_failure + product.other_loss < 1.0
    if product.infused:
        assert product.delay_days > 0.0
        assert product.delay_sigma > 0.0


# ── figures ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("key", FIGURES)
def test_a_figure_has_numbers_a_drawing_and_words(key: str) -> None:
    kind = FIGURES[key]
    assert kind.id == key
    assert re.fullmatch(r"[FC]\d\d[a-f]?_[a-z_]+", kind.file_name)
    assert kind.title
    assert kind.needs
    assert kind.audience in ("open", "restricted")
    for part in (kind.tables, kind.draw, kind.caption, kind.alternative_text):
        assert callable(part)
    assert getattr(figures, kind.name).__doc__ == f"{kind.title} ({key})."
    chapter = importlib.import_module(f"adaptive_cart.report.chapters.{kind.chapter}")
    assert f'figures_of(evidence, "{kind.chapter}")' in inspect.getsource(chapter)


def test_no_two_figures_share_a_file_or_a_name() -> None:
    for names in (
        [kind.file_name for kind in FIGURES.values()],
        [kind.name for kind in FIGURES.values()],
    ):
        assert len(set(names)) == len(names)
    with pytest.raises(AttributeError, match="no attribute 'power'"):
        figures.power  # noqa: B018


# ── commands ──────────────────────────────────────────────────────────────────────────────────
PAGE_OF_COMMANDS = (Path(__file__).parents[1] / "docs" / "commands.md").read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_refuses_in_one_line(name: str) -> None:
    command = importlib.import_module(COMMANDS[name]).command
    assert command.name == name
    assert command.help
    assert all(p.help for p in command.params if isinstance(p, click.Option))
    assert re.search(rf"`adaptive-cart {name}[ `]", PAGE_OF_COMMANDS)
    done = CliRunner().invoke(main, [name, "--no-such-option"])
    assert done.exit_code == 2
    assert "No such option" in done.output
    assert "Traceback" not in done.output
