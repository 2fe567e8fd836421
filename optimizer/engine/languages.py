"""Which language a text is in."""

from __future__ import annotations

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier


def language_of(text: str) -> tuple[str, float]:
    """The likeliest language by its ISO 639 code, and how sure that is (0 to 1)."""
    language, sureness = _identifier().classify(text)
    return str(language), float(sureness)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
