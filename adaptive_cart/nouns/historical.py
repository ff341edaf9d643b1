"""Control arms of earlier trials, which the prior of the next one follows from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Historical:
    """Responders and participants of earlier control arms, one a study.

    Raises
    ------
    ValueError
        If a study has no participants, or more responders than participants.
    """

    studies: tuple[str, ...]
    responders: tuple[float, ...]
    participants: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.studies) == len(self.responders) == len(self.participants) > 0:
            raise ValueError(
                "studies, responders and participants need the same length, at least 1; found "
                f"{len(self.studies)}, {len(self.responders)} and {len(self.participants)}"
            )
        for study, events, n in zip(self.studies, self.responders, self.participants, strict=True):
            if not 0 <= events <= n or n == 0:
                raise ValueError(f"{study}: {events} responders of {n} participants")
