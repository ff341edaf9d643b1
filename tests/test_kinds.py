"""Outside its room nobody asks what kind a thing is: an endpoint, a summary, a question, a model.

What follows from a kind is asked of it. Three ways to ask otherwise are looked for in the syntax of
every file: its class (``isinstance``, ``issubclass``, ``type``, a pattern of ``match``), its name
(compared with what is called a kind, a type or a model), and a table with several of its names. An
assertion states a kind, and is no branch.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import adaptive_cart
from adaptive_cart.endpoints import KINDS as ENDPOINTS
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth
from adaptive_cart.models import ANALYSES, AnalysisBase, Posterior
from adaptive_cart.nouns.questions import KINDS as QUESTIONS
from adaptive_cart.nouns.questions import Question, QuestionKind
from adaptive_cart.nouns.summaries import SUMMARIES, Summary
from adaptive_cart.results.true_times import OF_TIMES

PACKAGE = Path(inspect.getfile(adaptive_cart)).parent
CALLED = {"kind", "type", "model", "gives", "reads", "of", "quantity"}  # attributes that say it


def classes(of: list[type], above: type) -> set[str]:
    """Names of classes and of what they are made from, below what all have in common."""
    between = {base for kind in of for base in kind.__mro__ if issubclass(base, above)}
    return {base.__name__ for base in between if base is not above}


def below(above: type) -> list[type]:
    """All that are made from a class."""
    return [kind for own in above.__subclasses__() for kind in (own, *below(own))]


ROOMS = {
    "endpoint": ({*ENDPOINTS}, classes([*ENDPOINTS.values()], EndpointBase), ("endpoints/",)),
    "direct truth": (set[str](), classes(below(DirectTruth), DirectTruth), ("endpoints/",)),
    "summary": ({*SUMMARIES}, classes(below(Summary), Summary), ("nouns/summaries/", "models/")),
    "question": (
        {*QUESTIONS, *(kind.quantity for kind in QUESTIONS.values())},
        classes([type(kind) for kind in QUESTIONS.values()], QuestionKind),
        ("nouns/questions/", "models/"),  # a model has an answer for each that it lists
    ),
    "model": (
        {*ANALYSES},
        classes([*ANALYSES.values()], AnalysisBase)
        | classes([kind.answered_by for kind in ANALYSES.values()], Posterior),
        ("models/",),
    ),
}
WHY = {  # where it is asked outside the room, and why
    ("report/accuracy.py", "question"): "works three questions out again by other arithmetic",
    ("results/true_times.py", "question"): "a true value of each quantity of times; held to below",
    ("analysis/durability_curves.py", "model"): "shows the one model of remissions",
    ("comparison/classical.py", "model"): "a classical design is made of tests",
    ("priors/drawn_trials.py", "model"): "says why a cured fraction may make a trial wait",
    ("priors/drawn_truths.py", "model"): "a truth for each kind of prior; others are refused",
    ("priors/early_data.py", "model"): "writes the priors of the models of early data",
}


@dataclass(frozen=True)
class Asking:
    """A place at which something may be asked what it is, with the names that stand there.

    Attributes
    ----------
    classes, literals
        Names of classes that it is held against, and texts that what is called a kind is.
    """

    text: str
    classes: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    table: bool = False

    def asks(self, names: set[str], own: set[str]) -> bool:
        """Whether it is asked which of a registry it is; a table has several of the names."""
        return bool(self.classes & own) or len(self.literals & names) > self.table


def askings(tree: ast.AST) -> Iterator[Asking]:
    """Every place of a file at which something may be asked what it is, but assertions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assert):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Call) and last_name(node.func) in ("isinstance", "issubclass"):
            yield Asking(ast.unparse(node), named(node.args[1]))
        elif isinstance(node, ast.MatchClass):
            yield Asking(ast.unparse(node), named(node.cls))
        elif isinstance(node, ast.Match) and last_name(node.subject) in CALLED:
            cases = (case.pattern for case in node.cases)
            said = frozenset().union(*(texts(*ast.walk(pattern)) for pattern in cases))
            yield Asking(f"match {ast.unparse(node.subject)}", literals=said)
        elif isinstance(node, ast.Dict):
            said = texts(*(key for key in node.keys if key is not None))
            if len(said) > 1:
                yield Asking(f"a table of {', '.join(sorted(said))}", literals=said, table=True)
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            called = {last_name(getattr(side, "func", side)) for side in sides}
            if called & {*CALLED, "type"}:
                said = texts(*(part for side in sides for part in getattr(side, "elts", [side])))
                classes_named = frozenset().union(*map(named, sides))
                yield Asking(ast.unparse(node), classes_named, said)


def texts(*nodes: ast.AST) -> frozenset[str]:
    """Texts among some nodes."""
    found = (node.value for node in nodes if isinstance(node, ast.Constant))
    return frozenset(value for value in found if isinstance(value, str))


def named(node: ast.AST) -> frozenset[str]:
    """All names within a node."""
    return frozenset(map(last_name, ast.walk(node)))


def last_name(node: ast.AST) -> str:
    """``kind`` of ``question.kind``, and of ``kind``."""
    return str(getattr(node, "attr", getattr(node, "id", "")))


@cache
def places() -> dict[str, list[Asking]]:
    """Of every file of the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): list(askings(ast.parse(path.read_text("utf-8"))))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@pytest.mark.parametrize("what", ROOMS)
def test_nobody_but_its_room_asks_of_which_kind_it_is(what: str) -> None:
    names, own, rooms = ROOMS[what]
    found = {
        (where, what): ways
        for where, each in places().items()
        if not where.startswith(rooms)
        and (ways := [asking.text for asking in each if asking.asks(names, own)])
    }
    assert found.keys() == {key for key in WHY if key[1] == what}, found
    assert len(places()) > 400


def test_every_quantity_that_a_model_of_times_can_be_asked_about_has_a_true_value() -> None:
    for analysis in ANALYSES.values():
        if SUMMARIES[analysis.reads].lasts:
            for kind in analysis.answers:
                asks = Question("y", 1, 0, kind=kind, month=12.0)
                assert all(q.to is not None or q.name in OF_TIMES for q in asks.quantities(2)), kind


@pytest.mark.parametrize(
    "text",
    [
        "if isinstance(one(), Landmark): pass",
        "if isinstance(one, (int, Landmark)): pass",
        "if type(one) is not Landmark: pass",
        "if endpoint.type == 'landmark': pass",
        "if endpoint.type in ('landmark', 'other'): pass",
        "match endpoint.type:\n    case 'landmark': pass",
        "match endpoint:\n    case Landmark(): pass",
        "table = {'landmark': 1, 'ordinal': 2}[endpoint.type]",
    ],
)
def test_however_it_is_asked_it_is_found(text: str) -> None:
    names, own, _ = ROOMS["endpoint"]
    assert any(asking.asks(names, own) for asking in askings(ast.parse(text)))
    assert not list(askings(ast.parse("assert isinstance(one, Landmark)")))
