"""Templates in the terminal: in, out, and the starter library."""

from __future__ import annotations

import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from optimizer.models import PromptTemplate, User
from optimizer.services.accounts import administrator
from optimizer.services.template_files import exported

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def admin(db: None) -> User:
    return administrator()


def test_the_whole_library_goes_out_and_comes_in_again(admin: User, user: User, tmp_path: Path) -> None:
    assert "20 templates loaded" in run("load_templates")
    assert "0 templates loaded" in run("load_templates")
    assert "20 templates written" in run("export_templates", str(tmp_path / "out"))
    assert run("import_templates", str(tmp_path / "out"), "--user", user.email).count("(new)") == 20
    mine, theirs = (
        exported(PromptTemplate.objects.in_workspaces([person.personal_workspace.pk]))
        for person in (admin, user)
    )
    assert mine == theirs


def test_json_and_zip(admin: User, tmp_path: Path) -> None:
    run("load_templates")
    run("export_templates", str(tmp_path), "--format", "json")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in tmp_path.glob("*.json"):
            archive.write(path, path.name)
    told = run("import_templates", str(tmp_path / "all.zip"))
    assert told.count("(as it is)") == 20


def test_what_is_there_is_not_overwritten(admin: User, tmp_path: Path) -> None:
    run("load_templates")
    run("export_templates", str(tmp_path))
    with pytest.raises(CommandError, match="--replace"):
        run("export_templates", str(tmp_path))
    run("export_templates", str(tmp_path), "--replace")


def test_a_folder_with_bad_files_brings_the_good_ones(
    admin: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.md").write_text("Say {{word}}.")
    (tmp_path / "README.md").write_text("# Not a template")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "bad.md").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "bomb.md").write_text("---\na: &a [x]\nb: *a\n---\nx")
    (tmp_path / "large.md").write_bytes(b"x" * (6 * 2**20))
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="3 files did not come in"):
        call_command("import_templates", str(tmp_path), stdout=out, stderr=err)
    assert [template.name for template in PromptTemplate.objects.all()] == ["Good"]
    told = err.getvalue()
    assert "bad.md: This is a PNG image" in told
    assert "bomb.md: The front matter has aliases" in told
    assert "large.md: The file has 6 MB" in told


@pytest.mark.parametrize("path", ["nowhere.md", "."])
def test_nothing_there_says_so(admin: User, path: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot be read|holds no \.md"):
        run("import_templates", str(tmp_path / path))
    with pytest.raises(CommandError, match="no user"):
        run("import_templates", str(tmp_path), "--user", "nobody@example.com")
