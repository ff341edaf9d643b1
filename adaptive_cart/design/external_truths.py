"""What participants of a trial would have had in the place of external data, in a scenario.

It stands beside the arms: ``dfr = { cart = 0.30, registry = 0.10 }``, also where the arms follow a
course and only ``dfr = { registry = 0.10 }`` is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adaptive_cart.design.scenario_frame import BY, SOURCE
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of

if TYPE_CHECKING:
    from adaptive_cart.design.scenario import Reader
    from adaptive_cart.design.scenario_frame import Frame
    from adaptive_cart.endpoints import EndpointBase

SOURCE_WANTED = "the level from which data are drawn anew is expected in each stratum"
WANTED = "what these participants would have had as controls, said as of an arm,"


def apart(table: Mapping[str, Any], frame: Frame) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take what is said of external data out of the tables of endpoints.

    Returns
    -------
    The table without it, and by endpoint a table of it.
    """
    arms, beside = dict(table), {}
    for endpoint in frame.endpoints:
        told = table.get(endpoint)
        if not isinstance(told, Mapping):
            continue
        known = frame.beside(endpoint)
        own = {name: value for name, value in told.items() if name in known}
        rest = {name: value for name, value in told.items() if name not in known}
        if own:
            beside[endpoint] = own
            arms[endpoint] = rest
            if not rest:
                del arms[endpoint]
    return arms, beside


def outside_value(
    frame: Frame, where: str, endpoint: EndpointBase, name: str, value: Any, whole: bool
) -> Any:
    """Read what participants would have had in the place of external data: a number, by stratum.

    Parameters
    ----------
    name
        Of the external data, or of their source.
    whole
        Whether strata have no levels of their own: data that are drawn anew all together.
    """
    level = frame.levels.get(name.removesuffix(SOURCE), endpoint.gives.external_level)
    low, high = level.bounds or endpoint.level_limits
    limits = f"from {low:g} to {high:g}" if math.isfinite(low) and math.isfinite(high) else ""
    limits = limits or (f"from {low:g}" if math.isfinite(low) else "")
    if level.bounds is not None:
        limits = f"above {low:g}, {level.told},"

    def sound(place: str, one: Any) -> bool:
        number = isinstance(one, int | float) and not isinstance(one, bool)
        above = low < one if number and level.bounds is not None else number and low <= one
        if above and math.isfinite(one) and one <= high:
            return True
        wanted = f"a number {limits}".strip()
        by = "" if whole else ", or one by stratum"
        frame.fault(place, f"found {shown(one)}; {wanted} is expected{by}")
        return False

    if isinstance(value, Mapping) and (whole or not frame.strata):
        together = " for all strata together" if frame.strata else ""
        one = f"one number is expected, {level.told or 'a level'}{together}"
        frame.fault(where, f"found {shown(value)}; {one}")
        return None
    if not isinstance(value, Mapping):
        return value if sound(where, value) else None
    for stratum in value:
        if stratum not in frame.strata:
            known = one_of(frame.strata) or "none"
            frame.fault(path_to(where, stratum), f"no stratum of this design; the strata: {known}")
    found = {s: v for s, v in value.items() if s in frame.strata and sound(path_to(where, s), v)}
    return found or None


def external_truths(
    reader: Reader, said: Mapping[str, Any]
) -> dict[tuple[str, str], tuple[float, ...]]:
    """By endpoint and external data: the true value, by stratum; what is missing is reported."""
    frame, found = reader.frame, {}
    strata = frame.strata or ("",)
    for endpoint, names in frame.comparators.items():
        for name in names:
            value = said.get(endpoint, {}).get(name)
            path = path_to(reader.where(endpoint), name)
            if value is None:
                reader.report(
                    path, f"missing{BY}; {WANTED} is expected", path_to("external", name), path
                )
                continue
            by_stratum = value if isinstance(value, Mapping) else dict.fromkeys(strata, value)
            lacking = [stratum for stratum in strata if by_stratum.get(stratum) is None]
            if lacking:
                message = f"missing{BY}; {WANTED} is expected"
                reader.report(path_to(path, lacking[0]), message, path)
                continue
            found[endpoint, name] = tuple(float(by_stratum[stratum]) for stratum in strata)
    return found


def external_sources(
    reader: Reader, said: Mapping[str, Any]
) -> dict[tuple[str, str], tuple[float, ...]]:
    """By endpoint and external data that are drawn anew: the level there, else what was observed.

    By stratum where the data are told so.
    """
    frame, found = reader.frame, {}
    for endpoint, names in frame.comparators.items():
        for name in (*names, *frame.lent.get(endpoint, ())):
            key = f"{name}{SOURCE}"
            value = said.get(endpoint, {}).get(key)
            observed = frame.redrawn.get(name)
            if observed is not None:
                by_stratum = value if isinstance(value, Mapping) else {}
                lacking = [s for s in frame.strata if by_stratum and s not in by_stratum]
                if lacking:
                    path = path_to(reader.where(endpoint), key)
                    reader.report(path_to(path, lacking[0]), f"missing{BY}; {SOURCE_WANTED}", path)
                elif by_stratum:
                    found[endpoint, name] = tuple(float(by_stratum[s]) for s in frame.strata)
                else:
                    one = observed if value is None else (float(value),) * len(observed)
                    found[endpoint, name] = one
            elif value is not None:
                path = path_to(reader.where(endpoint), key)
                where = path_to("external", name)
                why = f"'{name}' stays as observed; write redrawn = true in [{where}] to draw it"
                reader.report(path, why, where)
    return found
