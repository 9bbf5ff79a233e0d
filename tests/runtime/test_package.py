"""`dev.py package`: what is deployed, that it is the same every time, and that it runs alone."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.local import package, unpacked
from tests.local.package import PackageError, build, prove, shipped
from tests.runtime.test_app import HTTP, QUEUES, TIMERS

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 1_500_000
"""Python source: should it ever be more, something else has come along."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package") / "connector.zip"
    build(target)
    return target


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small app that can be packaged, and is under no version control."""
    root = tmp_path / "checkout"
    for name in ("attendance_timer", "component_http", "schedule_timer", "shared"):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text("")
    for name in ("host.json", "requirements-lock.txt", "requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    (root / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp(func.AuthLevel.ANONYMOUS)\n"
        "@app.route('health')\n"
        "def health(req: func.HttpRequest) -> func.HttpResponse:\n"
        '    return func.HttpResponse(\'{"status": "ok"}\')\n'
        "@app.route('openapi.json')\n"
        "def openapi(req: func.HttpRequest) -> func.HttpResponse:\n"
        "    return func.HttpResponse('{\"paths\": {}}')\n"
    )
    return root


def names_in(target: Path) -> list[str]:
    with zipfile.ZipFile(target) as content:
        return content.namelist()


# -- what is in it -------------------------------------------------------------------------


def test_it_holds_what_ships_and_nothing_else(built: Path) -> None:
    names = names_in(built)
    assert {name.split("/")[0] for name in names} == {
        "attendance_timer",
        "component_http",
        "function_app.py",
        "host.json",
        "requirements-lock.txt",
        "requirements.txt",
        "schedule_timer",
        "shared",
    }
    assert {Path(name).suffix for name in names} == {".py", ".json", ".txt"}
    assert len(set(names)) == len(names)


def test_whatever_a_file_of_it_names_is_in_it(built: Path) -> None:
    """requirements.txt takes versions and hashes from a file beside it."""
    with zipfile.ZipFile(built) as content:
        lines = content.read("requirements.txt").decode().splitlines()
        beside = [line.split()[1] for line in lines if line.startswith(("-c ", "-r "))]
        assert beside
        assert set(beside) <= set(content.namelist())


def test_it_is_small(built: Path) -> None:
    assert 100_000 < built.stat().st_size < MOST_BYTES


def test_settings_secrets_and_what_only_developers_need_stay_here(
    checkout: Path, tmp_path: Path
) -> None:
    for name in (
        "local.settings.json",
        ".env",
        "dev.py",
        "tests/test_it.py",
        "infra/main.bicep",
        "shared/__pycache__/x.cpython-311.pyc",
        "shared/notes.md",
        "shared/.env",
        "component_http/key.pem",
    ):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("secret")
    target = tmp_path / "connector.zip"
    build(target, checkout)
    assert b"secret" not in target.read_bytes()
    assert sorted(shipped(checkout)) == names_in(target)


# -- the same bytes ------------------------------------------------------------------------


def test_the_same_content_makes_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    build(again)
    assert again.read_bytes() == built.read_bytes()


def test_times_rights_and_line_ends_of_a_checkout_do_not_show(
    checkout: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    build(one, checkout)
    for path in checkout.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        path.chmod(0o755)
    build(other, checkout)
    assert one.read_bytes() == other.read_bytes()


def git(root: Path, *arguments: str) -> None:
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not installed")
    subprocess.run([program, "-C", str(root), *arguments], check=True, capture_output=True)


def test_what_git_does_not_know_is_left_out_and_named(checkout: Path, tmp_path: Path) -> None:
    """A commit's package holds the commit's files, whatever else lies about."""
    git(checkout, "init", "--quiet")
    git(checkout, "add", ".")
    (checkout / "shared" / "scratch.py").write_text("x = 1\n")
    target = tmp_path / "connector.zip"
    assert "shared/scratch.py" not in build(target, checkout)
    assert package.left_out(checkout) == ["shared/scratch.py"]


def test_a_part_that_is_missing_is_named(checkout: Path, tmp_path: Path) -> None:
    (checkout / "host.json").unlink()
    with pytest.raises(PackageError, match=r"host\.json"):
        build(tmp_path / "connector.zip", checkout)


# -- that it runs --------------------------------------------------------------------------


def test_unpacked_elsewhere_it_indexes_and_serves(built: Path) -> None:
    """With the runtime's requirements alone, by Microsoft's own runtime."""
    assert package.left_out(ROOT) == [], "git does not know these yet, so they do not ship"
    proof = prove(built)
    assert proof["functions"] == sorted([*HTTP, *QUEUES, *TIMERS])
    assert proof["health"] == {"status": "ok"}
    assert proof["paths"] > 15


def test_an_import_that_only_developers_have_does_not_pass(checkout: Path, tmp_path: Path) -> None:
    (checkout / "shared" / "__init__.py").write_text("import trustme\n")
    target = tmp_path / "connector.zip"
    build(target, checkout)
    with pytest.raises(PackageError, match="trustme is not required at run time"):
        prove(target)


def test_nor_does_another_part_of_a_package_that_is_required(
    checkout: Path, tmp_path: Path
) -> None:
    """`azure` is a name that many distributions share."""
    (checkout / "shared" / "__init__.py").write_text("import azure.storage.queue\n")
    target = tmp_path / "connector.zip"
    build(target, checkout)
    with pytest.raises(PackageError, match=r"azure\.storage"):
        prove(target)


def test_nor_does_a_module_that_stayed_here(checkout: Path, tmp_path: Path) -> None:
    (checkout / "shared" / "late.py").write_text("from tests.build import NOW\n")
    target = tmp_path / "connector.zip"
    build(target, checkout)
    with pytest.raises(PackageError, match=r"tests\.build"):
        prove(target)


def test_what_is_required_is_what_requirements_txt_brings() -> None:
    """Directly and in turn; nothing of the development environment."""
    names = {d.metadata["Name"].lower() for d in unpacked.required(ROOT / "requirements.txt")}
    assert {"requests", "urllib3", "certifi", "cryptography", "azure-core"} <= names
    assert names.isdisjoint({"pytest", "trustme", "uvicorn", "azure-functions-runtime"})


def test_what_azd_sends_is_what_the_package_holds() -> None:
    """It sends the folder without what .funcignore names."""
    lines = (ROOT / ".funcignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith(("#", "!"))]
    command = ["git", "-C", str(ROOT), "ls-files"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this checkout is under no version control")
    tops = {name.partition("/")[0] for name in listed.stdout.splitlines()}
    sent = {top for top in tops if not any(fnmatch(top, pattern) for pattern in patterns)}
    assert sent == set(package.SHIPS)
