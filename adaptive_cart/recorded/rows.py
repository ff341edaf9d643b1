"""Rows of a participants table to participants: every cell, and whether the row can be so.

An adverse event counts in its endpoint's window only; others are left out and noted. An endpoint
with a column of its own is taken from it; every other one is worked out from the course. A month
that differs by less than :data:`SAME` is the same, since months are rounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.design.column_names import SPELL, columns_of
from adaptive_cart.design.design import Design
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.endpoints.base import is_time
from adaptive_cart.endpoints.direct import Cell, DirectTruth
from adaptive_cart.errors import Problem, nearest, one_of
from adaptive_cart.nouns.calendar import SAME
from adaptive_cart.nouns.counters import narrow
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.recorded.dates import InMonths, date_column
from adaptive_cart.recorded.known import Participants
from adaptive_cart.recorded.order import (
    after_last_contact,
    after_withdrawal,
    impossible,
    known_ahead,
    outside_their_part,
)  # fmt: skip
from adaptive_cart.recorded.table import (
    CROSSOVER,
    HEADER,
    MISSED,
    ON_DRUGS,
    WITHDRAWN,
    further,
    infusions_in,
    without_endpoint,
)
from adaptive_cart.recorded.units import DAYS, WEEKS, signs

LONGEST = 1200.0  # months; more is a date, or days
ALWAYS = ("participant", "arm", "randomised_month", "last_contact_month")
AT_ONCE = ("infused_month", CROSSOVER[0])  # known before what was seen then is reported
COURSE = ("infused_month", "remission_month", "relapse_month", "rescue_month", "death_month")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def infused_arms(design: Design) -> tuple[bool, ...]:
    """Whether the participants of each arm are infused: as the truth has it, or the product."""
    for truth in design.truths.values():
        if truth.courses is not None:
            return truth.infused_arms
    products = (PRODUCTS.get(design.arms[name].product or "") for name in design.arm_names)
    return tuple(product is not None and product.infused for product in products)


class Reading:
    """Reads the rows one after the other and keeps what is wrong with them.

    Attributes
    ----------
    problems
        Row, place of the column, and what is wrong.
    """

    def __init__(self, design: Design, table: InMonths, window: float) -> None:
        self.design = design
        self.table = table
        self.window = max(window, table.resolution)
        self.rows, columns = table.rows, table.columns
        self.problems: list[tuple[int, int, Problem]] = []
        self.notes: list[str] = []
        self._ahead: list[tuple[int, float]] = []
        self.columns = columns
        self.infused_arms = infused_arms(design)
        self._absent: list[str] = []
        self._place = {column: place for place, column in enumerate(columns)}
        self._written: dict[str, list[float]] = {}
        for row, column, name, message in table.problems:
            self._note(row, column, name, message)

    def in_order(self) -> list[Problem]:
        """Return the problems by row, then by column."""
        return [problem for *_, problem in sorted(self.problems, key=lambda found: found[:2])]

    def report(self, row: int, column: str, message: str) -> None:
        """Note a problem; row 0 is about the table as a whole."""
        name, date = self.table.written.get((row, column), (column, ""))
        if date and message.startswith("found "):
            message = message.replace("found ", f"found {date}, month ", 1)
        self._note(row, column, name, message)

    def _note(self, row: int, column: str, name: str, message: str) -> None:
        where = f"row {row}, {name}" if row else name
        place = self._place.get(column, len(self.columns))
        self.problems.append((row, place, Problem(where, message)))

    # ── columns ───────────────────────────────────────────────────────────────────────────
    def _columns(self) -> None:
        known = [*HEADER, *self._optional(), *self._of_columns]
        unread = without_endpoint(self.design)
        for column in dict.fromkeys(self.columns):
            if self.columns.count(column) > 1:
                self.report(0, f"column {column}", "stands there more than once")
            if not column:
                self.report(0, "columns", "one has no name")
            elif column in unread:
                self.notes.append(f"{column}: no endpoint reads it")
            elif column not in known:
                hint = nearest(column, known)
                self.report(
                    0,
                    f"column {column}",
                    f"unknown{hint}; the columns are {one_of(known)}, and those of months may hold "
                    f"dates (as {date_column(HEADER[3])})",
                )
        self._absent = [column for column in self.needed() if column not in self._place]
        for column in self._absent:
            self.report(0, f"column {column}", f"missing{self._why(column)}")

    def _optional(self) -> tuple[str, ...]:
        more: tuple[str, ...] = (ON_DRUGS, *self._further(), *infusions_in(self.columns))
        if self._every is not None:
            more = (*more, MISSED)
        return (*more, *CROSSOVER) if self.design.crossover is not None else more

    @property
    def _every(self) -> float | None:
        """Months between planned visits; nothing where none are planned."""
        return None if self.design.follow_up is None else self.design.follow_up.visit_every

    @property
    def _delay(self) -> float:
        """Months until what is seen at a contact stands in the table; infusion does at once."""
        return 0.0 if self.design.follow_up is None else self.design.follow_up.reporting_delay

    def _further(self) -> list[str]:
        """Columns of further remissions; after crossover only where the design has one."""
        crossover = self.design.crossover is not None
        return [c for c in further(self.columns) if crossover or "_after_crossover" not in c]

    def _own(self, name: str, endpoint: EndpointBase) -> bool:
        """Whether the endpoint is read from a column of its own."""
        return not endpoint.from_course or self._there(name)

    def _there(self, name: str) -> bool:
        """Whether any column of an endpoint's own stands there."""
        return any(
            self._of_columns[column] == name for column in self._place if column in self._of_columns
        )

    @cached_property
    def _of_columns(self) -> dict[str, str]:
        """By column that is an endpoint's own: the endpoint."""
        endpoints = self.design.endpoints.items()
        return {column: name for name, e in endpoints for column in columns_of(name, e)}

    def needed(self) -> list[str]:
        """Columns without which the table cannot be read."""
        endpoints = self.design.endpoints
        needed = [*ALWAYS]
        if self.design.strata:
            needed.append("stratum")
        worked_out = [e for name, e in endpoints.items() if not self._own(name, e)]
        if worked_out:
            needed += COURSE
            on_drugs = [e for e in worked_out if e.counts_on_drugs()]
            if on_drugs and ON_DRUGS not in self._place:
                self.notes.append(f"no column {ON_DRUGS}: nobody counts as in remission on drugs")
            if self.design.crossover is not None:
                needed += CROSSOVER
        needed += self._further()
        own = [
            column for column, name in self._of_columns.items() if self._own(name, endpoints[name])
        ]
        needed += [column for column in own if column not in self._place]
        return list(dict.fromkeys(needed))

    def _why(self, column: str) -> str:
        if column in self._further():
            begins = column.startswith("remission")
            names = ("remission", "relapse") if begins else ("relapse", "remission")
            return f"; {column.replace(*names)} stands there without it"
        endpoint = self.design.endpoints.get(self._of_columns.get(column, ""))
        if endpoint is None:
            fed = [n for n, e in self.design.endpoints.items() if not self._own(n, e)]
            if column in ALWAYS or column == "stratum":
                return ""
            may = {
                n: e.direct.holds
                for n in fed
                if (e := self.design.endpoints[n]).direct and not e.direct_refused()
            }
            what = one_of(dict.fromkeys(may.values()))
            other = f", or give {one_of(may)} as {what} in a column of its own" if may else ""
            return f"; {one_of(fed)} is worked out from it{other}"
        assert endpoint.direct is not None
        return f": {endpoint.direct.holds}, blank where there is none"

    # ── cells ─────────────────────────────────────────────────────────────────────────────
    def _month(self, row: int, cells: Mapping[str, str], column: str, required: bool) -> float:
        text = cells.get(column, "")
        if not text and (row, column) not in self.table.unread:
            if required:
                hint = "; write 0 where there was no contact after randomisation yet"
                self.report(row, column, "blank" + (hint if column == "last_contact_month" else ""))
            return np.nan if required else np.inf
        return self._number(row, column, text)

    def _number(self, row: int, column: str, text: str) -> float:
        if (row, column) in self.table.unread:
            return float("nan")
        if not _NUMBER.fullmatch(text):
            self.report(row, column, f"found '{text}'; {_no_number(text)}")
            return float("nan")
        value = float(text)
        self._written.setdefault(column, []).append(value)
        if value < 0.0:
            self.report(row, column, f"found {text}; a month is not negative")
            return float("nan")
        if value > LONGEST:
            self.report(row, column, f"found {text}; months from 0 to {LONGEST:g} are expected")
            return float("nan")
        return value

    def _missed(self, row: int, cells: Mapping[str, str]) -> frozenset[int]:
        """Numbers of the planned visits that were not held."""
        text = cells.get(MISSED, "")
        found = [part.strip() for part in text.split(";")] if text else []
        wrong = [part for part in found if not re.fullmatch(r"[1-9]\d{0,4}", part)]
        if wrong:
            self.report(
                row,
                MISSED,
                f"found '{wrong[0]}'; the numbers of the visits are expected, with ; between them: "
                f"the k-th is due k times {self._every:g} months after randomisation",
            )
            return frozenset()
        return frozenset(map(int, found))

    def _label(
        self, row: int, cells: Mapping[str, str], column: str, allowed: Sequence[str]
    ) -> int:
        text = cells.get(column, "")
        if text in allowed:
            return list(allowed).index(text)
        plural = "strata" if column == "stratum" else f"{column}s"
        found = f"found '{text}'{nearest(text, allowed)}" if text else "blank"
        self.report(row, column, f"{found}; the {plural} are {one_of(allowed)}")
        return -1

    # ── the whole ─────────────────────────────────────────────────────────────────────────
    def participants(self, source: str, digest: str) -> Participants | None:
        """Read every row; nothing where the columns alone forbid it."""
        self._columns()
        if any(column not in self._place for column in ALWAYS):
            return None
        self._too_many()
        design = self.design
        number = len(self.rows)
        names: list[str] = []
        arm = np.zeros(number, dtype=narrow(len(design.arm_names)))
        stratum = np.zeros(number, dtype=narrow(len(design.shares)))
        randomised, last = np.zeros(number), np.zeros(number)
        withdrawn = np.full(number, np.inf)
        course = (
            *COURSE, ON_DRUGS, *CROSSOVER, *self._further(), *infusions_in(self.columns)
        )  # fmt: skip
        months = {c: np.full(number, np.inf) for c in course}
        own = self._with_a_column()
        outcomes: dict[str, list[Any]] = {name: [] for name in own}
        blank = {name: np.zeros(number, dtype=np.bool_) for name in own}
        missed: list[frozenset[int]] = []
        first: dict[str, int] = {}
        for place, (row, cells) in enumerate(self.rows):
            name = cells.get("participant", "")
            if not name:
                self.report(row, "participant", "blank")
            elif name in first:
                self.report(row, "participant", f"'{name}' stands in row {first[name]} already")
            first.setdefault(name, row)
            names.append(name)
            arm[place] = self._label(row, cells, "arm", design.arm_names)
            if design.strata:
                stratum[place] = self._label(row, cells, "stratum", design.stratum_names)
            elif cells.get("stratum", ""):
                self.report(row, "stratum", f"found '{cells['stratum']}'; the design has no strata")
            randomised[place] = self._month(row, cells, "randomised_month", True)
            last[place] = self._month(row, cells, "last_contact_month", True)
            withdrawn[place] = self._month(row, cells, WITHDRAWN, False)
            for column, values in months.items():
                values[place] = self._month(row, cells, column, False)
            mine = {column: float(values[place]) for column, values in months.items()}
            # a column that is missing is told once, and not again of every row
            known = mine | {column: np.nan for column in self._absent if column in mine}
            ends = float(last[place]), float(withdrawn[place])
            missed.append(self._missed(row, cells) if self._every is not None else frozenset())
            wrong = [
                *impossible(design, self.infused_arms, known, int(arm[place])),
                *after_last_contact(self._delayed(row, known, ends[0]), ends[0]),
                *after_withdrawal(known, *ends),
            ]
            settled = min(mine["death_month"], mine["rescue_month"])
            for name, direct in own.items():
                read = self._cells(row, cells, name, *ends, settled, missed[-1])
                value = direct.read_all(read)
                outcomes[name].append(value)
                known_after = design.endpoints[name].known_after()
                main = next(cell for cell in read if cell.known == known_after)
                blank[name][place] = direct.may_be_blank(main)
                for month in direct.dated(value):
                    wrong += after_last_contact({name: month}, ends[0])
            for column, message in wrong:
                self.report(row, column, message)
        for place, message in outside_their_part(design, randomised, arm):
            self.report(self.rows[place][0], "arm", message)
        recorded = any(np.isfinite(values).any() for values in months.values())
        opening = [name for name in own if design.endpoints[name].opens_at_infusion]
        if recorded and opening and any(self.infused_arms) and "infused_month" not in self._place:
            why = f"; the window of {one_of(opening)} opens at infusion"
            self.report(0, "column infused_month", f"missing{why}")
        self._told_units()
        self.notes += known_ahead(self._ahead, self._delay)
        if self.problems:
            return None
        # an event is a contact; it may be rounded to just after the last one
        columns = {name: own[name].gathered(values) for name, values in outcomes.items()}
        dates = [
            np.array([max(own[name].dated(v), default=np.inf) for v in values])
            for name, values in columns.items()
        ]
        at_once = (*AT_ONCE, *infusions_in(months)) if self._delay else ()
        contacts = (values for column, values in months.items() if column not in at_once)
        for values in (*contacts, *dates):
            last = np.where(np.isfinite(values), np.maximum(last, values), last)
        withdrawn = np.maximum(withdrawn, last * np.isfinite(withdrawn))
        order = np.argsort(randomised, kind="stable")
        worked_out = any(not self._own(name, e) for name, e in design.endpoints.items())
        opens = [np.zeros(number)]
        if recorded:
            infused = np.array(self.infused_arms)[arm]
            opens = [np.where(infused, months["infused_month"], 0.0)]
            further = (months[column] for column in infusions_in(months))
            opens += [np.where(infused, again, np.inf) for again in further]
        for name, values in columns.items():
            columns[name] = self._counted(name, values, opens, recorded)
        months, columns = self._at_visits(months), self._times_at_visits(columns)
        return Participants(
            design=design,
            source=source,
            digest=digest,
            names=tuple(names[place] for place in order),
            arm=arm[order],
            stratum=stratum[order] if len(design.shares) > 1 else None,
            randomised=randomised[order],
            last_contact=last[order],
            withdrawn=withdrawn[order],
            months={column: values[order] for column, values in months.items()},
            outcomes={name: values[order] for name, values in columns.items()},
            blank={name: values[order] for name, values in blank.items()},
            has_course=worked_out or recorded,
            infused_arms=self.infused_arms,
            notes=tuple(self.notes),
            resolution=self.table.resolution,
            opened=self.table.opened,
            says_who_left=WITHDRAWN in self._place,
            missed=self._absent_from([missed[place] for place in order]),
        )

    def _at_visits(self, months: Mapping[str, Floats]) -> dict[str, Floats]:
        """Months of states, each that of the planned visit at which it was seen: the nearest.

        What is dated like something that is known at its moment is known by that.
        """
        every = self._every
        if every is None:
            return dict(months)
        at_once = [m for column, m in months.items() if not SPELL.fullmatch(_begins(column))]
        return {
            column: _nearest_visit(found, every, at_once)
            if SPELL.fullmatch(_begins(column))
            else found
            for column, found in months.items()
        }

    def _times_at_visits(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """The same of times with a column of their own."""
        every, endpoints = self._every, self.design.endpoints
        if every is None:
            return dict(columns)
        seen = [n for n in columns if is_time(endpoints[n]) and endpoints[n].between_visits()]
        return {
            name: _nearest_visit(values, every, []) if name in seen else values
            for name, values in columns.items()
        }

    def _absent_from(self, missed: Sequence[frozenset[int]]) -> Booleans | None:
        """Who missed which planned visit, ``(participant, visit)``, from visit 0 on."""
        if self._every is None:
            return None
        last = max((max(numbers, default=0) for numbers in missed), default=0)
        found = np.zeros((len(missed), last + 1), dtype=np.bool_)
        for place, numbers in enumerate(missed):
            found[place, list(numbers)] = True
        return found

    def _delayed(self, row: int, months: Mapping[str, float], last: float) -> Mapping[str, float]:
        """The months without what a table has sooner than what was seen by then: an infusion.

        How much sooner is not for the plan to say: data may take longer than it expects.
        """
        at_once = (*AT_ONCE, *infusions_in(months)) if self._delay else ()
        found = [months[c] - last for c in at_once if np.isfinite(months[c])]
        ahead = [after for after in found if after > self._delay + SAME]
        if ahead:
            self._ahead.append((row, max(ahead)))
        return {c: m for c, m in months.items() if c not in at_once}

    def _told_units(self) -> None:
        """Refuse a table in days or weeks by name, instead of all that follows from it."""
        written = self._written
        if not written.get("randomised_month") or self.table.dated:
            return
        if len(written["randomised_month"]) != len(written.get("last_contact_month", ())):
            return
        apart = ("randomised_month", "last_contact_month", "infused_month")
        others = [value for name, found in written.items() if name not in apart for value in found]
        arrivals, ends, infused = (written.get(name, []) for name in apart)
        found = signs(self.design, arrivals, ends, infused, others)
        if not found.days and not found.weeks:
            if found.maybe_weeks:
                self.notes.append(
                    f"are the numbers weeks? {found.words()}; weeks are to be divided by "
                    f"{WEEKS:.4f}"
                )
            return
        unit, divisor = ("days", DAYS) if found.days else ("weeks", WEEKS)
        labels = ("participant", "arm", "stratum")
        self.problems = [p for p in self.problems if not p[0] or p[2].path.endswith(labels)]
        self.report(
            0,
            "column randomised_month",
            f"the table is in {unit}, months are expected: {found.words()}. Divide all columns of "
            f"months by {divisor:.4f}. If they are months, write the pace at which the trial "
            "enrols in the design (enrolment.per_month)",
        )

    def _too_many(self) -> None:
        most = self.design.enrolment.max_n
        if len(self.rows) > most:
            row = self.rows[most][0]
            self.report(
                row,
                "participant",
                f"{len(self.rows)} participants, and enrolment.max_n is {most}; raise it in the "
                "design if the protocol was amended",
            )

    def _with_a_column(self) -> dict[str, DirectTruth]:
        """Endpoints with a column of their own, and what it holds."""
        found: dict[str, DirectTruth] = {}
        for name, endpoint in self.design.endpoints.items():
            if not self._there(name):
                continue
            if endpoint.direct is not None and not endpoint.direct_refused():
                found[name] = endpoint.direct
            else:
                self.report(
                    0, f"column {name}", "unknown: this endpoint is worked out from the course"
                )
        return found

    def _cells(
        self,
        row: int,
        cells: Mapping[str, str],
        name: str,
        last: float,
        withdrawn: float,
        settled: float,
        missed: frozenset[int],
    ) -> list[Cell]:
        """The cells of an endpoint's own columns."""
        endpoint, plan = self.design.endpoints[name], self.design.follow_up
        assert endpoint.direct is not None
        late = plan.visit_window if plan is not None and endpoint.told_at_visit else 0.0
        return [
            Cell(
                text=cells.get(column, ""),
                known=known,
                last=last,
                withdrawn=withdrawn,
                settled=settled,
                window=self.window,
                month=partial(self._number, row, column),
                report=partial(self.report, row, column),
                late=late,
                unseen=late > 0.0 and plan is not None and plan.unseen(known, missed),
            )
            for column, known in endpoint.direct.columns(name, endpoint).items()
        ]

    def _counted(
        self, name: str, values: npt.NDArray[Any], opens: list[Floats], recorded: bool
    ) -> npt.NDArray[Any]:
        """What of a column counts; what does not is noted."""
        endpoint = self.design.endpoints[name]
        if endpoint.opens_at_infusion and not recorded and any(self.infused_arms):
            self.notes.append(
                f"no infusion is recorded: the window of {name} is counted from randomisation"
            )
        counted, note = endpoint.counted_in_record(name, values, opens)
        self.notes += [note] if note else []
        return counted


def _no_number(text: str) -> str:
    """Say why a text is no number, and what to write."""
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f"decimals need a point: {text.replace(',', '.')}"
    if text.lower() in ("na", "n/a", "nan", "null", "none", ".", "-", "inf", "infinity"):
        return "leave the cell blank where it has not happened"
    return "a number of months is expected"


def _begins(column: str) -> str:
    """The column at which a spell begins, for one at which it ends."""
    return column.replace("relapse", "remission")


def _nearest_visit(months: Floats, every: float, at_once: Sequence[Floats]) -> Floats:
    """The planned visit nearest to a month of each; the month itself where it is one of others."""
    with np.errstate(invalid="ignore"):
        kept = ~np.isfinite(months)
        for other in at_once:
            kept |= np.abs(months - other) <= SAME
        number = np.round(np.where(kept, 0.0, months) / every)
    return np.where(kept | (number < 1.0), months, number * every)
