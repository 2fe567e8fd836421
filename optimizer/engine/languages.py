"""Which language a text is in."""

from __future__ import annotations

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

SURE = 0.9  # from which on a language counts as known
FEWEST_LETTERS = 12


def language_of(text: str) -> tuple[str, float]:
    """The likeliest language by its ISO 639 code, and how sure that is (0 to 1)."""
    language, sureness = _identifier().classify(text)
    return str(language), float(sureness)


def clear_language(text: str) -> str:
    """The language of a text if it is clear, else ""."""
    if sum(character.isalpha() for character in text) < FEWEST_LETTERS:
        return ""
    language, sureness = language_of(text)
    return language if sureness >= SURE else ""


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
