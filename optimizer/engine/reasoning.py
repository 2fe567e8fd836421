"""Reasoning before the answer: how a prompt asks for it, and where the answer is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from statistics import median
from typing import NamedTuple

from optimizer.counts import counted
from optimizer.engine.languages import clear_language
from optimizer.engine.task import Config, Task
from optimizer.engine.variables import without_variables

LONGEST_ANSWER = 200  # characters of the median expected answer; longer answers are whole texts
FEWEST_TOKENS = 64  # of an answer that has room for reasoning
COLON = r"[:：]"
FENCE = "```"

# By language, a marker and what asks for the reasoning. Each marker ends in a colon.
WORDS = {
    "en": (
        "Answer:",
        "First write down your reasoning, in at most three short sentences. Then write a last line: “{marker}” and the "
        "answer.",
    ),
    "de": (
        "Antwort:",
        "Schreibe zuerst deine Überlegung auf, in höchstens drei kurzen Sätzen. Schreibe dann eine letzte Zeile: "
        "„{marker}“ und die Antwort.",
    ),
    "fr": (
        "Réponse :",
        "Écris d'abord ton raisonnement, en trois phrases courtes au plus. Écris ensuite une dernière ligne : "
        "« {marker} » et la réponse.",
    ),
    "es": (
        "Respuesta:",
        "Primero escribe tu razonamiento, en tres frases cortas como máximo. Después escribe una última línea: "
        "«{marker}» y la respuesta.",
    ),
    "it": (
        "Risposta:",
        "Prima scrivi il tuo ragionamento, in al massimo tre frasi brevi. Poi scrivi un'ultima riga: «{marker}» e la "
        "risposta.",
    ),
    "pt": (
        "Resposta:",
        "Primeiro escreve o teu raciocínio, em três frases curtas no máximo. Depois escreve uma última linha: "
        "“{marker}” e a resposta.",
    ),
    "nl": (
        "Antwoord:",
        "Schrijf eerst je redenering op, in hoogstens drie korte zinnen. Schrijf daarna een laatste regel: “{marker}” "
        "en het antwoord.",
    ),
    "zh": ("答案：", "请先用最多三句短句写出你的推理。最后另起一行，写“{marker}”和答案。"),
    "ja": (
        "答え：",
        "まず、考え方を短い文三つ以内で書いてください。最後の行に「{marker}」と答えを書いてください。",
    ),
}
OTHER_MARKERS = (
    "Final answer:",
    "Result:",
    "Conclusion:",
)  # if an expected answer contains the usual one


class Kind(StrEnum):
    """What an answer of a candidate looks like."""

    ANSWER_ONLY = "answer_only"
    REASONS_FIRST = "reasons_first"


class Read(NamedTuple):
    """An output in its two parts; `answer` is None where there is none."""

    thought: str
    answer: str | None


@dataclass(frozen=True)
class Reasoning:
    """`request` asks for the reasoning, and for a last line with `marker` and the answer. If `one_line` is false, the
    answer may take several lines."""

    request: str
    marker: str
    one_line: bool = True

    def read(self, output: str, *, cut: bool = False) -> Read:
        """The text before the last marker and after it.

        Without a marker the whole output is the answer; if it was `cut`, there is no answer.
        """
        found = _last(output, self.marker)
        if found is None:
            return Read(output, None) if cut else Read("", output)
        thought, rest = output[: found[0]], output[found[1] :]
        return Read(_closed(thought), self._answer(rest))

    def thought(self, output: str) -> str:
        """What stands before the last marker; the whole output if nothing does."""
        return self.read(output, cut=True).thought.strip() or output.strip()

    def written(self, thought: str, answer: str) -> str:
        """Both parts as an assistant writes them."""
        line = f"{self.marker} {answer}"
        return f"{thought}\n{line}" if thought else line

    def _answer(self, rest: str) -> str:
        """Without what only frames it: bold type, and the end of a code block that began before the marker."""
        text = rest.strip()
        if text.count(FENCE) % 2:
            text = text.rpartition(FENCE)[0].strip() or text.replace(FENCE, "").strip()
        if self.one_line:
            lines = (line.strip() for line in text.splitlines())
            text = next((line for line in lines if line and not line.startswith(FENCE)), "")
            text = text.strip("`")
        return text.strip().strip("*").strip()


def reasoning_for(task: Task) -> Reasoning | None:
    """How this task's prompt asks for reasoning, in its own language; None if reasoning makes no sense there."""
    if _not_reasoned_to(task):
        return None
    answers, marker = _answers(task), _free_marker(task)
    _, request = _words(task)
    return Reasoning(request.format(marker=marker), marker, one_line=not any(map(_has_lines, answers)))


