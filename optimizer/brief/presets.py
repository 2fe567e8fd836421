"""Named amounts of search. Each setting declares its own value for each preset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """How people see it, and how many proposals each round of its search makes."""

    title: str
    about: str
    styles: int


USUAL = "balanced"
PRESETS = {
    "quick": Preset("Quick", "A first improvement, with few model calls", styles=2),
    USUAL: Preset("Balanced", "A wider search, for most prompts", styles=3),
    "thorough": Preset("Thorough", "For prompts that run often, when time does not matter", styles=5),
}  # from the smallest to the largest
PRESET_TITLES = [(name, preset.title) for name, preset in PRESETS.items()]
