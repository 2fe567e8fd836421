"""A run's settings, declared once: forms, commands, sessions and the engine's configuration derive from them.

Plain Python. A new setting is one declaration in `settings.py`, one field of `OptimizationSession` and its migration.
"""

from optimizer.brief.presets import PRESET_TITLES, PRESETS, USUAL, Preset
from optimizer.brief.setting import Circumstances, Group, Kind, Setting
from optimizer.brief.settings import MODELS, SETTINGS
from optimizer.brief.values import Told, completed, in_force, objections, told

__all__ = [
    "MODELS",
    "PRESETS",
    "PRESET_TITLES",
    "SETTINGS",
    "USUAL",
    "Circumstances",
    "Group",
    "Kind",
    "Preset",
    "Setting",
    "Told",
    "completed",
    "in_force",
    "objections",
    "told",
]
