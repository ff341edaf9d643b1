"""What a search found: the best design, what no design can do better, and the front of all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.design.design import Design
from adaptive_cart.design.replacing import text_with
from adaptive_cart.design.validation import shown
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.optimising.aims import AIMS
from adaptive_cart.optimising.confirming import (
    CONFIDENCE,
    TRIED,
    Bounded,
    Confirmed,
    Proof,
    Shown,
)
from adaptive_cart.optimising.evaluating import Evaluation
from adaptive_cart.optimising.wanted import Wanted
from adaptive_cart.results.bounds import at_least, at_most
from adaptive_cart.results.figure import Z95, Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

FOUND, TABLE, TEXT, LOG = "optimum.toml", "candidates.csv", "optimum.txt", "optimum.json"
SEARCH = "search.json"  # all of it, for the report
KIND = "adaptive_cart optimum"
AS_WRITTEN = "as written"


@dataclass(frozen=True)
class Row:
    """A design that was judged.

    Attributes
    ----------
    digest
        Fingerprint of its design, before anything is calibrated.
    settings
        By key, what is not as written.
    least
        What any design with its looks can come to at its power and the wanted error; nothing where
        that was not worked out.
    """

    digest: str
    settings: Mapping[str, Any]
    looks: tuple[float, ...]
    size: int
    evaluation: Evaluation
    least: float | None = None

    def words(self) -> str:
        """Say its settings."""
        return ", ".join(f"{k} = {shown(v, 40)}" for k, v in self.settings.items()) or AS_WRITTEN


@dataclass(frozen=True)
class Optimum:
    """What a search found.

    Attributes
    ----------
    space, region, how
        What was free, the null region, and how candidates were judged, in words.
    written
        The design as written, by the same measures.
    rows
        All candidates, in the order in which they were judged.
    front, shown
        Those than which no other is better in both ways, and a few of them, spread over all.
    best
        The design found; nothing where no candidate holds what is wanted.
    found
        It, with its thresholds.
    bound, no_bound
        What any design with its looks can come to, or why that is not told.
    why_none
        Why no candidate holds what is wanted, a line a reason; empty where one does.
    """

    design: Design
    wanted: Wanted
    space: str
    region: str
    how: str
    seed: int
    written: Row
    rows: tuple[Row, ...]
    front: tuple[Row, ...]
    shown: tuple[Row, ...]
    best: Row | None
    found: Design | None
    confirmed: Confirmed | None
    bound: float | None
    no_bound: str
    why_none: tuple[str, ...]
    notes: tuple[str, ...] = ()

    FILES: ClassVar[tuple[str, ...]] = (FOUND, TABLE, TEXT, LOG, SEARCH)

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def text(self) -> str:
        """Lay out what was wanted, what was found, and what no design can do better."""
        return "\n".join([*self._asked(), "", *self._table(), "", *self._answer()])

    def _asked(self) -> Iterator[str]:
        wanted = self.wanted
        yield f"minimised: {AIMS[wanted.aim].words}, averaged over {wanted.mixture.words()}"
        yield f"error: at most {wanted.error:g}, over {self.region}"
        for name, least in wanted.power.items():
            yield f"power: at least {least:g} in {name}"
        yield f"free: {self.space}; {len(self.rows)} designs judged ({self.how})"

    def _table(self) -> Iterator[str]:
        own = "" if self.best is None else self.best.digest
        front = [row for row in self.shown if row.digest != own]
        named = [(AS_WRITTEN, self.written)]
        if self.best is not None:
            named.append(("found", self.best))
        named += [(f"front {k}", row) for k, row in enumerate(front, start=1)]
        heads = [
            *self.wanted.aims,
            *(f"power {name}" for name in self.wanted.power),
            "error",
            *(["any design"] if any(row.least is not None for _, row in named) else []),
        ]
        columns = [max(len(head), 16 if self.simulated else 9) for head in heads]
        looks = max(len(_looks(row)) for _, row in named)
        head = "  ".join(h.rjust(w) for h, w in zip(heads, columns, strict=True))
        yield f"{'':<12}{'looks':<{looks}}  {head}"
        for label, row in named:
            cells = [_cell(figure, 2) for figure in row.evaluation.average.values()]
            cells += [_cell(figure, 4) for figure in row.evaluation.success.values()]
            cells += [_cell(row.evaluation.error, 4)]
            cells += ["" if row.least is None else f"{row.least:.2f}"]
            told = "  ".join(c.rjust(w) for c, w in zip(cells, columns, strict=False))
            yield f"{label:<12}{_looks(row):<{looks}}  {told}".rstrip()
        if self.simulated:
            yield (
                "± half of a 95% Monte Carlo interval; these are the trials of the search, on "
                "which the best of many look better than they are"
            )

    def _answer(self) -> Iterator[str]:
        if self.best is None or self.confirmed is None:
            yield "no design that was judged holds what is wanted:"
            yield from (f"  - {reason}" for reason in self.why_none)
            yield from self.notes
            return
        name = AIMS[self.wanted.aim].words
        value = self.best.evaluation.average[self.wanted.aim]
        yield f"this design: {self.best.words()}"
        if self.best.evaluation.thresholds:
            yield f"thresholds calibrated for it: {_named(self.best.evaluation.thresholds)}"
        if self.bound is not None:
            yield (
                f"this design {value.estimate:.2f} {name}; best that any design with these looks "
                f"can do {self.bound:.2f}, by dynamic programming"
            )
        else:
            yield f"this design {_told(value)} {name}; no bound for any design: {self.no_bound}"
        yield from self._confirmed(self.confirmed)
        yield from self.notes

    def _confirmed(self, confirmed: Confirmed) -> Iterator[str]:
        fresh = confirmed.evaluation
        told = [f"{name} {_told(figure, 4)}" for name, figure in fresh.success.items()]
        power = f"power {', '.join(told)}; " if told else ""
        if confirmed.shown is not None:
            yield f"{confirmed.how}: {'; '.join(self._shown(confirmed, confirmed.shown))}"
        others = "exact" if confirmed.shown is None else "on as many others, which chose nothing"
        yield (
            f"{others}: {AIMS[self.wanted.aim].words} "
            f"{_told(fresh.average[self.wanted.aim])}; {power}error {_told(fresh.error, 4)} at "
            f"{fresh.error_at}"
        )
        if confirmed.proof is not None:
            yield from _proven(confirmed.proof)
        elif confirmed.bounded is not None:
            yield _bounded(confirmed.bounded)
        elif confirmed.shown is not None:
            yield (
                "its error was looked at in the null points alone, and what lies between is not "
                "bounded: --certify bounds it before a design is confirmed, and so does "
                "`adaptive-cart worst-case` afterwards"
            )
        if confirmed.passed_over:
            many = (
                "one design" if confirmed.passed_over == 1 else f"{confirmed.passed_over} designs"
            )
            yield f"{many} judged before this one did not hold there"
        if not confirmed.holds:
            yield (
                "not confirmed: this does not show everything that is wanted, so that no "
                "design file is written; search with more --trials or --fresh, or with a smaller "
                "--error"
            )

    def _shown(self, confirmed: Confirmed, shown: Shown) -> Iterator[str]:
        """What fresh trials show, and how sure that is."""
        if confirmed.calibrated:
            yield (
                "thresholds were calibrated anew, on trials of their own, and hold the error as "
                "`calibrate` does"
            )
        if shown.error is not None:
            yield f"error at most {at_most(shown.error, 4)}"
        for name, least in shown.power.items():
            yield f"power in {name} at least {at_least(least, 4)}"
        if shown.error is not None or shown.power:
            yield (
                f"each with {shown.confidence:.1%} confidence, so that with {CONFIDENCE:.0%} none "
                f"of {TRIED} is taken that lacks what is wanted"
            )

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    def table(self) -> str:
        """All designs that were judged, as CSV."""
        keys = list(dict.fromkeys(key for row in self.rows for key in row.settings))
        wanted = self.wanted
        header = (
            "place", "max_n", "looks", *keys, *wanted.aims, *(f"{a}_mcse" for a in wanted.aims),
            *(f"success_{n}" for n in wanted.power), *(f"success_{n}_mcse" for n in wanted.power),
            "error", "error_mcse", "error_at", "meets", "front", "any_design",
        )  # fmt: skip
        places = {row.digest: front for front, row in enumerate(self.front, start=1)}
        least_of = {row.digest: row.least for row in self.shown}
        if self.best is not None:
            least_of[self.best.digest] = self.bound
        rows = []
        for place, row in enumerate([self.written, *self.rows]):
            one, least = row.evaluation, least_of.get(row.digest)
            rows.append(
                [place, row.size, " ".join(f"{at:g}" for at in row.looks),
                 *(shown(row.settings[k], 200) if k in row.settings else "" for k in keys),
                 *(f.estimate for f in one.average.values()),
                 *(f.mcse for f in one.average.values()),
                 *(f.estimate for f in one.success.values()),
                 *(f.mcse for f in one.success.values()),
                 one.error.estimate, one.error.mcse, one.error_at,
                 "yes" if one.meets(wanted) else "no", places.get(row.digest, ""),
                 "" if least is None else least]
            )  # fmt: skip
        return csv_text(header, rows)

    def log(self) -> dict[str, Any]:
        """What was asked and found, as plain tables."""
        wanted, confirmed = self.wanted, self.confirmed
        return {
            "kind": KIND,
            "design": self.design.name,
            "minimised": wanted.aim,
            "mixture": wanted.mixture.words(),
            "error": wanted.error,
            "power": dict(wanted.power),
            "free": self.space,
            "null_region": self.region,
            "judged": self.how,
            "seed": self.seed,
            "candidates": len(self.rows),
            "found": None if self.best is None else dict(self.best.settings),
            "value": None if self.best is None else _value(self.best, wanted.aim),
            "any_design": self.bound,
            "no_bound": self.no_bound,
            "confirmed": None
            if confirmed is None
            else {
                "how": confirmed.how,
                "holds": confirmed.holds,
                **_kept_bounds(confirmed),
                "passed_over": confirmed.passed_over,
            },
            "why_none": list(self.why_none),
        }

    def design_text(self, text: str) -> str:
        """The design file with what was found in it, comments and order kept."""
        assert self.found is not None
        return text_with(text, self.found)

    def write(self, folder: Path, text: str | None = None) -> None:
        """Write the design found, the candidates, the text and the log.

        Parameters
        ----------
        text
            Of the design file; the design as a file if left out.
        """
        owned = OwnedFolder(folder)
        owned.require_free([name for name in self.FILES if (folder / name).exists()])
        owned.sweep()
        owned.write(TABLE, self.table())
        owned.write(TEXT, self.text() + "\n")
        owned.write(LOG, json.dumps(self.log(), indent=1, ensure_ascii=False) + "\n")
        from adaptive_cart.optimising.kept_optimum import kept

        owned.write(SEARCH, kept(self))
        if self.found is not None and self.confirmed is not None and self.confirmed.holds:
            made = self.found.as_toml() if text is None else self.design_text(text)
            owned.write(FOUND, made)
        else:
            owned.remove(FOUND)

    @property
    def simulated(self) -> bool:
        """Whether something of the candidates has a Monte Carlo error."""
        return any(error > 0.0 for error in _errors(self.written))

    @cached_property
    def answered(self) -> bool:
        """Whether a design was found and confirmed."""
        return self.confirmed is not None and self.confirmed.holds

    def figure(self) -> Picture:
        """Draw all candidates that hold the error, and the front of them."""
        from adaptive_cart.optimising.pictures import draw_front

        return draw_front(self)

    def __repr__(self) -> str:
        told = "nothing found" if self.best is None else self.best.words()
        return f"Optimum({AIMS[self.wanted.aim].words}; {told})"


def _proven(proof: Proof) -> Iterator[str]:
    if proof.certificate is not None:
        bound = at_most(proof.certificate, 6)
        yield f"certificate: the error exceeds {bound} nowhere in the region"
        return
    yield f"no certificate of the error: {proof.no_certificate}"
    yield (
        f"at the margin of the claim the error exceeds {at_most(proof.bound, 6)} nowhere; effects "
        f"beyond it are not bounded"
    )


def _bounded(found: Bounded) -> str:
    return (
        f"worst case: with {found.confidence:.0%} confidence the error exceeds "
        f"{at_most(found.bound, 6)} nowhere over {found.over} ({found.tiles:,} truths, "
        f"{found.trials:,} trials each)"
    )


def _kept_bounds(confirmed: Confirmed) -> dict[str, Any]:
    """What is proven, and what fresh trials show, for ``optimum.json``."""
    proof, shown = confirmed.proof, confirmed.shown
    return {
        "certificate": None if proof is None else proof.certificate,
        "at_the_margin": None if proof is None else proof.margin,
        "calibrated": confirmed.calibrated,
        "bounded": None if confirmed.bounded is None else asdict(confirmed.bounded),
        "shown": None if shown is None else asdict(shown),
    }


def _errors(row: Row) -> list[float]:
    """Monte Carlo standard errors of what the table shows of a design, in its order."""
    one = row.evaluation
    return [figure.mcse for figure in (*one.average.values(), *one.success.values(), one.error)]


def _value(row: Row, aim: str) -> float:
    return row.evaluation.average[aim].estimate


def _looks(row: Row) -> str:
    return ", ".join(f"{at:g}" for at in row.looks)


def _named(thresholds: Mapping[str, Any]) -> str:
    return "; ".join(f"{rule} {value}" for rule, value in thresholds.items())


def _cell(figure: Figure, digits: int) -> str:
    """A number with half of its Monte Carlo interval, where it has one."""
    value = f"{figure.estimate:.{digits}f}"
    return value if figure.mcse == 0.0 else f"{value} ±{Z95 * figure.mcse:.{digits}f}"


def _told(figure: Figure, digits: int = 2) -> str:
    """A number with its Monte Carlo interval, where it has one."""
    value = f"{figure.estimate:.{digits}f}"
    if figure.mcse == 0.0:
        return value
    return f"{value} (95% interval {figure.lower:.{digits}f} to {figure.upper:.{digits}f})"
