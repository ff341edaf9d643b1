"""What looks can count, one row each: what it is called, whom it counts, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LookScale:
    """What looks are planned by.

    Attributes
    ----------
    name
        Its key in ``[looks]``.
    what
        What is counted, after a number.
    due
        Words before and after the number at which a look is due.
    once
        The same of the only look of a trial, with the number in braces.
    gone
        When no more can be added to what is counted; blank where nothing is counted.
    of_participants
        Whether participants are counted, in the order in which they are randomised.
    of_events
        Whether events are counted.
    when_followed
        Whether a participant counts once followed to the month, and not as soon as randomised.
    """

    name: str
    what: str
    due: tuple[str, str]
    once: str
    gone: str = ""
    of_participants: bool = False
    of_events: bool = False
    when_followed: bool = False

    @property
    def of_known(self) -> bool:
        """Whether what is counted is what is known of the primary endpoint."""
        return self.of_events or self.when_followed

    @property
    def by_calendar(self) -> bool:
        """Whether nothing is counted: looks have their months."""
        return not (self.of_participants or self.of_events)


_ALL = (
    LookScale(
        "observed",
        "participants observed",
        ("", " participants have passed the landmark month"),
        "when all {:g} have been observed",
        "everybody randomised has been observed",
        of_participants=True,
        when_followed=True,
    ),
    LookScale(
        "enrolled",
        "participants randomised",
        ("", " participants have been randomised"),
        "when {:g} have been randomised",
        "the last of all is randomised",
        of_participants=True,
    ),
    LookScale(
        "events",
        "events",
        ("", " events of the primary endpoint have been seen"),
        "at {:g} events",
        "the last of all has left follow-up",
        of_events=True,
    ),
    LookScale("months", "months", ("month ", ""), "at month {:g}"),
)
SCALES = {scale.name: scale for scale in _ALL}
NUMBERS = tuple(name for name, scale in SCALES.items() if not scale.by_calendar)
