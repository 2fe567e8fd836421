"""Templates as files: a round trip is exact, and whatever else a file holds is refused with words."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.files import FileFaultError
from optimizer.files.declared import Declared
from optimizer.files.front_matter import LONGEST
from optimizer.files.template_reading import MOST_BYTES, read_templates
from optimizer.files.templates import TemplateText, VersionText, as_json, as_markdown, file_name

MANY = settings(max_examples=60, derandomize=True, deadline=None)
STORABLE = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")
AWKWARD = st.sampled_from(
    ["---", "\n", "  ", "\t", "\r", "{{a}}", ": ", "# x", "- ", "\u2028", "\x85", "\x1b[31m", "👩‍🚀", '"', "'", "|",
     "yes", "null", "010", "\ufeff", "word", "*a", "&a", "!!python/object", "%YAML", "..."]
)  # fmt: skip
TEXTS = (st.lists(AWKWARD | st.text(STORABLE, max_size=8), max_size=8).map("".join)).filter(str.strip)
WORDS = st.text(st.characters(whitelist_categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
LABELS = WORDS.map(str.lower).filter(lambda word: word == word.lower() and len(word.split()) == 1)
VERSIONS = st.builds(VersionText, TEXTS, st.just("") | TEXTS, st.just("") | WORDS)
DECLARED = st.builds(
    Declared,
    name=st.sampled_from(["a", "b_1", "größe"]),
    default=st.just("") | TEXTS,
    help=st.just("") | WORDS,
)
TEMPLATES = st.builds(
    TemplateText,
    name=WORDS,
    versions=st.lists(VERSIONS, min_size=1, max_size=3).map(tuple),
    category=st.just("") | WORDS,
    description=st.just("") | TEXTS,
    tags=st.lists(WORDS, max_size=3, unique=True).map(tuple),
    variables=st.lists(DECLARED, max_size=2, unique_by=lambda one: one.name).map(tuple),
    labels=st.lists(st.tuples(LABELS, st.just(1)), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
)


def read_markdown(text: str, name: str = "a-file.md") -> TemplateText:
    (found,) = read_templates(text.encode(), name)
    return found


def refused(content: str | bytes, name: str = "x.md") -> str:
    with pytest.raises(FileFaultError) as caught:
        read_templates(content.encode() if isinstance(content, str) else content, name)
    return "\n".join(caught.value.messages)


@MANY
@given(TEMPLATES)
def test_markdown_gives_back_what_was_written(template: TemplateText) -> None:
    assert read_markdown(as_markdown(template)) == template


@MANY
@given(st.lists(TEMPLATES, min_size=1, max_size=3))
def test_json_gives_back_what_was_written(templates: list[TemplateText]) -> None:
    assert read_templates(as_json(templates).encode(), "x.json") == templates


@MANY
@given(
    st.binary(max_size=200) | TEXTS.map(str.encode) | TEXTS.map(lambda text: f"---\n{text}\n---\nx".encode())
)
def test_any_file_is_read_or_refused(content: bytes) -> None:
    for name in ("x.md", "x.json"):
        with suppress(FileFaultError):
            assert read_templates(content, name)


def test_a_file_that_somebody_wrote_by_hand() -> None:
    text = """---
title: Reply to a customer
tags: support, tone
model: llama3
variables:
  - name: mood
    kind: choice
    choices: calm, angry
    default: calm
---

