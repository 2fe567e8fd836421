"""Reasoning before the answer: how a prompt asks for it, and where the answer is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from statistics import median
from typing import NamedTuple

from optimizer.engine.languages import clear_language
from optimizer.engine.task import Task
from optimizer.engine.variables import without_variables

LONGEST_ANSWER = (
    200  # characters of the middle expected answer: longer ones are texts, which are not reasoned to
)
FEWEST_TOKENS = 64  # of an answer that has room for reasoning
COLON = r"[:：]"
FENCE = "```"

# By language, a marker and what asks for the reasoning. Each marker ends in a colon.
WORDS = {
    "en": (
        "Answer:",
        "Think step by step first, in a few short sentences. Then write a last line that begins with “{marker}” "
        "and gives nothing but the answer, in the form that is asked for above.",
    ),
    "de": (
        "Antwort:",
        "Denke zuerst Schritt für Schritt nach, in wenigen kurzen Sätzen. Schreibe dann eine letzte Zeile, die mit "
        "„{marker}“ beginnt und nur die Antwort enthält, in der oben verlangten Form.",
    ),
    "fr": (
        "Réponse :",
        "Réfléchis d'abord étape par étape, en quelques phrases courtes. Écris ensuite une dernière ligne qui commence "
        "par « {marker} » et ne contient que la réponse, sous la forme demandée ci-dessus.",
    ),
    "es": (
        "Respuesta:",
        "Primero razona paso a paso, en unas pocas frases cortas. Después escribe una última línea que empiece por "
        "«{marker}» y que contenga solo la respuesta, en la forma que se pide arriba.",
    ),
    "it": (
        "Risposta:",
        "Prima ragiona passo dopo passo, in poche frasi brevi. Poi scrivi un'ultima riga che comincia con «{marker}» "
        "e contiene solo la risposta, nella forma chiesta sopra.",
    ),
    "pt": (
        "Resposta:",
        "Primeiro raciocina passo a passo, em poucas frases curtas. Depois escreve uma última linha que comece por "
        "“{marker}” e contenha apenas a resposta, na forma pedida acima.",
    ),
    "nl": (
        "Antwoord:",
        "Denk eerst stap voor stap na, in een paar korte zinnen. Schrijf daarna een laatste regel die met “{marker}” "
        "begint en alleen het antwoord bevat, in de vorm die hierboven wordt gevraagd.",
    ),
    "zh": (
        "答案：",
        "请先用几句简短的话逐步思考。最后另起一行，以“{marker}”开头，只写答案，形式按上面的要求。",
    ),
    "ja": (
        "答え：",
        "まず、短い文で順を追って考えてください。最後の行は「{marker}」で始め、上で指定された形式で答えだけを書いてください。",
    ),
}
OTHER_MARKERS = (
    "Final answer:",
    "Result:",
    "Conclusion:",
)  # where an expected answer has the usual one in it


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
    """`request` asks for the reasoning, and for a last line that begins with `marker`, behind which the answer stands:
    in one line, or on several where `one_line` is false."""

    request: str
    marker: str
    one_line: bool = True

    def read(self, output: str, *, cut: bool = False) -> Read:
        """What stands before the last marker and behind it.

        Without a marker the whole output is the answer; where it was `cut`, the answer never came.
        """
        found = _last(output, self.marker)
        if found is None:
            return Read(output, None) if cut else Read("", output)
        thought, rest = output[: found[0]], output[found[1] :]
        return Read(_closed(thought), self._answer(rest))

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
            text = next((line for line in text.splitlines() if line.strip()), "")
        return text.strip().strip("*").strip()


def reasoning_for(task: Task) -> Reasoning | None:
    """How this task's prompt asks for reasoning, in its own language; None where reasoning makes no sense: the answers
    are whole texts, or contain every marker that there is."""
    answers = [answer for item in (*task.items, *task.held_out) for answer in item.answers if answer]
    if answers and median(map(len, answers)) > LONGEST_ANSWER:
        return None
    usual, request = WORDS.get(clear_language(without_variables(task.prompt)), WORDS["en"])
    lowered = [answer.casefold() for answer in answers]
    free = (
        marker for marker in (usual, *OTHER_MARKERS) if not any(_bare(marker) in answer for answer in lowered)
    )
    marker = next(free, None)
    if marker is None:
        return None
    return Reasoning(request.format(marker=marker), marker, one_line=not any(map(_has_lines, answers)))


def _bare(marker: str) -> str:
    return marker.rstrip(":： ").casefold() + ":"


def _has_lines(answer: str) -> bool:
    """Whether an answer may well be written on several lines."""
    return "\n" in answer.strip() or answer.lstrip()[:1] in {"{", "["}


def _last(output: str, marker: str) -> tuple[int, int] | None:
    """Where the last marker begins and ends: one at the beginning of a line, in any language, else anywhere."""
    own = [_bare(marker)[:-1]]
    others = [_bare(known)[:-1] for known, _ in WORDS.values()]
    for words, anywhere in ((own, False), (own, True), (others, False)):
        if found := _all(output, tuple(words), anywhere=anywhere):
            return found[-1]
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
