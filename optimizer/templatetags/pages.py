"""How numbers and times read on pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from optimizer import amounts, topics
from optimizer.counts import counted
from optimizer.engine import figures, guards, variables
from optimizer.engine.verdicts import Verdict
from optimizer.models import OptimizationSession, Preference, Theme
from optimizer.services.accounts import sign_up_is_open

register = template.Library()

register.filter("session_topic", topics.session)
register.filter("opinion_topic", topics.opinion)
register.filter("template_topic", topics.template)
register.simple_tag(lambda: topics.TEMPLATES, name="templates_topic")
register.simple_tag(lambda: topics.HISTORY, name="history_topic")
register.simple_tag(lambda: topics.RECENT, name="recent_topic")

LONG_CHARACTERS, LONG_LINES = 1_500, 24
WEEK = timedelta(days=7)  # older times are told by their date

OPERATORS = {
    "original": "the original, as you wrote it",
    "mutate": "rewritten in another style",
    "critique and synthesize": "rewritten after a critique",
    "deletion": "a part left out",
    "earlier result": "found by an earlier optimization",
    "contrast": "a rule added from a right and a wrong answer",
    "own verified outputs": "its own right answers as examples",
    "turns or text": "examples moved between chat turns and text",
    "order of examples": "examples in another order",
    "examples by contribution": "the examples that helped most",
    "merge": "two candidates merged",
}


@register.filter
def percent(score: float | str | None) -> str:
    """`0.714` reads `71 %`."""
    return "" if score is None else figures.percent(float(score))


@register.filter
def points(difference: float | None) -> str:
    """A difference of scores with its unit: `+25 points`."""
    return "" if difference is None else figures.points(difference)


@register.filter(name="counted")
def count_of(number: float, noun: str) -> str:
    """`3` with "row" reads `3 rows`."""
    return counted(number, noun)


@register.filter
def hundredths(score: float | None) -> str:
    """A score up to 100 as the whole number that `percent` shows: `71`."""
    return "" if score is None else str(figures.whole(score / 100))


@register.filter
def in_words(verdict: str) -> str:
    """`not_proven` reads `Not proven`."""
    return Verdict(verdict).words if verdict else ""


@register.simple_tag
def gained(session: OptimizationSession) -> str:
    """Both scores on held-out rows, told apart: `40 % → 75 %`."""
    if session.baseline_score is None or session.best_score is None:
        return ""
    told = figures.pair(session.baseline_score, session.best_score)
    return f"{told.before} → {told.after}"


@register.filter
def in_braces(name: str) -> str:
    """How a variable is written in a prompt."""
    return variables.in_braces(name)


@register.filter
def clock(span: timedelta | float | None) -> str:
    """`75` seconds read `1 min 15 s`."""
    if span is None:
        return ""
    seconds = round(span.total_seconds() if isinstance(span, timedelta) else span)
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02} s"


@register.filter
def rough(amount: float | Sequence[float]) -> str:
    """An estimated amount, in numbers with two significant digits."""
    return amounts.rough_range(amounts.range_of(amount))


@register.filter
def duration(minutes: float | Sequence[float]) -> str:
    """Estimated minutes, from the least to the most, as people say them."""
    return amounts.duration_range(amounts.range_of(minutes))


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago, with the exact time on hover."""
    if moment is None:
        return ""
    age = timezone.now() - moment
    return format_html(
        '<time{} datetime="{}" title="{}">{}</time>',
        SafeString(" data-day") if age >= WEEK else "",
        moment.isoformat(),
        f"{timezone.localtime(moment):%-d %b %Y, %H:%M %Z}",
        _spoken(age, moment),
    )


def _spoken(age: timedelta, moment: datetime) -> str:
    seconds = age.total_seconds()
    week = WEEK.total_seconds()
    for limit, unit, name in [(60, 1, ""), (3600, 60, "min"), (86400, 3600, "h"), (week, 86400, "d")]:
        if seconds < limit:
            return f"{seconds / unit:.0f} {name} ago" if name else "just now"
    return f"{timezone.localtime(moment):%-d %b %Y}"


@register.filter
def marked(score: float) -> str:
    """The mark of one graded answer, not by colour alone."""
    return "✓" if score >= 0.999 else "✗" if score <= 0.001 else figures.percent(score)


@register.filter
def of(verdicts: Mapping[int, bool] | None, output: int) -> bool | None:
    """What the reader said about that output; None if nothing, or if the reader is not known."""
    return (verdicts or {}).get(output)


@register.filter
def cell(cells: Mapping[str, str], column: str) -> str:
    """The text in a row's column; "" if it has none."""
    return cells.get(column, "")


@register.filter
def undo(message: Message) -> dict[str, str] | None:
    """Which row the message's Undo brings back: its kind and number; None for other messages."""
    match message.extra_tags.split() if message.extra_tags else []:
        case ["undo", kind, pk]:
            return {"kind": kind, "pk": pk}
    return None


@register.simple_tag(takes_context=True)
def reader(context: Mapping[str, Any]) -> SafeString:
    """What the page's root says of its reader: theme, time zone, and whether single keys do something. A visitor's
    theme is in a cookie."""
    request = context.get("request")
    preference: Preference | None = getattr(request, "preference", None)
    theme = preference.theme if preference else request.COOKIES.get("theme", "") if request else ""
    told = {
        "theme": theme if theme in (Theme.LIGHT, Theme.DARK) else "",
        "time-zone": preference.time_zone if preference and preference.zone else "",
        "shortcuts": "" if preference is None or preference.shortcuts else "off",
        "kept": "account" if preference else "",
    }
    return format_html_join(" ", 'data-{}="{}"', ((name, value) for name, value in told.items() if value))


@register.simple_tag
def sign_up_open() -> bool:
    """Whether a visitor may make an account."""
    return sign_up_is_open()


@register.filter
def operator(name: str) -> str:
    """How a candidate came to be, in words."""
    return OPERATORS.get(name, name.replace("_", " "))


@register.filter
def skipped(reason: str) -> str:
    """Why a proposal was skipped, in words."""
    return guards.in_words(reason)


@register.filter
def as_json(value: object) -> str:
    """As a program takes it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def long(text: str) -> bool:
    """Whether a page shows only a part of it at first."""
    return len(text) > LONG_CHARACTERS or text.count("\n") >= LONG_LINES


@register.filter
def any_long(parts: Iterable[Any]) -> bool:
    """Whether a page shows only a part of any of these texts at first."""
    return any(long(part.before) or long(part.after) for part in parts)


@register.filter
def ended(reason: str) -> str:
    """A reason as a sentence."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
