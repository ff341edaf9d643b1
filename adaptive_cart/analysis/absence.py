"""Whether the decision hangs on participants who were last seen before the cut.

They are under follow-up, and what has become of them since is not known. The look is judged with
follow-up ending at their last contact, as times are censored. It is judged once more as if all of
them had been followed to the cut (an outcome left blank being a response, and being none), and as
if those of one arm had been and those of the others had not, since the two arms of a comparison
need not err alike. Where that decides otherwise, nothing is decided until the table says more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from adaptive_cart.analysis.judge import outcome_words, same_decision
from adaptive_cart.analysis.replay import Held, Replay
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.recorded.known import Silence

MOST_ARMS = 4  # with so many at most, arms are told apart
Again = Callable[[Silence], Replay]


def hangs_on_absence(
    replay: Replay, base: Held, again: Again, assumed: bool = False
) -> tuple[str, ...]:
    """Say why the decision hangs on how those last seen before the cut are read.

    Parameters
    ----------
    base
        The look as it was judged, follow-up ending at the last contact.
    again
        Replays the trial with those last seen before the cut read in another way.
    assumed
        Whether it is assumed that those seen within the window have not left.

    Returns
    -------
    Nothing where every reading decides the same.
    """
    trial = replay.trial
    participants, window = trial.participants, trial.window
    unseen = participants.unseen(base.date, window)
    blank = any((unseen & values).any() for values in participants.blank.values())
    for followed in _readings(participants.arm, unseen):
        for respond in (True, False) if blank else (True,):
            silence = Silence(followed, respond)
            changes = _otherwise(replay, base, again, silence)
            if changes:
                return (_says(replay, unseen, silence, changes),)
    near = participants.assumed(base.date, window) if assumed else np.zeros_like(unseen)
    for left in _readings(participants.arm, near):
        changes = _otherwise(replay, base, again, Silence(left=left))
        if changes:
            return (_says_assumed(replay, near, left, changes),)
    return ()


def _otherwise(replay: Replay, base: Held, again: Again, silence: Silence) -> str:
    """What is decided where participants are read in another way; blank where it is the same."""
    try:
        other = again(silence).now
    except InputError as error:
        return str(error)
    if other.look != base.look or other.record.between != base.record.between:
        return outcome_words(other)
    if same_decision(base, other):
        return ""
    return "; ".join(_changes(replay, base, other)) or outcome_words(other)


def _readings(arm: np.ndarray, unseen: Booleans) -> Iterator[frozenset[int]]:
    """Arms whose unseen participants are taken as followed: all, one, all but one."""
    arms = frozenset(int(place) for place in np.unique(arm[unseen]))
    if not arms:
        return
    yield arms
    if not 1 < len(arms) <= MOST_ARMS:
        return
    for place in sorted(arms):
        yield frozenset({place})
    if len(arms) > 2:
        for place in sorted(arms):
            yield arms - {place}


def _says(replay: Replay, unseen: Booleans, silence: Silence, changes: str) -> str:
    trial = replay.trial
    total, each, of = _who(replay, unseen, silence.followed)
    blank = any((unseen & values).any() for values in trial.participants.blank.values())
    new = "nothing new"
    if blank:
        new = (
            f"nothing new and outcomes left blank were {'' if silence.respond else 'no '}responses"
        )
    are = "participants are" if total > 1 else "participant is"
    return (
        f"{total} {are} alive, not known to have withdrawn and last seen before the cut ({each}). "
        f"If those{of} were followed to it with {new}: {changes}. Write in the column "
        "withdrawn_month who has left and when; bring last_contact_month up to date for the "
        f"others; or say with --window MONTHS (now {trial.window:g}) how long before its day a "
        "visit may fall"
    )


def _says_assumed(replay: Replay, near: Booleans, left: frozenset[int], changes: str) -> str:
    total, each, of = _who(replay, near, left)
    were = "participants were" if total > 1 else "participant was"
    return (
        f"{total} {were} last seen within the visit window before the cut ({each}), and it is "
        f"assumed that nobody of them has left. If those{of} had left then: {changes}. Add the "
        "column withdrawn_month, blank for who has not left; or say with --window "
        f"{replay.trial.window:g} that a visit may fall so many months before its day"
    )


def _who(replay: Replay, them: Booleans, arms: frozenset[int]) -> tuple[int, str, str]:
    """How many, how many in each arm, and " of ARMS" where not all of them are meant."""
    names, arm = replay.trial.design.arm_names, replay.trial.participants.arm
    counts = [int((them & (arm == place)).sum()) for place in range(len(names))]
    each = ", ".join(f"{n} in {name}" for name, n in zip(names, counts, strict=True) if n)
    whole = len(arms) == sum(n > 0 for n in counts)
    of = "" if whole else f" of {', '.join(names[place] for place in sorted(arms))}"
    return sum(counts), each, of


def _changes(replay: Replay, base: Held, other: Held) -> Iterator[str]:
    """The rules that turn over, with their numbers in both readings."""
    for rule in replay.trial.plan.rules:
        yield from _turned(replay, rule, base, other)


def _turned(replay: Replay, rule: ResolvedRule, base: Held, other: Held) -> Iterator[str]:
    """The comparisons of a rule that turn over."""
    for part in rule.parts:
        mine = base.record.probabilities.get(part.name)
        theirs = other.record.probabilities.get(part.name)
        if mine is None or theirs is None:
            continue
        for place in range(len(part.targets)):
            pair = np.array([mine[0, place], theirs[0, place]])
            was, now = part.compared(pair, base.record.threshold(part, place))
            if was != now and not np.isnan(pair).any():
                words = part.words(replay.trial.design, place)
                verdict = "holds" if now else "does not hold"
                yield f"{rule.name} {verdict}, {words} being {pair[1]:.4f} and not {pair[0]:.4f}"