Reply to {{message}}. The customer is {{mood}}.
"""
    found = read_markdown(text.replace("\n", "\r\n"))
    assert found.name == "Reply to a customer"
    assert found.tags == ("support", "tone")
    assert found.variables == (Declared("mood", "choice", "calm", "", ("calm", "angry")),)
    assert found.newest.text == "Reply to {{message}}. The customer is {{mood}}."
    assert found.notes == ("“model” is not used.",)


def test_without_front_matter_the_file_names_the_template() -> None:
    found = read_markdown("Say {{word}}.\n", "prompts/say_a-word.md")
    assert (found.name, found.newest.text) == ("Say a word", "Say {{word}}.")


def test_what_is_written_reads_well() -> None:
    template = TemplateText(
        "Summary",
        (VersionText("Old {{text}}.", note="first"), VersionText("New\n{{text}}.", "Be brief.")),
        tags=("a", "b"),
        labels=(("production", 2),),
    )
    assert as_markdown(template) == (
        "---\nname: Summary\ntags:\n- a\n- b\nsystem: Be brief.\nlabels:\n  production: 2\n"
        "versions:\n- text: Old {{text}}.\n  note: first\n---\nNew\n{{text}}.\n"
    )


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nname: [*b, *b]"
XML = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"---\n{BOMB}\n---\nx", "front matter has aliases"),
        (f"---\n{XML}\n---\nx", "front matter is not"),
        ("---\nname: !!python/object/apply:os.system [ls]\n---\nx", "“name” is not a text"),
        ("---\nname: a\nx", "does not end"),
        ("---\nname: a\nname: b\n---\nx", "“name” twice"),
        ("---\n- a\n---\nx", "not a list of names and values"),
        ("---\nname: [a\n---\nx", "line 3"),
        ("---\n" + "[" * 50_000 + "\n---\nx", "nested too deeply"),
        ("---\na: " + "x" * LONGEST + "\n---\nx", "more than 128 KB"),
        ("---\nname: a\n---\n", "There is no text"),
        ("", "The file is empty"),
        (f"---\nname: {'👩' * 500}\n---\nx", "The name has 500 characters; at most 100"),
        ('---\nname: "a\\e[31mb"\n---\nx', r"control character (U+001B)"),
        ("---\nname: a\n---\n" + "x" * 10_001, "Shorten it by 1."),
        ("---\nvariables: [{name: a, kind: spell}]\n---\n{{a}}", "“spell” is not a kind"),
        ("---\nvariables: [{name: a}, {name: a}]\n---\n{{a}}", "declared twice"),
        ("---\nvariables: {a: b}\n---\n{{a}}", "“variables” is not a list"),
        ("---\nlabels: {production: 3}\n---\nx", "points at version 3, and there are 1"),
        ("---\nlabels: {production: two}\n---\nx", "no version's number"),
        ("---\ntags: [[a]]\n---\nx", "“tags” is not a text"),
        (
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 9,
            "a PNG image, whatever its name says. A template is a text",
        ),
        (b"MZ\x00\x01" * 99, "NUL"),
        (b"x" * (MOST_BYTES + 1), "is this the right file"),
    ],
    ids=range(23),
)
def test_what_is_refused_says_why(content: str | bytes, said: str) -> None:
    assert said in refused(content)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "not JSON (line 1"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "holds no templates"),
        ("[]", "holds 0 templates"),
        ('{"name": "a"}', "There is no text"),
        ('{"text": "a"}', "There is no name"),
        ('{"name": "a", "text": {"b": 1}}', "“a”: “text” is not a text"),
        ('{"name": "a", "versions": 3}', "“versions” is not a list"),
        ('{"name": "a\\u0000", "text": "b\\ud800"}', "broken character"),
        (
            json.dumps([{"name": "good", "text": "x"}, {"name": "bad", "text": " "}]),
            "“bad”: There is no text",
        ),
        (json.dumps({"name": "a", "versions": [{"text": "x"}] * 1001}), "at most 1000"),
    ],
)
def test_json_that_is_refused_says_why(value: str, said: str) -> None:
    assert said in refused(value, "x.json")


def test_another_ending_is_refused() -> None:
    assert "Bring .md or .json files" in refused("x", "x.exe")
    assert "Bring .md or .json files" in refused("x", "Makefile")


def test_hostile_front_matter_takes_no_time() -> None:
    started = time.monotonic()
    for front in ("- " * 60_000, "".join(f"a{n}:\n" for n in range(15_000)), "{" * 20_000):
        refused(f"---\n{front}\n---\n")
    assert time.monotonic() - started < 20


def test_a_history_that_is_too_long_for_markdown_says_so() -> None:
    template = TemplateText("a", (VersionText("x" * 9_000),) * 200)
    with pytest.raises(FileFaultError, match="Use JSON"):
        as_markdown(template)
    assert read_templates(as_json([template]).encode(), "x.json") == [template]


def test_file_names_are_plain_and_different() -> None:
    template = TemplateText("../Ärger & <b>Lob</b>\x1b", (VersionText("x"),))
    assert file_name(template) == "ärger-b-lob-b.md"
    assert file_name(template, ["ÄRGER-b-lob-b.md"]) == "ärger-b-lob-b-2.md"
    assert file_name(TemplateText("👩‍🚀", (VersionText("x"),)), ending=".json") == "template.json"


def test_the_example_in_the_docs_is_read_as_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text()
    found = read_markdown(page.partition("```markdown\n")[2].partition("```")[0])
    assert [version.note for version in found.versions] == ["First try", "Shorter"]
    assert found.newest.text == "Write a {{tone}} reply to this message: {{message}}"
    assert found.variables[1] == Declared("tone", "choice", "friendly", "", ("friendly", "formal"))
    assert not found.notes
