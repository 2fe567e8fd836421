"""How one setting of a run is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from optimizer.counts import counted
from optimizer.engine import figures

LARGEST_TOLD = 1_000_000  # higher limits come from the storage; people need not know them


class Kind(Enum):
    """What the values are."""

    WHOLE = auto()
    NUMBER = auto()
    SHARE = auto()  # 0 to 1; pages take and show per cent
    SWITCH = auto()
    MODEL = auto()  # the name of a model; "" for none
    MODELS = auto()  # the names of several, at most `high`
    CHOICE = auto()


@dataclass(frozen=True)
class Group:
    """Settings that stand together on the page, under a heading if there is one."""

    heading: str = ""
    help: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What a setting may conflict with: variables in the prompt, whether it has a system text, or a target model that
    gets no system message. `target_model` is its name, "" if that does not matter."""

    variables: tuple[str, ...] = ()
    hears_system: bool = True
    target_model: str = ""
    system_text: bool = False

    @property
    def unheard(self) -> str:
        """Why the prompt's system text cannot be sent, or ""."""
        if self.hears_system or not self.system_text:
            return ""
        return (
            "The target model's chat template drops system messages. Write this into the prompt, or choose another "
            "model."
        )


def no_objection(value: Any, circumstances: Circumstances) -> str:
    """Most settings go with everything."""
    return ""


@dataclass(frozen=True)
class Setting:
    """One setting of a run, for pages, the terminal, programs, the database and the engine.

    Its form field and its column have the same `name`. A value lies from `low` to `high`, or is one of `choices`, which
    have titles. A missing value takes `default`. If that is None, the setting stays open: `by_preset` says what that
    means, or `left_open` does in words. `at_start` settings are stored with the preset's value when a run begins.
    `help` is a clause that follows the option's name. `engine` names a field of the engine's Task or Config, if any.
    `objection` says why a value cannot be used in some circumstances, or "".
    """

    name: str
    kind: Kind
    label: str
    help: str = ""
    group: Group | None = None
    default: Any = None
    choices: Mapping[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    unit: str = ""
    left_open: str = ""
    by_preset: Mapping[str, Any] = field(default_factory=dict)
    at_start: bool = False
    option: str = ""
    engine: str | None = None
    objection: Callable[[Any, Circumstances], str] = no_objection

    @property
    def folded(self) -> bool:
        """Whether the page hides it among the settings. One of no group has a place of its own."""
        return self.group is not None

    @property
    def flag(self) -> str:
        """What it is called in the terminal."""
        return self.option or "--" + self.name.replace("_", "-")

    @property
    def when_empty(self) -> str:
        """What it means to leave it open, in words; "" if it has a default."""
        return "as the preset says" if self.by_preset else self.left_open

    def bounds(self, scale: int = 1) -> str:
        """`1 to 20`, `40 or more`; values are shown multiplied by `scale`."""
        if self.low is None or self.high is None or self.low < 0:
            return ""
        low, high = f"{scale * self.low:,g}", f"{scale * self.high:,g}"
        return f"{low} or more" if self.high > LARGEST_TOLD else f"{low} to {high}"

    def in_words(self, value: Any) -> str:
        """A value as people read it."""
        if value is None or value == "":
            return self.when_empty.capitalize()
        match self.kind:
            case Kind.SWITCH:
                return "Yes" if value else "No"
            case Kind.SHARE:
                return figures.percent(value)
            case Kind.WHOLE | Kind.NUMBER:
                return counted(value, self.unit) if self.unit else f"{value:,}"
            case Kind.CHOICE:
                return self.choices[value]
            case Kind.MODEL:
                return str(value)
            case Kind.MODELS:
                return ", ".join(value) or "None"
