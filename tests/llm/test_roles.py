"""Whether a model is told who said what: by a rendered prompt if the server shows it, else by its template."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from optimizer.llm.ollama import OllamaHost
from optimizer.llm.roles import Roles, template_roles
from tests.llm.server import CHATML, FakeOllama, Served, serving

Rendering = Callable[[list[dict[str, str]]], str]

LEGACY = "[INST] {{ if .System }}<<SYS>>{{ .System }}<</SYS>>{{ end }}{{ .Prompt }} [/INST]"
JINJA = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def chatml(messages: list[dict[str, str]]) -> str:
    return "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)


def bare(messages: list[dict[str, str]]) -> str:
    return "".join(m["content"] for m in messages if m["role"] != "system")


def without_system(messages: list[dict[str, str]]) -> str:
    return chatml([m for m in messages if m["role"] != "system"])


def shown_by(render: Rendering | None) -> tuple[Roles | None, FakeOllama]:
    async def roles(address: str) -> Roles | None:
        host = OllamaHost(address)
        try:
            return await host.roles("m", 2048)
        finally:
            await host.close()

    with serving(FakeOllama([Served("m")], render=render)) as fake:
        return asyncio.run(roles(fake.address)), fake


@pytest.mark.parametrize(
    ("render", "roles"),
    [
        (chatml, Roles()),
        (bare, Roles(system=False, turns=False)),
        (without_system, Roles(system=False)),
        (lambda messages: "nothing of it", None),
        (None, None),
    ],
    ids=["chatml", "bare", "without system", "odd", "no rendering"],
)
def test_a_rendered_prompt_tells_what_is_lost(render: Rendering | None, roles: Roles | None) -> None:
    assert shown_by(render)[0] == roles


def test_rendering_loads_the_model_in_the_window_of_the_run_and_writes_hardly_anything() -> None:
    _, fake = shown_by(chatml)
    (body,) = fake.bodies("/api/chat")
    assert body["options"] == {"num_predict": 1, "num_ctx": 2048}
    assert body["stream"] is False


@pytest.mark.parametrize(
    ("shown", "roles"),
    [
        ({"template": CHATML}, Roles()),
        ({"template": JINJA}, Roles()),
        ({"template": LEGACY}, Roles()),
        ({"template": "[INST] {{ .Prompt }} [/INST]"}, Roles(system=False)),
        ({"template": "{{ .System }} {{ .Prompt }}"}, Roles(turns=False)),
        ({"template": "{{ .Prompt }}"}, Roles(system=False, turns=False)),
        ({"template": "{{ .Prompt }}", "renderer": "qwen3-coder"}, Roles()),
        ({"template": "{{ .Prompt }}", "modelfile": "FROM x\nRENDERER qwen3-coder\n"}, Roles()),
        ({"template": ""}, Roles()),
        ({}, Roles()),
    ],
)
def test_a_template_tells_it_too(shown: dict[str, str], roles: Roles) -> None:
    assert template_roles(shown) == roles


def test_newer_servers_take_the_template_within_the_file() -> None:
    shown = {"template": "{{ .Prompt }}", "model_info": {"tokenizer.chat_template": JINJA}}
    assert template_roles(shown, (0, 32, 15)) == Roles()
    assert template_roles(shown, (0, 24, 0)) == Roles(system=False, turns=False)


def test_each_loss_has_its_words() -> None:
    assert Roles().caution("m") == ""
    assert "never sees a system message" in Roles(system=False).caution("m")
    assert "does not mark chat turns: few-shot examples are tried only inside the text" in Roles(
        turns=False
    ).caution("m")
