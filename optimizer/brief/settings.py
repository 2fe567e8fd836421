"""Every setting of a run, in the order in which people meet them."""

from __future__ import annotations

from typing import Any

from optimizer.brief.presets import PRESETS, USUAL
from optimizer.brief.setting import Circumstances, Group, Kind, Setting
from optimizer.engine.task import FEWEST_CALLS
from optimizer.engine.variables import in_braces

MODELS_AND_SEARCH = Group()
LIMITS = Group(
    "When to stop",
    "The search ends at whichever comes first. Room for the final comparison is reserved.",
)
RESULT = Group("Result")
LARGEST = 2**31 - 1
LARGEST_BIG = 2**63 - 1
MOST_OTHER_MODELS = 3
WEEK = 7 * 24 * 60  # minutes


def _system_objection(value: Any, circumstances: Circumstances) -> str:
    if not value:
        return ""
    if circumstances.system_text:
        return "The prompt has a system text of its own, which is the system message. Leave this off."
    if circumstances.variables:
        name = in_braces(circumstances.variables[0])
        return f"The prompt has variables ({name}), so it differs from row to row. Leave this off."
    if not circumstances.hears_system:
        return (
            "The target model's chat template drops system messages. Leave this off, or choose another model."
        )
    return ""


def _part_objection(value: Any, circumstances: Circumstances) -> str:
    if value == "text" or circumstances.system_text:
        return ""
    return "The prompt has no system text. Write one, or choose the text."


def _other_models_objection(value: Any, circumstances: Circumstances) -> str:
    target = circumstances.target_model
    if target and _whole_name(target) in map(_whole_name, value):
        return f"{target} is the target model, which runs the prompts anyway. Leave it out here."
    return ""


def _whole_name(model: str) -> str:
    """With its tag, which may be left out."""
    return model if ":" in model else f"{model}:latest"


SETTINGS = (
    Setting(
        "preset", Kind.CHOICE, "Preset", "how hard to search", default=USUAL,
        choices={name: preset.title for name, preset in PRESETS.items()},
    ),
    Setting(
        "part", Kind.CHOICE, "What the search changes",
        "the part of the prompt that is rewritten; the other part stays as it is",
        default="text", engine="part", objection=_part_objection,
        choices={"text": "The text", "system": "The system text", "both": "Both, one at a time"},
    ),
    Setting(
        "target_model", Kind.MODEL, "Target model", "runs the prompt",
        default="", left_open="the server's default", option="--model", engine="target_model",
    ),
    Setting(
        "optimizer_model", Kind.MODEL, "Optimizer model", "rewrites the prompt",
        group=MODELS_AND_SEARCH, default="", left_open="the same as the target", engine="optimizer_model",
    ),
    Setting(
        "judge_model", Kind.MODEL, "Judge model", "compares outputs if there are no rows, and applies a rubric",
        group=MODELS_AND_SEARCH, default="", left_open="the same as the optimizer", engine="judge_model",
    ),
    Setting(
        "other_models", Kind.MODELS, "Other models", "also run the best prompts at the end; at most three",
        group=MODELS_AND_SEARCH, default=(), high=MOST_OTHER_MODELS, engine="other_models",
        objection=_other_models_objection,
    ),
    Setting(
        "as_system", Kind.SWITCH, "Send the prompt as the system message",
        "the prompt is the system message, and each row the user message",
        group=MODELS_AND_SEARCH, default=False, engine="as_system", objection=_system_objection,
    ),
    Setting(
        "reasoning", Kind.CHOICE, "Reasoning before the answer",
        "whether the prompt may ask the model to reason before it answers, which costs time",
        group=MODELS_AND_SEARCH, default="both", engine="reasoning",
        choices={"both": "Try both ways", "never": "Never", "only": "Always"},
    ),
    Setting(
        "instructions_only", Kind.SWITCH, "Instructions only",
        "the prompt shows no examples, although small models gain most from them",
        group=MODELS_AND_SEARCH, default=False, engine="instructions_only",
    ),
    Setting(
        "iterations", Kind.WHOLE, "Iterations", "each has several rounds",
        group=MODELS_AND_SEARCH, low=1, high=20, at_start=True, engine="iterations",
        by_preset={"quick": 1, "balanced": 3, "thorough": 5},
    ),
    Setting(
        "rounds", Kind.WHOLE, "Rounds in each iteration", "a round rewrites the prompt in a few ways and tests them",
        group=MODELS_AND_SEARCH, low=1, high=20, at_start=True, engine="rounds",
        by_preset={"quick": 2, "balanced": 3, "thorough": 4},
    ),
    Setting(
        "temperature", Kind.NUMBER, "Temperature of rewrites", "low is careful, high is wild; scoring always uses 0",
        group=MODELS_AND_SEARCH, default=0.8, low=0, high=2, engine="temperature",
    ),
    Setting(
        "max_tokens", Kind.WHOLE, "Longest answer, in tokens", "the limit for one answer",
        group=MODELS_AND_SEARCH, default=256, low=1, high=32768, unit="token", engine="answer_tokens",
    ),
    Setting(
        "seed", Kind.WHOLE, "Seed", "the same seed makes the same choices again",
        group=MODELS_AND_SEARCH, default=0, low=-LARGEST_BIG, high=LARGEST_BIG,
    ),
    Setting(
        "max_calls", Kind.WHOLE, "Limit on model calls", "a hard limit for the whole optimization",
        group=LIMITS, low=FEWEST_CALLS, high=LARGEST, engine="max_calls",
        by_preset={"quick": 600, "balanced": 2_000, "thorough": 8_000},
    ),
    Setting(
        "token_budget", Kind.WHOLE, "Limit on tokens",
        "a hard limit for the whole optimization, in and out; a token is a few letters",
        group=LIMITS, low=1_000, high=LARGEST_BIG, left_open="no limit",
        option="--max-total-tokens", engine="max_tokens",
    ),
    Setting(
        "max_minutes", Kind.NUMBER, "Limit on minutes", "a hard limit on the minutes of model work",
        group=LIMITS, low=0.1, high=WEEK, left_open="no limit", engine="max_minutes",
    ),
    Setting(
        "target_score", Kind.SHARE, "Target score", "the search ends once a candidate reaches it on search rows",
        group=LIMITS, low=0.01, high=1, left_open="all rows right", engine="target_score",
    ),
    Setting(
        "patience", Kind.WHOLE, "Patience", "the search ends after this many rounds without a better candidate",
        group=LIMITS, low=1, high=1000, unit="round", engine="patience",
        by_preset={"quick": 2, "balanced": 4, "thorough": 8},
    ),
    Setting(
        "only_proven", Kind.SWITCH, "Keep the original unless something is proven better",
        group=RESULT, default=False, engine="only_proven",
    ),
)  # fmt: skip
MODELS = tuple(setting.name for setting in SETTINGS if setting.kind is Kind.MODEL)  # target, optimizer, judge