def may_reason(task: Task, config: Config) -> bool:
    """Whether a prompt of this task may ask for reasoning."""
    return config.reasoning != "never" and not why_not(task, config)


def why_not(task: Task, config: Config) -> str:
    """Why no prompt of this task can ask for reasoning, or ""."""
    if task.thinks:
        return "The target model thinks by itself, so the prompt need not ask for reasoning."
    if config.answer_tokens < FEWEST_TOKENS:
        limit = counted(config.answer_tokens, "token")
        return f"An answer of {limit} leaves no room for reasoning. Allow at least {FEWEST_TOKENS}."
    return _not_reasoned_to(task)


def _not_reasoned_to(task: Task) -> str:
    answers = _answers(task)
    if not answers:
        return "Without rows that have answers, the search cannot tell whether reasoning helps."
    if median(map(len, answers)) > LONGEST_ANSWER:
        return "The expected answers are whole texts, and reasoning does not lead to those."
    if not _free_marker(task):
        return "The expected answers contain every word that could mark the answer."
    return ""


def _words(task: Task) -> tuple[str, str]:
    """The marker and the request in the prompt's language, or else in English."""
    return WORDS.get(clear_language(without_variables(task.whole_prompt)), WORDS["en"])


def _free_marker(task: Task) -> str:
    """The first marker that no expected answer contains, or ""."""
    answers = _answers(task)
    return next((one for one in (_words(task)[0], *OTHER_MARKERS) if not _contained(one, answers)), "")


def _answers(task: Task) -> list[str]:
    return [answer for item in (*task.items, *task.held_out) for answer in item.answers if answer]


def _contained(marker: str, answers: Sequence[str]) -> bool:
    return any(_all(answer, [_bare(marker)], anywhere=True) for answer in answers)


def markers(reasoning: Reasoning) -> list[str]:
    """The words that an answer may follow, without colons: its own marker first, then other languages'."""
    return list(dict.fromkeys([_bare(reasoning.marker), *(_bare(marker) for marker, _ in WORDS.values())]))


def _bare(marker: str) -> str:
    """The marker without its colon."""
    return marker.rstrip(":： ")


def _has_lines(answer: str) -> bool:
    """Whether an answer may well be written on several lines."""
    return "\n" in answer.strip() or answer.lstrip()[:1] in {"{", "["}


def _last(output: str, marker: str) -> tuple[int, int] | None:
    """Where the last marker with something behind it begins and ends: one at the beginning of a line, else anywhere,
    else one of another language."""
    own = [_bare(marker)]
    others = [_bare(known) for known, _ in WORDS.values()]
    for words, anywhere in ((own, False), (own, True), (others, False)):
        found = _all(output, words, anywhere=anywhere)
        if found:
            return next((place for place in reversed(found) if output[place[1] :].strip()), found[-1])
    return None


def _all(output: str, words: Sequence[str], *, anywhere: bool) -> list[tuple[int, int]]:
    pattern = _pattern(tuple(words), anywhere)
    return [(found.start("marker"), found.end()) for found in pattern.finditer(output)]


@lru_cache(64)
def _pattern(words: tuple[str, ...], anywhere: bool) -> re.Pattern[str]:
    named = "|".join(map(re.escape, words))
    before = r"(?<!\w)" if anywhere else r"^[^\S\n]*+(?:[*_`#>\-]{1,6}+[^\S\n]*+)?"
    return re.compile(rf"{before}(?P<marker>(?:{named})[*_`]{{0,4}}\s?{COLON})[*_`]{{0,4}}", re.I | re.M)


def _closed(thought: str) -> str:
    """The thought without the beginning of a code block that the marker stood in."""
    text = thought.rstrip().rstrip("*_#>- \n")
    return text.rpartition(FENCE)[0].rstrip() if text.count(FENCE) % 2 else text
