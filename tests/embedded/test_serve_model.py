"""`manage.py serve_model` as a person in a terminal sees it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command

from promptevolver.embedded.model.weights import bundled_model
from tests.embedded.ollama_server import free_port, served, start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_with_status_0_even_while_it_answers(number: signal.Signals) -> None:
    with served("--parallel", "1", "--ctx", "256") as server:
        body = {"model": "smollm2", "prompt": "Count.", "options": {"num_predict": 100_000}}
        body["format"] = {"type": "array", "items": {"enum": [0, 1]}, "minItems": 100_000}
        with httpx.stream("POST", f"{server.url}/api/generate", json=body, timeout=60) as reply:
            next(reply.iter_lines())
            server.process.send_signal(number)
            assert server.process.wait(timeout=10) == 0
        output, errors = server.process.communicate()
        assert (len(output.splitlines()), errors) == (1, "")


def test_a_taken_port_is_named_with_the_fix() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(taken.getsockname()[1])
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert f"127.0.0.1:{taken.getsockname()[1]}" in errors
        assert "--port" in errors


def test_the_command_says_the_same_of_a_taken_port() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(CommandError, match="Choose another port with --port"),
    ):
        call_command("serve_model", port=taken.getsockname()[1])


@pytest.mark.parametrize("content", [None, b"", b"GGUF", b"not a model at all"])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.gguf"
    if content is not None:
        path.write_bytes(content)
    process = start(free_port(), "--model", str(path))
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, str(path) in errors) == (1, True)


def test_a_model_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    with bundled_model().open("rb") as whole:
        path.write_bytes(whole.read(3_000_000))
    process = start(free_port(), "--model", str(path))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert (
        f"CommandError: llama.cpp cannot run {path}; its own messages above say why." in errors.splitlines()
    )


def test_another_model_is_named_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "My-Model-Q4.gguf").symlink_to(bundled_model())
    with served("--parallel", "1", "--ctx", "256", "--model", str(tmp_path / "My-Model-Q4.gguf")) as server:
        (model,) = httpx.get(f"{server.url}/api/tags").json()["models"]
        assert model["name"] == "my-model-q4:latest"
        body = {"model": "my-model-q4", "prompt": "Hi", "stream": False, "options": {"num_predict": 1}}
        assert httpx.post(f"{server.url}/api/generate", json=body, timeout=60).json()["done"]
