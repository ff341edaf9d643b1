"""Every member of every registry, put through the same questions.

A new endpoint, model, question, decision, product, figure, chapter or command fails here until all
that is to be known of it is there: what it means, what it needs, what it is called wherever told.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import pkgutil
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import click
import numpy as np
import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter, ValidationError

import adaptive_cart
from adaptive_cart import figures
from adaptive_cart.cli import main
from adaptive_cart.commands import COMMANDS
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.courses.sequel import Sequel
from adaptive_cart.courses.tables import DISEASE, ArmCourse, Remission
from adaptive_cart.decisions import (
    DECISIONS,
    ENDINGS,
    REASONS,
    STOPS,
    Actions,
    Ending,
    Holding,
)
from adaptive_cart.design.file import template
from adaptive_cart.design.json_schema import schema
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.rule_tables import PosteriorQuestion, Rule
from adaptive_cart.endpoints import KINDS, EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth
from adaptive_cart.figures import registry
from adaptive_cart.figures.draw_measures import OUTCOMES
from adaptive_cart.figures.registry import FIGURES
from adaptive_cart.figures.style import FACES, PALETTE
from adaptive_cart.models import ANALYSES, AnalysisBase, Posterior
from adaptive_cart.nouns.external import SAID
from adaptive_cart.nouns.external_rows import OUTCOMES as COLUMNS_OF_OUTCOMES
from adaptive_cart.nouns.parts import CategoryName, Count, Part, UtilityName
from adaptive_cart.nouns.questions import ALL, KEYS, Category, Cut, Question, Wording, asked
from adaptive_cart.nouns.questions import KINDS as QUESTIONS
from adaptive_cart.nouns.summaries import SUMMARIES, Counts, Means
from adaptive_cart.nouns.summaries.changes import Reach
from adaptive_cart.report import chapters
from adaptive_cart.report.chapters import CHAPTERS, chapter
from adaptive_cart.report.document import (
    AUDIENCES,
    Heading,
    Number,
    for_audience,
    lines_of,
    numbered,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.measure_words import PLAIN
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.results.true_value import Cells, TrueValue
from adaptive_cart.running.calibrating import SEARCHES

ALL_KEYS = template("all_keys")
DESIGNS = Path(__file__).parents[1] / "designs"


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
    assert f'type = "{name}"' in ALL_KEYS
    assert kind.estimand_kind is None or kind.estimand_kind in QUESTIONS
    assert not own(kind, EndpointBase, "prepare", "summary", "describes", "handled")
    if "month" in kind.model_fields:
        assert not own(kind, EndpointBase, "known_after", "dropout_counts")
    assert len(own(kind, EndpointBase, "counts_some", "counted")) in (0, 2), "some, and how many"
    assert inspect.getdoc(kind)
    types = [part.get("properties", {}).get("type", {}) for part in schema()["$defs"].values()]
    assert name in [said.get("const") for said in types]
    module = inspect.getmodule(kind)
    assert module is not None
    assert module.__name__ == f"adaptive_cart.endpoints.{name}", "one kind a file"


# ── states of a participant ───────────────────────────────────────────────────────────────────
def sequels_in(part: type[Part]) -> dict[str, type[Sequel]]:
    """What may follow a relapse, among the tables of a part of a course."""
    kinds = {name: get_args(field.annotation) for name, field in part.model_fields.items()}
    return {
        name: kind
        for name, found in kinds.items()
        for kind in found
        if inspect.isclass(kind) and issubclass(kind, Sequel)
    }


SEQUELS = {**sequels_in(ArmCourse), **sequels_in(Remission)}


@pytest.mark.parametrize("name", SEQUELS)
def test_what_may_follow_a_relapse_says_all_that_is_known_of_it(name: str) -> None:
    kind = SEQUELS[name]
    assert not own(kind, Sequel, "follow")
    assert inspect.getdoc(kind)
    for key, field in kind.model_fields.items():
        assert field.description, f"{key}: shown by editors and the reference"
        assert not field.is_required(), "a scenario may change one key: None where it is needed"
    module = inspect.getmodule(kind)
    assert module is not None
    assert module.__name__ == f"adaptive_cart.courses.{name}", "one kind a file"


def test_same_as_takes_from_the_other_arm_what_may_follow_a_relapse() -> None:
    assert set(sequels_in(ArmCourse)) <= set(DISEASE)
    assert "again" in SEQUELS


# ── models ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ANALYSES)
def test_a_model_says_what_it_reads_answers_and_may_be_wrong_by(name: str) -> None:
    analysis = ANALYSES[name]
    assert get_args(analysis.model_fields["model"].annotation) == (name,)
    assert analysis.reads in {kind.gives.kind for kind in KINDS.values()}
    assert analysis.answers
    assert set(analysis.answers) <= set(QUESTIONS)
    assert tuple(analysis.answers) == tuple(analysis.answered_by.closed)
    for kind in analysis.answers:
        assert 0.0 < analysis.answered_by.error(Question("y", 1, kind=kind)) < 0.01
    assert not own(analysis, AnalysisBase, "fitted", "posterior", "reference")
    assert analysis.title
    assert analysis.statements
    if analysis.bayesian:
        assert not own(analysis.answered_by, Posterior, "draw", "arms", "where_open")
        assert 0.0 < analysis.answered_by.drawn_error < 0.05
    assert f'"{name}"' in ALL_KEYS


# ── questions ─────────────────────────────────────────────────────────────────────────────────
def question_of(name: str, **more: Any) -> Question:
    category = Category(1, "good") if QUESTIONS[name].quantity == "reaches" else None
    cut = Cut(-2.0, lower=True) if QUESTIONS[name].quantity == "beyond" else None
    minus = 0 if QUESTIONS[name].other else None
    if QUESTIONS[name].of_several:
        more = {"weights": (("free", 1.0), ("safe", -0.5)), **more}
    if QUESTIONS[name].always_by:
        more = {"ordered_by": QUESTIONS[name].always_by, **more}
    return Question("free", 1, minus, kind=name, month=12.0, category=category, cut=cut, **more)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_says_all_that_is_known_of_it(name: str) -> None:
    kind = QUESTIONS[name]
    assert kind.name == name
    assert type(kind).__module__ == f"adaptive_cart.nouns.questions.{name}", "one kind a file"
    assert inspect.getdoc(kind)
    assert kind.asked_for
    keys = schema()["$defs"]["PosteriorQuestion"]["properties"]
    given: dict[Any, Any] = {str: "usual", bool: True, Count: 2, CategoryName: "good",
                             UtilityName: "net"}  # fmt: skip
    for key in kind.keys:
        assert keys[key.name]["description"] == key.words
    table = {name: given.get(KEYS[name].type, 12.0) for name in kind.asking}
    about = {} if kind.of_several else {"endpoint": "free"}
    assert PosteriorQuestion(arm="cells", **about, **table).kind is kind
    assert any(analysis.can_be_asked(kind) for analysis in ANALYSES.values())


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_reads_differently_from_every_other(name: str) -> None:
    """In the formula and in prose: whatever is asked, no two kinds are told alike."""
    wording = Wording("remission", Counts.asked_about(), arms=("usual care", "cells"), strata=())

    def said(of: str) -> tuple[str, str, str, str]:
        one = question_of(of, value=0.2)
        heading = one.of.heading(one, "cells", "usual") + one.of.formula(one, "cells", "usual", "")
        noun = one.of.noun(one, "remission", wording.parameter) if one.of.has_value else of
        return one.words(("usual", "cells"), ()), asked(one, wording), heading, noun

    formula, prose, heading, noun = said(name)
    assert "cells" in formula
    assert "cells" in prose
    for other in QUESTIONS:
        if other != name:
            apart = zip((formula, prose, heading, noun), said(other), strict=True)
            assert all(mine != theirs for mine, theirs in apart), other


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_one_arithmetic_for_truths_and_draws(name: str) -> None:
    kind, rng = QUESTIONS[name], np.random.default_rng(5)
    question = question_of(name, value=0.4)
    needed = question.quantities(3)
    by_arm = rng.random((2_000, 3)) * 0.9 + 0.05
    values = [by_arm[:, quantity.arm] for quantity in needed]
    combined = question.combine(values)
    assert combined.shape == (2_000,)
    # a true value is the same of one value each
    known = {(q.endpoint, q.name, q.point): Cells(by_arm[:1, :, None], (1.0,)) for q in needed}
    if not any(quantity.to for quantity in needed) and needed[0].to is None:
        true = TrueValues(3, {}, known, {}).quantity(question)
        assert true == TrueValue(float(combined[0]), 0.0)
    # what is asked is so on one side and not on the other, and nothing lies outside its range
    if kind.has_value:
        low, high = kind.range((0.0, 1.0), question.minus is not None, question.month)
        assert ((combined >= low) & (combined <= high)).all()
        above, below = (replace(question, above=side) for side in (True, False))
        so, not_so = kind.holds(above, combined), kind.holds(below, combined)
        assert (so != not_so).all()
        assert not kind.holds(above, np.array([0.4])).any(), "at its margin a claim is false"
        assert not kind.holds(below, np.array([0.4])).any(), "at its margin a claim is false"
    else:
        assert set(combined) <= {0.0, 1.0, 2.0}
        assert set(kind.holds(question, combined)) == {True, False}
    # arms that are alike show no effect
    if kind.has_value and len(needed) == 2:
        assert kind.combine(question, [by_arm[:, 0]] * 2) == pytest.approx(kind.no_effect)


@pytest.mark.parametrize("name", [name for name, kind in QUESTIONS.items() if kind.about_levels])
@pytest.mark.parametrize(("arm", "minus"), [(1, 0), (0, 1)])
def test_a_claim_about_levels_knows_where_it_is_just_false(name: str, arm: int, minus: int) -> None:
    question = Question("free", arm, minus, value=0.6 if arm else 1.2, kind=name)
    if not question.of.ratio:
        question = question.at(0.2 if arm else -0.2)
    control = np.array([0.2, 0.3, 0.45])
    moved = question.of.at_margin(question, control)
    by_arm = [control, moved]
    values = [by_arm[quantity.arm] for quantity in question.quantities(2)]
    assert question.combine(values) == pytest.approx(question.value)


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
        assert "note" in trials.done
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
    "running/exact.py": "a measure",
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
        found += [f"{where}: {name}" for name in DECISIONS if "_" in name and name in names]
        if where not in NAMES_THAT_ARE_NOT_ENDINGS:
            found += [f"{where}: {name}" for name in _compared(tree)]
    assert not found


def _compared(tree: ast.AST) -> set[Any]:
    """Literals that are compared, looked up, or the keys of a table of two or more of them."""
    found: set[Any] = set()
    kinds = {*DECISIONS, *REASONS}
    for node in ast.walk(tree):
        parts: list[Any] = []
        if isinstance(node, ast.Compare):
            parts = [*ast.walk(node.left), *(n for c in node.comparators for n in ast.walk(c))]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "index":
            parts = list(node.args)
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        own = {part.value for part in parts if isinstance(part, ast.Constant)} & kinds
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
def test_every_figure_has_an_id_a_name_and_a_file_of_its_own() -> None:
    """A second one of the same id would silently take the place of the first."""
    for part in ("id", "name", "file_name"):
        each = [getattr(kind, part) for kind in registry._ALL]
        assert len(each) == len(set(each)), part


@pytest.mark.parametrize("key", FIGURES)
def test_a_figure_has_numbers_a_drawing_and_words(key: str) -> None:
    kind = FIGURES[key]
    assert kind.id == key
    assert re.fullmatch(r"[FC]\d\d[a-f]?_[a-z_]+", kind.file_name)
    assert kind.title
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


# ── chapters of the report ────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    design = adaptive_cart.load_design(DESIGNS / "hello.toml")
    folder = tmp_path_factory.mktemp("chapters") / "run"
    run = adaptive_cart.simulate(design, trials=40, seed=1, jobs=1, engine="simulate", out=folder)
    return Evidence(run, Facts(), 0)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_declares_itself_and_says_where_its_numbers_come_from(
    name: str, evidence: Evidence
) -> None:
    declared = chapter(name)
    assert inspect.getdoc(importlib.import_module(f"{chapters.__name__}.{name}"))
    assert declared.title
    assert declared.sections
    heading, *below = declared.blocks(evidence)
    assert isinstance(heading, Heading)
    assert (heading.key, heading.text, heading.level) == (declared.key, declared.title, 1)
    assert (heading.appendix, heading.audience) == (declared.appendix, declared.audience)
    assert below
    assert not [b for b in below if isinstance(b, Heading) and b.level == 1]
    assert heading.key in numbered([heading, *below])[1], "no key stands twice"
    for block in below:
        for pieces in lines_of(block):
            for piece in pieces:
                assert not isinstance(piece, Number) or piece.source
    for audience in AUDIENCES:
        shown = for_audience([heading, *below], audience)
        assert bool(shown) == (audience in ("restricted", declared.audience))


def test_every_file_that_declares_a_chapter_is_listed_once_and_appendices_are_last() -> None:
    found = {
        module.name
        for module in pkgutil.iter_modules(chapters.__path__)
        if hasattr(importlib.import_module(f"{chapters.__name__}.{module.name}"), "CHAPTER")
    }
    assert sorted(found) == sorted(CHAPTERS)
    all_ = [chapter(name) for name in CHAPTERS]
    assert len({one.key for one in all_}) == len({one.title for one in all_}) == len(all_)
    assert [one.appendix for one in all_] == sorted(one.appendix for one in all_)
    with pytest.raises(ValueError, match="no chapter is called 'prologue'; there are summary, "):
        chapter("prologue")


# ── commands ──────────────────────────────────────────────────────────────────────────────────
PAGE_OF_COMMANDS = (Path(__file__).parents[1] / "docs" / "commands.md").read_text("utf-8")


def test_git_ignores_every_folder_that_a_command_writes_unless_told_otherwise() -> None:
    """Where the repository is the current folder, a run is not committed with what was changed."""
    ignored = Path(__file__).parents[1] / ".gitignore"
    if not ignored.exists():
        pytest.skip("a copy without what is git's")
    folders = set()
    for module in COMMANDS.values():
        for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(module)))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Path":
                folders |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    assert len(folders) >= 10
    assert {f"/{folder}/" for folder in folders} <= set(ignored.read_text("utf-8").splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_refuses_in_one_line(name: str) -> None:
    command = importlib.import_module(COMMANDS[name]).command
    assert command.name == name
    assert command.help
    assert all(p.help for p in command.params if isinstance(p, click.Option))
    assert re.search(rf"`adaptive-cart {name}[ `]", PAGE_OF_COMMANDS)
    options = {parameter.name for parameter in command.params}
    assert ("settings" in options) == ("design" in options), "@options.settings: --set KEY=VALUE"
    done = CliRunner().invoke(main, [name, "--no-such-option"])
    assert done.exit_code == 2
    assert "No such option" in done.output
    assert "Traceback" not in done.output


# ── summaries and what is said directly ───────────────────────────────────────────────────────
@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_says_all_that_is_known_of_it(name: str) -> None:
    kind = SUMMARIES[name]
    assert kind.kind == name
    assert kind.bounds[0] < kind.bounds[1]
    assert kind.parameter
    assert kind.holds
    assert set(kind.external) <= set(SAID)
    assert set(kind.external_columns) <= set(COLUMNS_OF_OUTCOMES)
    assert kind.external or not kind.external_columns
    empty = kind.empty(2, 3)
    columns = empty.columns()
    assert set(kind.observed) <= columns.keys()
    assert kind.heads("points").keys() <= columns.keys()
    assert all(values.shape == (1, 2, 3) for values in columns.values())
    assert not empty.analysed.any()
    for total in (empty.of_arm(0), dict.fromkeys(columns, 4.0)):
        assert kind.told(total, "points")
        assert kind.seen(total)
        assert kind.short(total, "points")[0]
    reach = Reach((0, 1), ((0, 1, 2),), ALL, None, several=True)
    for moves, other in empty.changes(reach):  # events where nobody is followed; no participants
        assert type(other) is kind
        assert not other.analysed.any()
        assert all(move.words.format(where="soc", noun="event") for move in moves)
    twice = empty.rows(np.array([0, 0]))
    assert twice.replaced(np.array([True, False]), twice).analysed.shape == (2, 2, 3)


def test_values_moved_alike_keep_their_spread() -> None:
    """A change of means, against the values themselves."""
    values = np.array([2.0, 3.0, 7.0])
    one = np.ones((1, 1, 1))
    seen = Means(one * values.sum(), one * (values**2).sum(), 3 * one.astype(np.int64))
    reach = Reach((0,), ((0,),), ALL, None, several=False)
    changes = [other for _, other in zip(range(6), seen.changes(reach), strict=False)]
    for place, (moves, other) in enumerate(changes):
        by = (-1) ** place * (place // 2 + 1) / 100.0 * values.std()
        assert other.total.item() == pytest.approx((values + by).sum())
        assert other.squares.item() == pytest.approx(((values + by) ** 2).sum())
        side = "higher" if by > 0.0 else "lower"
        assert moves[0].words == f"every value in {{where}} {side} by {abs(by):.3g}"


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.direct])
def test_a_direct_truth_says_all_that_is_known_of_it(name: str) -> None:
    direct = KINDS[name].direct
    assert direct is not None
    assert direct.wanted
    assert direct.holds
    assert bool(direct.level) != bool(own(type(direct), DirectTruth, "at_level"))
    assert not direct.table or not own(type(direct), DirectTruth, "words"), "no number is written"
    reads = TypeAdapter(direct.value)
    with pytest.raises(ValidationError):
        reads.validate_python("half", strict=True)
    assert not direct.by_stratum(0.5, ("low", "high"))
    assert direct.by_stratum({"low": {"dist": "x"}, "high": {"dist": "x"}}, ("low", "high"))


def test_every_search_for_thresholds_is_told_and_what_it_found_is_read_back() -> None:
    told = (Path(__file__).parents[1] / "docs" / "semantics.md").read_text(encoding="utf-8")
    for search in SEARCHES:
        assert f"| {search.finds} | {search.confirmed} |" in told
        assert search.log in get_args(AnyCalibration)
        assert callable(search.log.of)
    assert len({type(search) for search in SEARCHES}) == len(SEARCHES)
