"""The table ``mixture`` of a truth: parts of the participants who fare otherwise than the rest.

A part is written as a scenario is, ``[truth.mixture.NAME]``: what differs from the truth in its
participants, with the share that belongs to it. It is laid over what the scenario says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from adaptive_cart.design.scenario_frame import BY, Frame
from adaptive_cart.design.truth import Truth, merged
from adaptive_cart.design.validation import path_to, read, shown
from adaptive_cart.nouns.mixture import Mixture, Share

if TYPE_CHECKING:
    from adaptive_cart.design.scenario import Reader

MIXTURE: Final = "mixture"  # the key
SHARE: Final = "share"
ROUNDED: Final = 1e-9  # what shares may exceed one by

Laid = Callable[[str, Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def read_parts(
    frame: Frame,
    where: str,
    own: Mapping[str, Any],
    base: Mapping[str, Any],
    truth: Mapping[str, Any],
    laid: Laid,
) -> dict[str, dict[str, Any]]:
    """Read the parts of a table, laid over those of another; tell what is wrong.

    Parameters
    ----------
    truth
        The table beside them, complete, over which each part is laid.
    laid
        Reads a table laid over another and gives it complete: path, table, what it lies over.
    """
    found = {}
    for name, part in merged(base, own).items():
        inside = name in own
        path = path_to(where if inside else path_to("truth", MIXTURE), name)
        if not isinstance(part, Mapping):
            wanted = "a table is expected: { share = 0.3, ARM.remission.probability = … }"
            frame.fault(path, f"found {shown(part)}; {wanted}")
            continue
        rest = {key: value for key, value in part.items() if key != SHARE}
        before = frame.reported
        _read_share(frame, path, part)
        _beside(frame, path, rest)
        laid(path, rest, truth)
        if not rest and before == frame.reported:
            frame.fault(path, "says nothing that differs; write what these participants have")
        if frame.reported == before:
            found[name] = dict(part)
    return found


def _read_share(frame: Frame, where: str, part: Mapping[str, Any]) -> None:
    if SHARE not in part:
        written = "share = 0.3, or share = [{ from = 0, share = 0.1 }, { from = 12, share = 0.4 }]"
        frame.fault(path_to(where, SHARE), f"missing; write {written}")
        return
    faults = read(Share, {SHARE: part[SHARE]}).faults
    inside = [fault for fault in faults if len(fault.steps) > 1]  # what follows from it is not told
    for fault in inside or faults:
        frame.fault(path_to(where, *fault.steps or (SHARE,)), fault.message)


def _beside(frame: Frame, where: str, rest: Mapping[str, Any]) -> None:
    """Tell what is said of external data, whose participants are in no part."""
    for endpoint in frame.endpoints:
        told, known = rest.get(endpoint), frame.beside(endpoint)
        for name in told if isinstance(told, Mapping) else ():
            if name in known:
                message = "said of all these participants, in the scenario itself; leave it out"
                frame.fault(path_to(where, endpoint, name), message)


def mixture_of(
    reader: Reader, part_of: Callable[[str, Mapping[str, Any]], Truth | None]
) -> Mixture | None:
    """The parts of a scenario; what does not go together is reported.

    Parameters
    ----------
    part_of
        What is true of the participants of a part, by its name and what is written of it.
    """
    written = reader.table.get(MIXTURE) or {}
    if not written:
        return None
    truths = []
    for name, part in written.items():
        truths.append(part_of(name, {k: v for k, v in part.items() if k != SHARE}))
    if None in truths:
        return None
    shares = tuple(Share.model_validate({SHARE: part[SHARE]}) for part in written.values())
    mixture = Mixture(tuple(written), shares, tuple(truths))
    most, month = mixture.total()
    if most > 1.0 + ROUNDED:
        path = reader.where(MIXTURE)
        message = f"the shares of all parts together are {most:.4g} at month {month:.4g}{BY}"
        reader.report(path, f"{message}; they are 1 at most: the others belong to no part")
    return mixture


def unfit(frame: Frame, reader: Reader, truth: Truth) -> None:
    """Report what parts cannot differ in."""
    own = truth.parts[0]
    path = reader.where(MIXTURE)
    for part in truth.parts[1:]:
        if part.infused_arms != own.infused_arms:
            reader.report(
                path_to(path, part.name),
                f"an arm is infused in this part alone{BY}; infusion belongs to the arm",
            )
        if (part.courses is None) != (own.courses is None):
            reader.report(
                path_to(path, part.name),
                f"it has a course and the others have none{BY}; say both in the same way",
            )
        _followed_alike(frame, reader, own, part)
        for name, values in own.direct.items():
            endpoint = frame.endpoints[name]
            if part.direct.get(name) == values or endpoint is None or endpoint.direct is None:
                continue
            if not all(endpoint.direct.drifts(value) for by in values for value in by):
                reader.report(
                    path_to(path, part.name, name),
                    f"parts differ in courses, and in probabilities that are said directly{BY}; "
                    f"what is said of '{name}' is none: leave it out here",
                )


def _followed_alike(frame: Frame, reader: Reader, own: Truth, part: Truth) -> None:
    """Report rates that differ between parts which are followed for other times."""
    for name, endpoint in frame.endpoints.items():
        if endpoint is None or not endpoint.counts_time():
            continue
        rates = [truth.said(name, endpoint.named_in) for truth in (own, part)]
        if rates[0] != rates[1] and own.leaving() != part.leaving():
            reader.report(
                path_to(reader.where(MIXTURE), part.name),
                f"the rate of '{name}' differs in this part, and so does dropout, death or "
                f"crossover{BY}; what its patient-years then weigh is not worked out: leave one of "
                f"the two as it is in the others",
            )
