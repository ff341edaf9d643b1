"""Outside its room nobody asks what kind a thing is: an endpoint, a summary, a question, a model.

What follows from a kind is asked of it. Ways to ask otherwise are looked for in the syntax of
every file: its class (``isinstance``, ``issubclass``, ``type``, a pattern of ``match``), be it that
of a kind or another that its room alone has; its name (compared with what is called a kind, a type
or a model; a name of two words in whatever comparison, and where it is looked up); a table or a
list with several of its names; and whether it has what only some kinds have (``hasattr``,
``getattr`` with a default, the fields of its class). An assertion states a kind, and is no branch.

Nor is a word that a class lets one of its fields be (``Literal``) compared with outside the room of
that class, whatever it is a word of: an engine, what a curve runs across, what ends a trial.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

import adaptive_cart
from adaptive_cart.decisions import DECISIONS, Decision
from adaptive_cart.design.look_scales import SCALES
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.randomisation import KINDS as RANDOMISATIONS
from adaptive_cart.design.randomisation import RandomisationBase
from adaptive_cart.endpoints import KINDS as ENDPOINTS
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth
from adaptive_cart.models import ANALYSES, AnalysisBase, Posterior
from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.questions import KINDS as QUESTIONS
from adaptive_cart.nouns.questions import Question, QuestionKind
from adaptive_cart.nouns.summaries import SUMMARIES, Summary
from adaptive_cart.results.true_times import OF_TIMES

PACKAGE = Path(inspect.getfile(adaptive_cart)).parent
COMMON = {"events", "months"}  # in tables of other things
BEGINS = ("startswith", "endswith", "removeprefix")
FIELDS = ("model_fields", "__dict__", "__dataclass_fields__", "vars", "dir")
CALLED = {  # attributes that say it
    *("kind", "type", "model", "gives", "reads", "of", "quantity", "name", "dist"),
    *("decision", "product", "method", "scale", "given", "__name__", "__class__"),
}


def classes(of: list[type], above: type) -> set[str]:
    """Names of classes and of what they are made from, below what all have in common."""
    between = {base for kind in of for base in kind.__mro__ if issubclass(base, above)}
    return {base.__name__ for base in between if base is not above}


def extras(of: list[type], above: type) -> set[str]:
    """What some of the classes have, and what all have in common has not."""

    def had(kind: type) -> set[str]:
        return {name for base in kind.__mro__ for name in (*vars(base), *said_of(base))}

    return {name for kind in of for name in had(kind) - had(above) if not name.startswith("_")}


def said_of(kind: type) -> list[str]:
    """Names with annotations; of a part of a design they are no attributes of its class."""
    return list(inspect.get_annotations(kind))


def below(above: type) -> list[type]:
    """All that are made from a class."""
    return [kind for own in above.__subclasses__() for kind in (own, *below(own))]


@cache
def trees() -> dict[str, ast.Module]:
    """Syntax of every file of the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def homes() -> dict[str, set[str]]:
    """Files that have a class of each name; sought once, for there are a million places to look."""
    found: dict[str, set[str]] = {}
    for where, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).add(where)
    return found


def only_in(folder: str) -> set[str]:
    """Names of classes that files of one folder have, and no other file."""
    return {name for name, files in homes().items() if all(f.startswith(folder) for f in files)}


@dataclass(frozen=True)
class Room:
    """What gives a kind away, and where it may: the beginnings of paths.

    Attributes
    ----------
    names, classes, attributes
        Of the kinds; attributes that some have, and not all.
    """

    where: tuple[str, ...]
    names: set[str]
    classes: set[str]
    attributes: set[str]

    @classmethod
    def of(cls, where: tuple[str, ...], names: Iterable[str], *kinds: Any) -> Room:
        """Of pairs of kinds and of what they have in common."""
        pairs = list(zip(kinds[::2], kinds[1::2], strict=True))
        own = set().union(*(classes(of, above) for of, above in pairs))
        has = set().union(*(extras(of, above) for of, above in pairs))
        above = {above.__name__ for _, above in pairs}
        return cls(where, {*names}, own | only_in(where[0]) - above, has)

    @property
    def telling(self) -> set[str]:
        """Names that mean nothing else: of two words, as ``time_to_event``."""
        return {name for name in self.names if "_" in name}


