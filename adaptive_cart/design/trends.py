"""The table ``time_trend`` of a truth: what drifts with the month of randomisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adaptive_cart.design.scenario_frame import BY, Frame
from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import meant, path_to, read, shown
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.time_trend import TimeTrend

TIME_TREND: Final = "time_trend"  # the key
KEYS: Final = tuple(TimeTrend.model_fields)


def read_trends(
    frame: Frame, where: str, own: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Read the trends of a table, laid over another, by endpoint; tell what is wrong.

    The keys of a trend hold in all arms; what stands under the name of an arm is laid over them.
    """
    found = dict(base)
    for name, value in own.items():
        path = path_to(where, name)
        if name not in frame.endpoints:
            endpoints = one_of(frame.endpoints)
            hint = meant(name, frame.endpoints)
            frame.fault(path, f"no endpoint of this design{hint}; the endpoints are {endpoints}")
        elif not isinstance(value, dict):
            wanted = "a trend is expected: { per_year = 0.15 }, or one for each arm"
            frame.fault(path, f"found {shown(value)}; {wanted}")
        else:
            before = frame.reported
            whole = merged(found.get(name, {}), value)
            _read_trend(frame, path, value, whole)
            if frame.reported == before:
                found[name] = whole
    return found


def _read_trend(frame: Frame, where: str, own: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    """Tell what is wrong with the trend of an endpoint, as it is written and as a whole."""
    arms = [key for key in own if key in frame.arms]
    for key in own:
        if key not in arms and key not in KEYS:
            hint = meant(key, (*KEYS, *frame.arms))
            frame.fault(
                path_to(where, key),
                f"neither a key of a trend nor an arm{hint}; keys are {one_of(KEYS)}; the arms "
                f"are {one_of(frame.arms)}",
            )
    if not own or any(key in KEYS for key in own):
        common = {key: value for key, value in own.items() if key in KEYS}
        _tell(frame, where, _common(whole), common)
    for arm in arms:
        path = path_to(where, arm)
        if isinstance(own[arm], dict):
            _tell(frame, path, _of_arm(whole, arm), own[arm])
        else:
            frame.fault(path, f"found {shown(own[arm])}; a trend is expected: {{ per_year = … }}")


def _tell(frame: Frame, where: str, data: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    faults = read(TimeTrend, data, own).faults
    inside = [fault for fault in faults if fault.steps]
    for fault in inside or faults:
        frame.fault(path_to(where, *fault.steps), fault.message)


def _common(whole: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of all arms alike."""
    return {key: value for key, value in whole.items() if key in KEYS}


def _of_arm(whole: Mapping[str, Any], arm: str) -> dict[str, Any]:
    """The trend of an arm, as plain data; empty where it has none."""
    own = whole.get(arm, {})
    return {**_common(whole), **own}


def trends_of(
    frame: Frame, table: Mapping[str, Any], direct: Mapping[str, Any], report: Any
) -> dict[str, tuple[TimeTrend | None, ...]]:
    """The trends of a scenario by endpoint, one an arm; those that have nothing to move are told.

    Parameters
    ----------
    table
        Of the scenario, laid over ``[truth]``.
    direct
        What is said directly, by endpoint, arm and stratum.
    report
        Tells a problem of an endpoint's trend: its name and the message.
    """
    found = {}
    for name, whole in table.get(TIME_TREND, {}).items():
        endpoint = frame.endpoints.get(name)
        if endpoint is None or not whole:
            continue
        kind = endpoint.direct
        if name not in direct:
            if name not in table:
                report(name, f"a trend moves what is said directly{BY}, as "
                       f"{name} = {{ {', '.join(f'{arm} = …' for arm in frame.arms)} }}; nothing "
                       f"says it; leave the trend out, or say it")  # fmt: skip
            continue
        values = [value for by in direct[name] for value in by]
        moving = {None if kind is None else kind.trend_of(value) for value in values}
        trend = moving.pop()
        if trend is None or moving:
            report(name, f"a trend moves the logit of one probability an arm, the logarithm of one "
                   f"yearly rate or of the hazard of a time, or the mean change of a score{BY}; "
                   f"what is said of '{name}' is none of these: leave the trend out")  # fmt: skip
            continue
        found[name] = tuple(
            trend.model_validate(own) if (own := _of_arm(whole, arm)) else None
            for arm in frame.arms
        )
    return found
