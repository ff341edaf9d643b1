"""What a probability is at most at truths that were not simulated, from trials at others, weighed.

Let f(p) be the probability of an event at a truth p: rates by arm and stratum (cell). Trials were
simulated at truths p_1, p_2, …, as many at each, T in all. With x of the n participants responding
of whom a trial was shown the outcome by its end, in every cell, its likelihood at p is

    L(p) = product over cells of p^x (1 − p)^(n − x)

(Wald's identity: however n came about, from what was seen before). So the mean of all T of

    Z = [event] · L(p) / m,     m = the mean of L(p_1), L(p_2), …

is f(p), whatever p is; Z varies little where trials were simulated near p. Of independent numbers
that are not negative E exp(−s Z) ≤ exp(−s E Z + s² E Z² / 2) for s > 0, so that, with doubt d each,

    mean of E Z       ≤ mean of Z + √(2 log(1/d) · mean of E Z² / T)
    √(mean of E Z²)   ≤ √(mean of Z² + M² log(1/d) / 2T) + M √(log(1/d) / 2T)

where Z is at most M. Together they bound f(p) with confidence 95%, at one p (doubts 4.5 and 0.5%).
That is enough: the truth with the largest f of a region is one p. Where the bound is worked out at
*every* p of the region, the largest of all is one of f there, and so of all f, with confidence 95%.

*At every p of a piece.* log L is concave in the rates, so that it lies below its tangent at the
middle of the piece. With the tangent in its place the means of Z and of Z² are convex in p, and
their largest values in a piece lie at its corners. Where rates do not move in straight lines with
what spans the piece, the slopes are taken for as far as they can be off it.

*M.* For any weights w of the truths that were simulated (adding up to 1)

    log(L(p) / m) ≤ Σ w log(w K) + Σ over participants of (log l(p) − Σ w log l(p_k))

with K truths and l the likelihood of one participant, who responds or does not, or is not there:
N times the largest that this can be of one of at most N participants is no less than the sum. Any
w will do, and some that make it small are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.distinct_rows import distinct_rows
from adaptive_cart.nouns.records import Booleans, Floats, Integers

CONFIDENCE = 0.95
DOUBT_OF_SQUARES = 0.005
DOUBT_OF_MEAN = 1.0 - CONFIDENCE - DOUBT_OF_SQUARES
STEPS, FIRST = 50, 8  # towards the data that weigh most, the first of them a quarter of the way
AT_ONCE = 4_000_000  # likelihoods that are worked out together
LEAST = 1e-300  # stands for a rate of 0 in logarithms


def _unheard(done: int) -> None:
    return None


@dataclass(frozen=True)
class Shown:
    """Trials in which something may count, alike ones together.

    Attributes
    ----------
    kinds
        ``(record, kind)`` what may count, as success of a target: whether it happened.
    seen
        ``(record, 2 cells)`` who respond, by cell, then who do not.
    number
        ``(record,)`` of trials.
    """

    kinds: Booleans
    seen: Integers
    number: Integers

    @staticmethod
    def of(kinds: Booleans, seen: Integers, number: Integers) -> Shown:
        """Trials, or records of them, alike ones put together; none in which nothing counts."""
        any_kind = kinds.any(axis=1)
        rows = np.concatenate([kinds[any_kind].astype(np.int64), seen[any_kind]], axis=1)
        distinct, which = distinct_rows(rows)
        many = np.bincount(which, weights=number[any_kind], minlength=len(distinct))
        width = kinds.shape[1]
        told = distinct[:, :width].astype(np.bool_), distinct[:, width:]
        return Shown(*told, many.astype(np.int64))

    @staticmethod
    def together(several: Sequence[Shown]) -> Shown:
        """All trials of several simulations."""
        return Shown.of(
            np.concatenate([one.kinds for one in several]),
            np.concatenate([one.seen for one in several]),
            np.concatenate([one.number for one in several]),
        )

    def counting(self, kinds: Sequence[int]) -> int:
        """How many trials show any of some kinds."""
        return int(self.number[self.kinds[:, list(kinds)].any(axis=1)].sum())


@dataclass(frozen=True)
class Pieces:
    """Pieces of truths, in each of which rates lie near a middle.

    Attributes
    ----------
    middle, low, high
        ``(piece, cell)`` the rates.
    moves
        ``(piece, corner, cell)`` how far the rates of a corner lie from the middle.
    off
        ``(piece, cell)`` how far rates in the piece can be from where its corners lead.
    """

    middle: Floats
    low: Floats
    high: Floats
    moves: Floats
    off: Floats

    @staticmethod
    def points(rates: Floats) -> Pieces:
        """Single truths, ``(truth, cell)``."""
        none = np.zeros_like(rates)
        return Pieces(rates, rates, rates, none[:, None], none)

    def __len__(self) -> int:
        return len(self.middle)

    @property
    def slopes(self) -> Floats:
        """``(piece, corner, 2 cells)`` what a responder, and another, adds to log likelihoods."""
        found = []
        for rates, towards in ((self.middle, 1.0), (1.0 - self.middle, -1.0)):
            held = np.maximum(rates, LEAST)[:, None]
            moved = towards * self.moves + self.off[:, None]
            with np.errstate(over="ignore"):
                found.append(np.log(held) + np.where(moved == 0.0, 0.0, moved / held))
        return np.concatenate(found, axis=2)


class Weighed:
    """Trials at several truths, to be weighed for others.

    Attributes
    ----------
    trials
        Of all truths together.
    """

    def __init__(self, truths: Floats, shown: Shown, trials: int, participants: int) -> None:
        """Work out how likely each record is over all truths.

        Parameters
        ----------
        truths
            ``(truth, cell)`` rates at which trials were simulated, equally many at each.
        trials
            Of all truths together, those in which nothing counts among them.
        participants
            Of a trial, at most.
        """
        self.shown, self.trials, self.participants = shown, trials, participants
        self.logs = _logs(truths)
        self.seen = shown.seen.astype(float)
        self.log_mean = np.concatenate(
            [self._log_mean(part) for part in _parts(self.seen, len(truths))]
        )

    def _log_mean(self, seen: Floats) -> Floats:
        """Logarithm of the mean likelihood of some records over the truths, ``(record,)``."""
        each = seen @ self.logs.T
        most = each.max(axis=1)
        each -= most[:, None]
        return np.asarray(most + np.log(np.exp(each).mean(axis=1)))

    def upper(
        self,
        pieces: Pieces,
        kinds: Sequence[int],
        trials: int | None = None,
        heard: Callable[[int], None] = _unheard,
    ) -> tuple[Floats, Floats]:
        """What the probability of any of some kinds is at most in each piece, ``(piece,)``.

        Parameters
        ----------
        trials
            As if there were so many in all; those there are if left out.
        heard
            Who hears how many pieces have been worked out.

        Returns
        -------
        Upper bounds, with 95% confidence at any one truth; and what they are bounds of, estimated.
        """
        mean, square = self.means(pieces, kinds, heard)
        many = trials or self.trials
        return bound(mean, square / many, self.most(pieces) / many), mean

    def means(
        self, pieces: Pieces, kinds: Sequence[int], heard: Callable[[int], None] = _unheard
    ) -> tuple[Floats, Floats]:
        """The largest means of Z and of Z² in each piece, ``(piece,)`` each."""
        happened = self.shown.kinds[:, list(kinds)].any(axis=1)
        seen, log_mean = self.seen[happened], self.log_mean[happened]
        number = self.shown.number[happened].astype(float)
        slopes = pieces.slopes
        rows = slopes.reshape(-1, slopes.shape[2])
        found, done, corners = [], 0, slopes.shape[1]
        for part in _parts(rows, len(seen)):
            with np.errstate(over="ignore", invalid="ignore"):
                weights = np.exp(part @ seen.T - log_mean)
                found.append(np.stack([weights @ number, (weights * weights) @ number]))
            done += len(part)
            heard(done // corners)
        told = np.concatenate(found, axis=1) / self.trials
        mean, square = told.reshape(2, len(pieces), -1).max(axis=2)
        return mean, square

    def most(self, pieces: Pieces) -> Floats:
        """M: what Z is at most in each piece, ``(piece,)``."""
        low, high = _logs(pieces.low), _logs(pieces.high)
        cells = pieces.middle.shape[1]
        # a responder is likeliest at the highest rate, and who does not respond at the lowest
        own = np.concatenate([high[:, :cells], low[:, cells:]], axis=1)
        parts = _parts(
            np.concatenate([own, pieces.middle, 1.0 - pieces.middle], axis=1), len(self.logs)
        )
        with np.errstate(over="ignore"):
            return np.exp(
                np.concatenate([self._log_most(*np.split(part, 2, axis=1)) for part in parts])
            )

    def _log_most(self, own: Floats, expected: Floats) -> Floats:
        """Logarithm of the least M that is found, ``(piece,)``.

        Z is largest for some data, and M least with the weights that the truths have by these:
        steps lead to them from what the middle leads to expect (Frank and Wolfe 1956).

        Parameters
        ----------
        own
            ``(piece, 2 cells)`` largest log likelihoods of one participant in each piece.
        expected
            ``(piece, 2 cells)`` the rates at its middle, and what they lack of 1.
        """
        rows, found = np.arange(len(own)), np.full(len(own), np.inf)
        data = expected * (2.0 * self.participants / expected.shape[1])
        for step in range(STEPS):
            each = data @ self.logs.T
            weights = np.exp(each - each.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            entropy = (weights * np.log(np.maximum(weights, LEAST))).sum(axis=1)
            gain = own - weights @ self.logs
            at = gain.argmax(axis=1)
            most = np.maximum(gain[rows, at], 0.0)
            found = np.minimum(found, entropy + self.participants * most)
            share = 2.0 / (step + FIRST)
            data = (1.0 - share) * data
            data[rows, at] += share * self.participants * (most > 0.0)
        return np.asarray(found + np.log(len(self.logs)))


def bound(mean: Floats, square: Floats, most: Floats) -> Floats:
    """What a mean of independent numbers that are not negative is at most, with confidence 95%.

    Parameters
    ----------
    mean
        Of the numbers.
    square, most
        The mean of their squares, and the largest that one can be, each divided by how many.
    """
    of_mean, of_squares = np.log(1.0 / DOUBT_OF_MEAN), np.log(1.0 / DOUBT_OF_SQUARES)
    with np.errstate(over="ignore", invalid="ignore"):
        beyond = most * np.sqrt(of_squares / 2.0)
        root = np.sqrt(square + beyond * beyond) + beyond
        found = mean + np.sqrt(2.0 * of_mean) * root
    return np.asarray(np.minimum(np.where(np.isnan(found), 1.0, found), 1.0))


def _logs(rates: Floats) -> Floats:
    """``(truth, 2 cells)`` logarithms of rates, by cell, then of what they lack of 1."""
    both = np.concatenate([rates, 1.0 - rates], axis=1)
    return np.asarray(np.log(np.maximum(both, LEAST)))


def _parts(rows: Floats, width: int) -> list[Floats]:
    """Rows, so many at once as leave room for a number of columns."""
    step = max(AT_ONCE // max(width, 1), 1)
    return [rows[first : first + step] for first in range(0, max(len(rows), 1), step)]