QUESTION_KINDS = [type(kind) for kind in QUESTIONS.values()]
ROOMS = {  # each is made where a test needs it
    "endpoint": partial(Room.of, ("endpoints/",), ENDPOINTS, [*ENDPOINTS.values()], EndpointBase),
    "direct truth": partial(Room.of, ("endpoints/",), (), below(DirectTruth), DirectTruth),
    "summary": partial(
        Room.of, ("nouns/summaries/", "models/"), SUMMARIES, below(Summary), Summary
    ),
    "question": partial(
        Room.of,
        ("nouns/questions/", "models/"),  # a model has an answer for each that it lists
        (*QUESTIONS, *(kind.quantity for kind in QUESTIONS.values())),
        QUESTION_KINDS,
        QuestionKind,
    ),
    "model": partial(
        Room.of,
        ("models/",),
        ANALYSES,
        [*ANALYSES.values()],
        AnalysisBase,
        [kind.answered_by for kind in ANALYSES.values()],
        Posterior,
    ),
    "decision": partial(
        Room.of, ("decisions/",), DECISIONS, [type(kind) for kind in DECISIONS.values()], Decision
    ),
    "product": partial(Room.of, ("design/products.py",), PRODUCTS),
    "randomisation": partial(
        Room.of,
        ("design/randomisation.py",),
        RANDOMISATIONS,
        [*RANDOMISATIONS.values()],
        RandomisationBase,
    ),
    "distribution": partial(
        Room.of, ("nouns/distributions.py", "nouns/"), (), below(EventTime), EventTime
    ),
    "what looks count": partial(
        Room.of, ("design/look_scales.py", "design/look_tables.py"), SCALES
    ),
}


@cache
def room(what: str) -> Room:
    """Of a kind; kept."""
    return ROOMS[what]()


WHY = {  # where it is asked outside the room, and why
    ("report/accuracy.py", "question"): "works three questions out again by other arithmetic",
    ("telling/truths.py", "question"): "tells the true odds ratio where its model estimates one",
    ("results/true_times.py", "question"): "a true value of each quantity of times; held to below",
    ("models/borrowed.py", "randomisation"): "borrowing has a method of its own",
    ("report/accuracy.py", "model"): "works the model of counts out again by other arithmetic",
    ("report/measure_words.py", "what looks count"): "a number that was observed, and not counted",
    ("report/word.py", "model"): "a style of Word that is called normal",
    ("comparison/classical.py", "model"): "a classical design is made of tests",
    ("priors/early_data.py", "model"): "writes the priors of the models of early data",
}


@dataclass(frozen=True)
class Asking:
    """A place at which something may be asked what it is, with the names that stand there.

    Attributes
    ----------
    node
        The place, which is written out only where it is told of.
    classes, literals, attributes
        Names of classes that it is held against, texts that what is called a kind is, and what it
        is asked whether it has.
    """

    node: ast.AST
    classes: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    table: bool = False
    said: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The place, or of a ``match`` what is matched."""
        if isinstance(self.node, ast.Match):
            return f"match {ast.unparse(self.node.subject)}"
        return ast.unparse(self.node)

    def asks(self, room: Room) -> bool:
        """Whether it is asked which of a registry it is; a table has several of the names."""
        own = bool(self.classes & room.classes or self.attributes & room.attributes)
        known = self.literals & (room.names | room.classes)
        named = len(known - COMMON) > 1 if self.table else bool(known)
        return own or named or bool(self.said & room.telling)


def askings(tree: ast.AST) -> Iterator[Asking]:
    """Every place of a file at which something may be asked what it is, but assertions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assert):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Call) and last_name(node.func) in ("isinstance", "issubclass"):
            yield Asking(node, named(node.args[1]))
        elif isinstance(node, ast.Call) and may_lack(node):
            yield Asking(node, attributes=texts(node.args[1]))
        elif isinstance(node, ast.MatchClass):
            yield Asking(node, named(node.cls), attributes=frozenset(node.kwd_attrs))
        elif isinstance(node, ast.Match) and last_name(node.subject) in CALLED:
            cases = (case.pattern for case in node.cases)
            said = frozenset().union(*(texts(*ast.walk(pattern)) for pattern in cases))
            yield Asking(node, literals=said)
        elif isinstance(node, ast.Match):
            yield Asking(node, said=texts(*ast.walk(node)))
        elif isinstance(node, ast.Dict | ast.Tuple | ast.List | ast.Set):
            keys = node.keys if isinstance(node, ast.Dict) else node.elts
            said = texts(*(key for key in keys if key is not None))
            if len(said) > 1:
                yield Asking(node, literals=said, table=True)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            yield Asking(node, said=texts(node.slice))
        elif isinstance(node, ast.Call) and last_name(node.func) in ("get", "pop", *BEGINS):
            yield Asking(node, said=texts(*node.args, *elements(node.args)))
        elif isinstance(node, ast.Compare) and last_name(node.comparators[0]) in FIELDS:
            yield Asking(node, attributes=texts(node.left))
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            yield Asking(node, said=texts(*sides, *elements(sides)))
            called = {last_name(getattr(side, "func", side)) for side in sides}
            if called & {*CALLED, "type"}:
                said = texts(*sides, *elements(sides))
                classes_named = frozenset().union(*map(named, sides))
                yield Asking(node, classes_named, said)


def may_lack(call: ast.Call) -> bool:
    """Whether an attribute is asked for that may not be there."""
    least = {"hasattr": 2, "getattr": 3}.get(last_name(call.func), len(call.args) + 1)
    return len(call.args) >= least


