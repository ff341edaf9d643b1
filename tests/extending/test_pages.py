"""Every page that says how to add a kind is done as it stands, on a copy of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from extending.pages import ROOT, Block, blocks, carry_out, inserted, run

PAGES = {
    path.stem: path for path in sorted((ROOT / "docs" / "extending").glob("*.md")) if blocks(path)
}

# Lines may be added to these files, which list what there is.
REGISTRIES = {
    "adaptive_cart/courses/tables.py",
    "adaptive_cart/decisions/__init__.py",
    "adaptive_cart/endpoints/__init__.py",
    "adaptive_cart/models/__init__.py",
    "adaptive_cart/design/templates/all_keys.toml",
    "adaptive_cart/nouns/questions/kinds.py",
    "adaptive_cart/figures/registry.py",
    "adaptive_cart/report/chapters/__init__.py",
    "adaptive_cart/commands/__init__.py",
    "docs/commands.md",  # a command is told there
    "tests/twin/adaptive_trial.py",  # the twin knows what follows
}
# Rooms of a page whose kind has to live in more than one, and why.
ROOMS: dict[str, set[str]] = {}
# What every example is put through, and what some are beside that.
SUITE = (
    "tests/test_registries.py",
    "tests/test_declared_is_listed.py",
    "tests/test_kinds.py",
    "tests/design/test_schema.py::test_an_editor_can_say_what_a_key_means",
)
MORE = {"decision": ("tests/conduct/test_every_decision_has_a_twin.py",)}


def room(block: Block) -> str:
    return "/".join(block.path.split("/")[:2])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_touches_one_room_and_the_registries(name: str) -> None:
    example = blocks(PAGES[name])
    own = {room(b) for b in example if b.is_new and b.path.startswith("adaptive_cart/")}
    assert own == ROOMS.get(name, own)
    assert len(own) == 1 or name in ROOMS
    assert {b.path for b in example if not b.is_new} <= REGISTRIES
    assert any(b.path.startswith("tests/") for b in example), "the example has tests"


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_as_it_stands(name: str, tmp_path: Path) -> None:
    page, copy = PAGES[name], tmp_path / "project"
    carry_out(page, copy)
    package = run("-c", "import adaptive_cart; print(adaptive_cart.__file__)", cwd=copy)
    assert Path(package.strip()).is_relative_to(copy)
    example = blocks(page)
    code = [b.path for b in example if b.path.endswith(".py")]
    run("-m", "ruff", "check", *code, cwd=copy)
    run("-m", "ruff", "format", "--check", *code, cwd=copy)
    tests = [b.path for b in example if b.path.startswith("tests/") and "/test_" in b.path]
    run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not reference",
        *SUITE, *MORE.get(name, ()), *tests, cwd=copy)  # fmt: skip
    # a piece of a template is no design of the page
    for design in (b.path for b in example if b.path.endswith(".toml") and "/" not in b.path):
        run("-m", "adaptive_cart", "check", design, cwd=copy)
        run("-m", "adaptive_cart", "example", design, cwd=copy)
        run("-m", "adaptive_cart", "simulate", design, "--trials", "40", "--jobs", "1",
            "--out", "run", cwd=copy)  # fmt: skip
        run(
            "-m",
            "adaptive_cart",
            "report",
            "run",
            "--sensitivity-trials",
            "0",
            "--out",
            "documents",
            cwd=copy,
        )


def test_a_piece_goes_where_its_line_stands() -> None:
    old = "a = [\n    1,\n    2,\n]\n"
    block = "    # after: 2,\n    3,\n    # before: 1,\n    0,\n"
    assert inserted(old, block) == "a = [\n    0,\n    1,\n    2,\n    3,\n]\n"
    with pytest.raises(ValueError, match="0 times"):
        inserted(old, "# after: 7,\n8,\n")
    with pytest.raises(ValueError, match="begins with"):
        inserted(old, "8,\n")
