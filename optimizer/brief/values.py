"""The values of a run's settings, as mappings by the name of the setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from optimizer.brief.presets import USUAL
from optimizer.brief.setting import Circumstances, Kind, Setting
from optimizer.brief.settings import SETTINGS

Values = Mapping[str, Any]


class Told(NamedTuple):
    """A setting with its value in words."""

    setting: Setting
    words: str


def completed(given: Values) -> dict[str, Any]:
    """Every setting as a run keeps it. A missing one takes its default, and at the start what its preset says."""
    unknown = given.keys() - {setting.name for setting in SETTINGS}
    if unknown:
        raise TypeError(f"There is no setting {', '.join(sorted(unknown))}.")
    preset = given.get("preset") or USUAL
    return {setting.name: _kept(setting, given.get(setting.name), preset) for setting in SETTINGS}


def _kept(setting: Setting, value: Any, preset: str) -> Any:
    if value not in (None, ""):
        return value
    if setting.at_start:
        return setting.by_preset[preset]
    return value if setting.default is None else setting.default


def in_force(kept: Values) -> dict[str, Any]:
    """The values that apply to a run, by the engine's own names. Those that stay open are left out."""
    found = {}
    for setting in SETTINGS:
        value = kept[setting.name]
        if value is None:
            value = setting.by_preset.get(kept["preset"])
        if setting.engine and value is not None:
            found[setting.engine] = tuple(value) if setting.kind is Kind.MODELS else value
    return found


def objections(kept: Values, circumstances: Circumstances) -> Iterator[tuple[Setting, str]]:
    """Each setting that cannot be used this way, and why."""
    for setting in SETTINGS:
        if why := setting.objection(kept[setting.name], circumstances):
            yield setting, why


def told(kept: Values) -> list[Told]:
    """Every setting with its value, for people."""
    return [Told(setting, setting.in_words(kept[setting.name])) for setting in SETTINGS]