def elements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What stands in tuples, lists and sets among some nodes."""
    for node in nodes:
        yield from getattr(node, "elts", [])


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
    return {where: list(askings(tree)) for where, tree in trees().items()}


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    """A million parts of syntax are not kept after these tests."""
    yield
    for kept in (trees, homes, room, places, of_the_package):
        kept.cache_clear()


@pytest.mark.parametrize("what", ROOMS)
def test_nobody_but_its_room_asks_of_which_kind_it_is(what: str) -> None:
    found = {
        (where, what): ways
        for where, each in places().items()
        if not where.startswith(room(what).where)
        and (ways := [asking.text for asking in each if asking.asks(room(what))])
    }
    assert found.keys() == {key for key in WHY if key[1] == what}, found
    assert len(places()) > 400


# ── words that a field may be ─────────────────────────────────────────────────────────────────
ELSEWHERE = {  # where one is compared with outside the room of its class, and why
    "commands/programme.py": "what is typed behind --engine, and not the engine of a result",
    "optimising/reported.py": "kinds of numbers of its own",
}


@dataclass(frozen=True)
class Worded:
    """A field that may be one of some words, with the rooms of its class and of the words."""

    rooms: frozenset[str]
    words: frozenset[str]


def room_of(where: str) -> str:
    """The folder, or a file beside the folders."""
    return where.split("/")[0]


def words_of(node: ast.AST) -> frozenset[str]:
    """Words of every ``Literal`` within an annotation."""
    own = (part for part in ast.walk(node) if isinstance(part, ast.Subscript))
    return frozenset().union(*(texts(*ast.walk(p)) for p in own if last_name(p.value) == "Literal"))


def worded(files: dict[str, ast.Module]) -> dict[str, list[Worded]]:
    """Fields that may be one of some words, by name; several classes may have one of a name."""
    named_words = {  # Over = Literal["control", …]
        target.id: Worded(frozenset({room_of(where)}), words_of(node.value))
        for where, tree in files.items()
        for node in tree.body
        if isinstance(node, ast.Assign) and words_of(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: dict[str, list[Worded]] = {}
    for where, tree in files.items():
        fields = (
            field
            for kind in ast.walk(tree)
            if isinstance(kind, ast.ClassDef)
            for field in kind.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        )
        for field in fields:
            said = [named_words[n] for n in named(field.annotation) & named_words.keys()]
            rooms = frozenset({room_of(where)}).union(*(one.rooms for one in said))
            words = words_of(field.annotation).union(*(one.words for one in said))
            if words:
                found.setdefault(field.target.id, []).append(Worded(rooms, words))
    return found


@cache
def of_the_package() -> dict[str, list[Worded]]:
    """All such fields."""
    return worded(trees())


def compared(tree: ast.AST) -> Iterator[tuple[ast.Compare, str, frozenset[str]]]:
    """Names that are compared with words: the comparison, the name, the words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            said = texts(*sides, *elements(sides))
            for side in sides:
                key = texts(side.slice) if isinstance(side, ast.Subscript) else ()
                for name in key or (last_name(side),):
                    yield node, name, said


def foreign(where: str, tree: ast.AST, fields: dict[str, list[Worded]]) -> list[str]:
    """Comparisons with words that fields of other rooms may be, and none of this room's."""
    found = []
    for node, name, said in compared(tree):
        owners = [one for one in fields.get(name, ()) if one.words & said]
        if owners and not any(room_of(where) in one.rooms for one in owners):
            found.append(ast.unparse(node))
    return found


def test_a_word_that_a_field_may_be_is_compared_with_in_the_room_of_its_class() -> None:
    fields = of_the_package()
    found = {where: foreign(where, tree, fields) for where, tree in trees().items()}
    assert {where for where, ways in found.items() if ways} == ELSEWHERE.keys(), found
    assert len(fields) > 60
    assert sum(bool(one.words & {"exact"}) for one in fields["engine"]) > 3


@pytest.mark.parametrize(
    "text",
    [
        "if looks.whichever == 'later': pass",
        "if one.whichever in ('later', 'earlier'): pass",
        "if table['whichever'] != 'later': pass",
        "whichever = later() if whichever == 'later' else 0",
        "if worst.over == 'strata': pass",
    ],
)
def test_however_a_word_is_compared_with_it_is_found(text: str) -> None:
    assert foreign("figures/one.py", ast.parse(text), of_the_package())
    home = "results" if "over" in text else "design"
    assert not foreign(f"{home}/one.py", ast.parse(text), of_the_package())


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
        "if hasattr(one, 'horizon'): pass",
        "until = getattr(one, 'horizon', None)",
        "match one:\n    case object(horizon=until): pass",
        "if type(one).__name__ == 'Landmark': pass",
        "if one.what == 'time_to_event': pass",
        "if one.what in ('time_to_event', 'other'): pass",
        "match one.what:\n    case 'time_to_event': pass",
        "kind = KINDS['time_to_event']",
        "kind = KINDS.get('time_to_event')",
        "of_course = one.what.startswith('time_to_event')",
        "known = ('landmark', 'ordinal')",
        "if 'horizon' in type(one).model_fields: pass",
        "if isinstance(one, Clocked): pass",
    ],
)
def test_however_it_is_asked_it_is_found(text: str) -> None:
    assert any(asking.asks(room("endpoint")) for asking in askings(ast.parse(text)))
    assert not list(askings(ast.parse("assert isinstance(one, Landmark)")))
