"""When participants arrive, in which stratum, to which arm; and how decisions change that.

Whoever has been randomised stays as he is. When an arm or a stratum closes, or the shares are
renewed, those who arrive after the date are enrolled anew under what is then in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adaptive_cart.design.design import Design
from adaptive_cart.design.first_part import resumed
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.design.randomisation import PermutedBlocks, ResponseAdaptive
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.counters import Labels, narrow
from adaptive_cart.nouns.in_order import number_by, room_for, running_sums
from adaptive_cart.nouns.pace import Pace
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.streams import Latents, Same, padded
from adaptive_cart.nouns.windows import Windows
from adaptive_cart.participants.period_lists import Arriving, PeriodLists
from adaptive_cart.participants.randomisation import (
    drawn_arms,
    next_slots,
    randomisation_list,
)
from adaptive_cart.participants.shares import Shares


def operational_times(latents: Latents, regular: bool, max_n: int) -> Floats:
    """Expected arrivals by the time of each arrival, ``(trial, participant)``.

    Poisson arrivals are a unit-rate process in operational time; regular ones come when their
    expected number is reached.
    """
    width = padded(max_n)
    if regular:
        return np.tile(np.arange(1.0, width + 1.0), (latents.trials, 1))
    gaps = np.subtract(1.0, latents.of("arrival"), out=room_for(latents.trials, width))
    return running_sums(np.log(gaps, out=gaps))


def stratum_labels(u: Floats, shares: tuple[float, ...]) -> Labels:
    """Stratum of every arrival by the shares of enrolment, ``(trial, participant)``."""
    stratum = np.zeros(u.shape, dtype=narrow(len(shares)))
    for edge in np.cumsum(shares)[:-1]:
        stratum += u >= edge
    return stratum


class Enrolment:
    """Arrivals, strata and arms of a block of trials.

    Attributes
    ----------
    arrival
        ``(trial, participant)`` calendar month; infinite past ``max_n``.
    arm, stratum
        ``(trial, participant)``; no stratum where the design has none.
    shares
        As they were last set, under response-adaptive randomisation.
    """

    def __init__(
        self,
        design: Design,
        latents: Latents,
        pace: Pace | None = None,
        follow_up: FollowUp | None = None,
    ) -> None:
        """Enrol everybody under what is in force at the beginning.

        Parameters
        ----------
        pace
            How fast participants come; as the design plans it, if left out.
        follow_up
            Visits and delays, for which a first look waits that a second part waits for.
        """
        self.design = design
        self.latents = latents
        self.pace = design.enrolment.pace if pace is None else pace
        self.max_n = design.enrolment.max_n
        self.strata = len(design.shares)
        regular = design.enrolment.regular
        self._shared = False  # arrays that others look at too, and that a decision may not change
        self._operational = latents.made_once(
            "operational times", (regular, self.max_n),
            lambda: operational_times(latents, regular, self.max_n),
        )  # fmt: skip
        if design.first_part is not None:
            self._operational = resumed(design, self.pace, self._operational, follow_up)
        self.arrival = self._dates()
        self.stratum: Labels | None = None
        if self.strata > 1:
            self.stratum = stratum_labels(latents.of("stratum"), design.shares)
        self._slot: npt.NDArray[np.int32] | None = None
        self._lists: list[RandomisationList] = []
        self.shares: Shares | None = None
        self._closed_at = np.full((latents.trials, len(design.arms)), np.inf)
        # who comes later than so many has the shares in force, drawn up to the first put off
        self._come = np.zeros(latents.trials, dtype=np.int64)
        self._put_off = self._not_followed = self.arrival.shape[1]
        self._periods: PeriodLists | None = None
        rule, lists = design.randomisation.by_shares, design.randomisation.by_lists
        if rule is not None:
            self.shares = Shares.at_start(self.windows)
            self.arm = np.zeros(self.arrival.shape, dtype=narrow(len(design.arms)))
            self._draw(rule, np.arange(latents.trials), np.isfinite(self.arrival))
        elif design.stays is not None:
            everywhere = np.ones((latents.trials, len(design.arms)), dtype=np.bool_)
            self._periods = PeriodLists(design, latents)
            self.arm = np.zeros(self.arrival.shape, dtype=narrow(len(design.arms)))
            self._by_period(np.arange(latents.trials), np.isfinite(self.arrival), everywhere)
        else:
            assert lists is not None
            self._lists = list(self._all_lists(lists))
            self.arm = self._first_arms()

    @classmethod
    def at_start(
        cls, design: Design, latents: Latents, pace: Pace, follow_up: FollowUp | None
    ) -> Enrolment:
        """Enrol everybody, once for all scenarios in which participants come at the same pace."""
        if design.stays is not None:  # lists by period are opened one after the other
            return cls(design, latents, pace, follow_up)
        started = latents.made_once(
            "enrolment", (Same(design), pace, follow_up),
            lambda: cls(design, latents, pace, follow_up)._kept(),
        )  # fmt: skip
        own = copy(started)
        own.latents = latents
        own._shared = True
        return own

    def _kept(self) -> Enrolment:
        """The same without the uniforms, which keep it: two that hold each other are freed late."""
        del self.latents
        return self

    def _no_longer_shared(self) -> None:
        """Let what is changed from now on be of this scenario alone."""
        if self._shared:
            self.arm, self._come = self.arm.copy(), self._come.copy()
            if self.stratum is not None:  # where one closes, fewer come
                self.arrival, self.stratum = self.arrival.copy(), self.stratum.copy()
            self._shared = False

    def _dates(self) -> Floats:
        dates = self.pace.date(self._operational)
        dates[:, self.max_n :] = np.inf
        return dates

    def _all_lists(self, rule: PermutedBlocks) -> Iterator[RandomisationList]:
        """The list of each stratum; of each part of the trial, where it has two."""
        part, everybody = self.design.first_part, range(len(self.design.arms))
        for stratum in range(self.strata):
            if part is None:
                yield self._list(rule, stratum, f"{stratum}", everybody, slice(None))
                continue
            arms, until_then = part.arms(self.design), part.participants
            name = first_list(stratum)
            yield self._list(rule, stratum, name, arms, slice(0, until_then))
            yield self._list(rule, stratum, f"{stratum}", everybody, slice(until_then, None))

    def _list(
        self, rule: PermutedBlocks, stratum: int, name: str, arms: Sequence[int], whose: slice
    ) -> RandomisationList:
        design = self.design
        ratio = tuple(design.allocation[arm] for arm in arms)
        block = rule.block_of(ratio)
        slots = self.latents.participants
        if design.closes_arms:
            # slots of closed arms are skipped: enough for the control and one more arm
            others = [design.allocation[arm] for arm in arms if arm in design.experimental]
            slots = -(-slots * sum(ratio) // (sum(ratio) - sum(others) + min(others)))
            slots += 2 * block
        places = randomisation_list(self.latents, ratio, block, name, slots)
        if len(arms) < len(design.arms):
            places = np.array(arms, dtype=narrow(len(design.arms)))[places]
        label = stratum if self.strata > 1 else None
        return RandomisationList(label, whose, places)

    def _first_arms(self) -> Labels:
        if len(self._lists) == 1:
            return np.ascontiguousarray(self._lists[0].slots[:, : self.latents.participants])
        arm = np.zeros(self.arrival.shape, dtype=narrow(len(self.design.arms)))
        for one in self._lists:
            here = one.members(self.stratum, arm.shape)
            rank = np.maximum(np.cumsum(here, axis=1) - 1, 0)
            arm[here] = np.take_along_axis(one.slots, rank, axis=1)[here]
        return arm

    @property
    def windows(self) -> Windows:
        """When arms open and close as things stand."""
        return self.design.windows(self._closed_at)

    def _draw(self, rule: ResponseAdaptive, rows: Integers, later: Booleans) -> None:
        """Draw the arms of those who come later by the shares in force when they come."""
        assert self.shares is not None
        first = int(np.argmax(later.any(axis=0))) if later.any() else later.shape[1]
        if first == later.shape[1]:  # who came before that in every trial stays as is
            return
        u = self.latents.of("allocation")[rows, first:]
        shares = self.shares.rows(rows)
        drawn = drawn_arms(u, shares.values)
        if self.design.stays is not None:
            arrival = self.arrival[rows, first:]
            for month, values in shares.steps(self.windows.rows(rows), rule):
                after = arrival > until(month)[:, None]
                drawn = np.where(after, drawn_arms(u, values), drawn)
        self.arm[rows, first:] = np.where(later[:, first:], drawn, self.arm[rows, first:])

    @property
    def by_one_set(self) -> bool:
        """Whether all who come after a look have one set of shares until it is renewed."""
        alike = self.stratum is None and self.design.stays is None
        return alike and self.design.randomisation.by_shares is not None

    def _draw_from(self, which: Integers | slice, columns: slice) -> None:
        """Draw the arms of those of some columns who come after their shares were renewed.

        As :meth:`_draw` does, where all of them have one set of shares.
        """
        assert self.shares is not None
        u = self.latents.of("allocation")[which, columns]
        drawn, own = drawn_arms(u, self.shares.values[which]), self.arm[which, columns]
        stays = np.arange(columns.start, columns.stop) < self._come[which, None]
        np.copyto(drawn, own, where=stays)
        self.arm[which, columns] = drawn

    def draw_by(self, date: Floats) -> slice | None:
        """Draw whoever comes by a date, ``(trial,)``, and was put off; which columns are new."""
        first = min(self._put_off, self._not_followed)
        if first == self.arm.shape[1]:
            return None
        columns = slice(first, int(number_by(self.arrival, until(date)).max(initial=0)))
        if columns.start >= columns.stop:
            return None
        if self._put_off < columns.stop:
            self._draw_from(slice(None), slice(self._put_off, columns.stop))
            self._put_off = columns.stop
        self._not_followed = max(self._not_followed, columns.stop)
        return columns

    def followed_up_to(self, column: int) -> None:
        """Say that nobody has been followed yet from this column on."""
        self._not_followed = column

    def _by_period(self, rows: Integers, later: Booleans, open_arms: Booleans) -> None:
        """Randomise by the lists in force when participants come."""
        assert self._periods is not None
        label = np.zeros(later.shape, dtype=np.int8) if self.stratum is None else self.stratum[rows]
        arriving = Arriving(rows, self.arrival[rows], label, later)
        self._periods.randomise(arriving, self.arm, open_arms)

    # ── after a decision ──────────────────────────────────────────────────────────────────
    def renew(
        self,
        rows: Integers,
        date: Floats,
        open_arms: Booleans,
        open_strata: Booleans,
        opened_before: Booleans,
        shares: Shares | None,
        closed_at: Floats | None = None,
        put_off: bool = False,
    ) -> None:
        """Enrol those who arrive after a date under what is now in force.

        Parameters
        ----------
        rows
            Positions of the trials in which something changed.
        date
            ``(trial,)`` of all trials.
        open_arms, open_strata, opened_before
            ``(trial, arm)`` and ``(trial, stratum)`` now, and the strata open before.
        shares
            From now on, under response-adaptive randomisation.
        closed_at
            ``(trial, arm)`` months at which decisions have closed arms, infinite for not.
        put_off
            Whether arms are drawn when it is known that somebody is seen (:meth:`draw_by`), where
            all have one set of shares.
        """
        if len(rows) == 0:
            return
        self._no_longer_shared()
        rule = self.design.randomisation.by_shares
        if self.by_one_set:
            assert shares is not None
            assert self.shares is not None
            self._closed_at = self._closed_at if closed_at is None else closed_at
            self.shares = self.shares.replaced(rows, shares)
            self._come[rows] = number_by(self.arrival, until(date))[rows]
            first = int(self._come[rows].min())
            if put_off:
                self._put_off = min(self._put_off, first)
            else:
                which = slice(None) if len(rows) == len(self._come) else rows
                self._draw_from(which, slice(first, self.arm.shape[1]))
            return
        later = self.arrival[rows] > until(date)[rows, None]
        if self.stratum is not None:
            closed = (opened_before[rows] & ~open_strata[rows]).any(axis=1)
            if closed.any():
                # only where one closes: a trial is the same to the last bit in any company
                self._close_strata(rows[closed], later[closed], date, open_strata, opened_before)
                later = self.arrival[rows] > until(date)[rows, None]
        if closed_at is not None:
            self._closed_at = closed_at
        if self.shares is not None:
            assert shares is not None
            self.shares = self.shares.replaced(rows, shares)
            assert rule is not None
            self._draw(rule, rows, later)
        elif self._periods is not None:
            self._periods.close(self._closed_at)
            self._by_period(rows, later, open_arms[rows])
        else:
            self._take_slots(rows, later, open_arms)

    def _close_strata(
        self,
        rows: Integers,
        later: Booleans,
        date: Floats,
        open_strata: Booleans,
        opened_before: Booleans,
    ) -> None:
        assert self.stratum is not None
        share = np.array(self.design.shares)
        now = np.where(open_strata[rows], share, 0.0)
        if not self.design.enrolment.redistributes:
            before = np.where(opened_before[rows], share, 0.0).sum(axis=1)
            ratio = now.sum(axis=1) / before
            reached = self.pace.expected(date[rows])[:, None]
            times = self._operational[rows]
            with np.errstate(divide="ignore"):  # every stratum closed: nobody comes any more
                slower = reached + (times - reached) / ratio[:, None]
            self._operational = self._operational.copy()  # other scenarios look at the one before
            self._operational[rows] = np.where(later, slower, times)
            self.arrival[rows] = np.where(
                later, self.pace.date(self._operational[rows]), self.arrival[rows]
            )
            self.arrival[:, self.max_n :] = np.inf
        u = self.latents.of("stratum")[rows]
        first = stratum_labels(u, self.design.shares)
        start = np.concatenate([[0.0], np.cumsum(share)[:-1]])
        place = (u - start[first]) / share[first]
        upper = np.cumsum(now, axis=1) / np.maximum(now.sum(axis=1, keepdims=True), 1e-300)
        moved = np.zeros(u.shape, dtype=self.stratum.dtype)
        for edge in range(self.strata - 1):
            moved += place >= upper[:, edge, None]
        last = (self.strata - 1 - np.argmax(now[:, ::-1] > 0.0, axis=1)).astype(moved.dtype)
        moved = np.minimum(moved, last[:, None])
        still = np.take_along_axis(open_strata[rows], first.astype(np.intp), axis=1)
        self.stratum[rows] = np.where(later, np.where(still, first, moved), self.stratum[rows])

    def _take_slots(self, rows: Integers, later: Booleans, open_arms: Booleans) -> None:
        """Give the later arrivals the next slots of their stratum's list, closed arms skipped."""
        if self._slot is None:
            self._slot = self._first_slots()
        for one in self._lists:
            members = one.members(None if self.stratum is None else self.stratum[rows], later.shape)
            here, taken = later & members, ~later & members
            first = np.where(taken, self._slot[rows], -1).max(axis=1) + 1
            order = next_slots(one.slots[rows], first.astype(np.int64), open_arms[rows])
            rank = np.clip(np.cumsum(here, axis=1) - 1, 0, order.shape[1] - 1)
            slot = np.take_along_axis(order, rank, axis=1)
            arm = np.take_along_axis(one.slots[rows], slot, axis=1)
            self._slot[rows] = np.where(here, slot, self._slot[rows])
            self.arm[rows] = np.where(here, arm, self.arm[rows])

    def _first_slots(self) -> npt.NDArray[np.int32]:
        shape = self.arrival.shape
        if len(self._lists) == 1:
            return np.broadcast_to(np.arange(shape[1], dtype=np.int32), shape).copy()
        slot = np.zeros(shape, dtype=np.int32)
        for one in self._lists:
            here = one.members(self.stratum, shape)
            slot[here] = (np.cumsum(here, axis=1, dtype=np.int32) - 1)[here]
        return slot


@dataclass(frozen=True)
class RandomisationList:
    """A list, and who is randomised by it.

    Attributes
    ----------
    stratum
        Position of the stratum; nothing where there are none.
    whose
        Participants, by the order of arrival.
    slots
        ``(trial, slot)`` arms.
    """

    stratum: int | None
    whose: slice
    slots: Labels

    def members(self, stratum: Labels | None, shape: tuple[int, ...]) -> Booleans:
        """Whether each participant is randomised by it, ``(trial, participant)``."""
        found = np.zeros(shape, dtype=np.bool_)
        found[:, self.whose] = True
        if stratum is not None and self.stratum is not None:
            found &= stratum == self.stratum
        return found


def first_list(stratum: int) -> str:
    """Name of a stratum's list in the first part."""
    return f"{stratum}:first"
