"""The programs of ``sims`` ask of the package what is there: they run seldom, and names move."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SIMS = Path(__file__).parents[1] / "sims"
PROGRAMS = sorted(SIMS.glob("*/*.py"))


def asked_of_the_package(program: Path) -> Iterator[tuple[str, str]]:
    """Module and name of everything that a program imports from it."""
    for node in ast.walk(ast.parse(program.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("adaptive_cart"):
            for name in node.names:
                yield str(node.module), name.name


def is_there(module: str, name: str) -> bool:
    """Whether a module has something of that name, itself or as a module below it."""
    found = importlib.import_module(module)
    below = hasattr(found, "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None
    return hasattr(found, name) or below


@pytest.mark.skipif(not PROGRAMS, reason="sims is no part of this copy")
def test_what_programs_import_is_there() -> None:
    asked = {one for program in PROGRAMS for one in asked_of_the_package(program)}
    assert len(asked) > 20
    gone = [f"{module}.{name}" for module, name in sorted(asked) if not is_there(module, name)]
    assert gone == []


@pytest.mark.skipif(not PROGRAMS, reason="sims is no part of this copy")
def test_every_named_mistake_can_still_be_made_and_its_test_is_there() -> None:
    program = SIMS / "validation" / "mutants.py"
    found = importlib.util.spec_from_file_location("mutants_of_sims", program)
    assert found is not None
    assert found.loader is not None
    mutants = sys.modules["mutants_of_sims"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(mutants)
    for wrong, module, was, now, test in mutants.NAMED:
        text = (SIMS.parent / "adaptive_cart" / module).read_text("utf-8")
        assert text.count(was) == 1, wrong
        assert was != now
        path, _, name = test.partition("::")
        assert f"def {name}(" in (SIMS.parent / path).read_text("utf-8"), wrong
    kept = [row["wrong"] for row in mutants.rows_of(mutants.NAMED_RESULT)]
    assert kept == [wrong for wrong, *_ in mutants.NAMED]
