"""A setting is declared once: its column, field, option, words and use by the engine agree with the declaration."""

from __future__ import annotations

from dataclasses import fields

import pytest
from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from optimizer.brief import (
    PRESETS,
    SETTINGS,
    Circumstances,
    Kind,
    Setting,
    completed,
    in_force,
    objections,
    told,
)
from optimizer.engine import Config, Task
from optimizer.forms.settings import setting_fields
from optimizer.management.arguments import add_arguments
from optimizer.models import OptimizationSession

NAMES = {setting.name: setting for setting in SETTINGS}
each = pytest.mark.parametrize("setting", SETTINGS, ids=NAMES)


def test_names_flags_and_uses_are_unique() -> None:
    for names in (
        [setting.name for setting in SETTINGS],
        [setting.flag for setting in SETTINGS],
        [setting.engine for setting in SETTINGS if setting.engine],
    ):
        assert len(names) == len(set(names))


@each
def test_a_setting_has_a_column_that_may_be_as_empty_as_it(setting: Setting) -> None:
    column = OptimizationSession._meta.get_field(setting.name)
    stays_open = setting.default is None and not setting.at_start
    assert stays_open == column.null


@each
def test_a_setting_has_an_option(setting: Setting) -> None:
    parser = CommandParser()
    add_arguments(parser)
    (action,) = [action for action in parser._actions if setting.flag in action.option_strings]
    assert action.dest == setting.name
    assert action.default is None
    assert action.help


@each
def test_a_setting_is_used_by_the_engine_or_says_that_it_is_not(setting: Setting) -> None:
    used = {field.name for field in (*fields(Task), *fields(Config))}
    assert setting.engine is None or setting.engine in used
    assert setting.engine or setting.name in {"preset", "seed"}


@each
def test_a_field_takes_the_bounds_and_nothing_beyond(setting: Setting) -> None:
    field = setting_fields()[setting.name]
    assert not field.required
    if setting.low is None or setting.high is None:
        return
    scale = 100 if setting.kind is Kind.SHARE else 1
    for value in (setting.low, setting.high):
        field.clean(str(round(scale * value, 1) if setting.kind is not Kind.WHOLE else int(value)))
    for value in (setting.low - 1, setting.high * 1.5 + 1):
        with pytest.raises(ValidationError):
            field.clean(str(scale * value))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_says_the_same_settings(preset: str) -> None:
    for setting in SETTINGS:
        assert not setting.by_preset or preset in setting.by_preset


def test_what_is_left_out_takes_its_default_or_the_presets_value() -> None:
    kept = completed({"preset": "thorough", "temperature": "", "rounds": 2})
    assert (kept["iterations"], kept["rounds"], kept["temperature"], kept["seed"]) == (5, 2, 0.8, 0)
    assert kept["patience"] is None
    assert in_force(kept)["patience"] == 8


def test_zero_and_no_are_values() -> None:
    kept = completed({"temperature": 0, "seed": 0, "only_proven": False})
    assert (kept["temperature"], kept["seed"], kept["only_proven"]) == (0, 0, False)
    assert in_force(kept)["temperature"] == 0


def test_an_unknown_setting_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="no setting speed"):
        completed({"speed": 9})


def test_values_read_as_people_say_them() -> None:
    given = {
        "max_minutes": 2.5,
        "target_score": 0.95,
        "patience": 3,
        "token_budget": 50_000,
        "only_proven": True,
    }
    words = {setting.name: words for setting, words in told(completed(given))}
    assert words["preset"] == "Balanced"
    assert words["max_minutes"] == "2.5"
    assert words["target_score"] == "95 %"
    assert words["patience"] == "3 rounds"
    assert words["token_budget"] == "50,000"
    assert words["only_proven"] == "Yes"
    assert words["max_calls"] == "As the preset says"
    assert words["target_model"] == "The server's default"


@pytest.mark.parametrize(
    ("circumstances", "why"),
    [
        (Circumstances(), ""),
        (Circumstances(("mail",)), "{{mail}}"),
        (Circumstances(hears_system=False), "drops system messages"),
    ],
)
def test_a_system_message_needs_a_fixed_prompt_and_a_model_that_hears_it(
    circumstances: Circumstances, why: str
) -> None:
    said = [text for _, text in objections(completed({"as_system": True}), circumstances)]
    assert said == [] if not why else why in said[0]
    assert not list(objections(completed({}), circumstances))
