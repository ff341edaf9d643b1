"""Whatever a room declares is in its registry: a file that nobody has named there is noticed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import click
import pytest

from adaptive_cart.commands import COMMANDS
from adaptive_cart.courses.sequel import Sequel
from adaptive_cart.courses.tables import ArmCourse, Remission
from adaptive_cart.decisions import DECISIONS, Decision
from adaptive_cart.endpoints import KINDS as ENDPOINTS
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.figures.kinds import FigureKind
from adaptive_cart.figures.registry import FIGURES
from adaptive_cart.models import ANALYSES, AnalysisBase
from adaptive_cart.nouns.questions import KINDS as QUESTIONS
from adaptive_cart.nouns.questions.kind import QuestionKind


def declared(room: str) -> Iterator[tuple[ModuleType, Any]]:
    """What the files of a room hold by a name, with the file."""
    package = importlib.import_module(f"adaptive_cart.{room}")
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            yield module, value


def leaves(room: str, base: type) -> set[type]:
    """Classes of a kind that a room defines and from which no other of them is derived."""
    found = {
        value for _, value in declared(room) if inspect.isclass(value) and issubclass(value, base)
    } - {base}
    return {one for one in found if not any(issubclass(two, one) for two in found - {one})}


def instances(room: str, kind: type) -> list[Any]:
    return [value for _, value in declared(room) if isinstance(value, kind)]


@pytest.mark.parametrize(
    ("room", "base", "key", "listed"),
    [("endpoints", EndpointBase, "type", ENDPOINTS), ("models", AnalysisBase, "model", ANALYSES)],
)
def test_whatever_a_table_may_be_called_is_listed(
    room: str, base: Any, key: str, listed: Any
) -> None:
    own = [one.model_fields[key].annotation for one in leaves(room, base)]
    names = {name for annotation in own for name in get_args(annotation)}
    assert names == set(listed)


def test_every_question_is_listed() -> None:
    listed = {type(kind) for kind in QUESTIONS.values()}
    assert leaves("nouns.questions", QuestionKind) <= listed


def test_every_decision_and_figure_is_listed() -> None:
    assert all(DECISIONS.get(one.name) is one for one in instances("decisions", Decision))
    assert all(FIGURES.get(one.id) is one for one in instances("figures", FigureKind))


def test_every_file_with_a_command_is_listed() -> None:
    found = {
        module.__name__
        for module, value in declared("commands")
        if isinstance(value, click.Command) and value is getattr(module, "command", None)
    }
    assert found == set(COMMANDS.values())


def test_every_table_of_what_may_follow_a_relapse_is_a_key_of_a_course() -> None:
    own = [field.annotation for table in (ArmCourse, Remission)
           for field in table.model_fields.values()]  # fmt: skip
    keys = {one for annotation in own for one in (annotation, *get_args(annotation))}
    assert leaves("courses", Sequel) <= keys
