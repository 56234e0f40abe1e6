"""`bin/demo`: a working product on this machine with one command, and Ctrl-C takes all of it away again.

    bin/demo [--port 8000] [--data DIR] [--no-traffic] [--leads N]
    bin/demo --check

Plain Python until the database is there: settings ask for one as soon as they are read.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from slaportal.demo import state
from slaportal.embedded import EmbeddedError, EmbeddedPostgres, default_data_dir
from slaportal.processes import Program, Supervisor

PROJECT = Path(__file__).resolve().parent.parent.parent
MANAGE = [sys.executable, str(PROJECT / "manage.py")]
BIN = Path(sys.executable).parent
CHECK_LEADS = 60
CHECK_DAYS = 14
READY_SECONDS = 60.0


class DemoError(RuntimeError):
    """The demo cannot run; the message is one sentence that says what to do."""


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    options = _options()
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    try:
        with _data_dir(options) as data_dir:
            return _demo(options, data_dir)
    except (DemoError, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/demo", description="Run slaportal with two demo organisations."
    )
    parser.add_argument("--port", type=int, default=8000, help="of the web pages (%(default)s)")
    parser.add_argument("--data", type=Path, help="directory for database, mail files and logs")
    parser.add_argument("--no-traffic", action="store_true", help="no new leads, nobody acts but you")
    parser.add_argument("--leads", type=int, help="in the history of both organisations together")
    parser.add_argument(
        "--check",
        action="store_true",
        help="on a free port, drive two leads through everything, and exit 0 or 1",
    )
    return parser.parse_args()


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _data_dir(options: argparse.Namespace) -> Iterator[Path]:
    """The directory of this run; --check has one of its own, gone afterwards."""
    if options.check and options.data is None:
        path = Path(tempfile.mkdtemp(prefix="slaportal-check-"))
        path.chmod(0o711)  # as root PostgreSQL runs as somebody else, who must pass through
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
    else:
        yield (options.data.expanduser().resolve() if options.data else default_data_dir())


def _demo(options: argparse.Namespace, data_dir: Path) -> int:
    port = _free_port() if options.check else options.port
    if not _is_free(port):
        raise DemoError(f"Port {port} is taken: stop what uses it, or choose another with --port.")
    data_dir.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        environment = _environment(data_dir, port)
        if not os.environ.get("DATABASE_URL"):
            _discard_half_made(data_dir)
            server = EmbeddedPostgres(data_dir, fast=options.check)
            print("Starting PostgreSQL ...", file=sys.stderr)
            environment |= stack.enter_context(server).as_env()
        receiver_port = _free_port()
        environment["WEBHOOK_ALLOW"] = allowed_hosts(os.environ.get("WEBHOOK_ALLOW", ""), receiver_port)
        _run("Migrating ...", [*MANAGE, "migrate", "--noinput", "-v", "0"], environment)
        _seed(options, data_dir, environment)
        supervisor = stack.enter_context(Supervisor(data_dir / "log"))
        for program in _programs(options, data_dir, port, receiver_port, environment):
            supervisor.start(program)
        _wait_until_ready(supervisor, port, data_dir)
        if options.check:
            return _check(supervisor, port, environment)
        _welcome(options, data_dir, port, time.monotonic() - began)
        code = supervisor.run()
        print("Stopping ...", file=sys.stderr)
        return code


def _environment(data_dir: Path, port: int) -> dict[str, str]:
    """What every process of the demo is told."""
    return {
        **os.environ,
        "DEMO": "1",
        "DEBUG": "",
        "SECRET_KEY": _secret_key(data_dir),
        "SLAPORTAL_DATA": str(data_dir),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "SECURE_COOKIES": "",
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }


def allowed_hosts(theirs: str, receiver_port: int) -> str:
    """WEBHOOK_ALLOW of the demo: the hosts that the user allows already, and the demo's own receiver."""
    hosts = [host for each in theirs.split(",") if (host := each.strip())]
    return ",".join([*hosts, f"127.0.0.1:{receiver_port}"])


def _secret_key(data_dir: Path) -> str:
    """Made once for this data, so that sessions and webhook secrets outlive a restart."""
    path = data_dir / "secret_key"
    with (
        contextlib.suppress(FileExistsError),
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle,
    ):
        handle.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _discard_half_made(data_dir: Path) -> None:
    """A seeding that was killed left a database that is neither empty nor complete: begin anew.

    Only one that this command made: it says so by its mark.
    """
    if (data_dir / state.SEEDING).exists() and state.read(data_dir) is None:
        EmbeddedPostgres(data_dir).stop()
        shutil.rmtree(data_dir / "postgres", ignore_errors=True)
        (data_dir / state.SEEDING).unlink(missing_ok=True)


def _run(title: str, command: list[str], environment: Mapping[str, str]) -> None:
    """Run one step; its output is shown only when it fails."""
    if title:
        print(title, file=sys.stderr)
    done = subprocess.run(
        command, env=dict(environment), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise DemoError(f"`{' '.join(command[1:])}` failed:\n{tail}")


def _call(command: list[str], environment: Mapping[str, str]) -> int:
    """Run one step that speaks for itself; its exit code. It is gone before an interrupt goes on from here:
    the database is stopped next."""
    process = subprocess.Popen(command, env=dict(environment), cwd=PROJECT)
    try:
        return process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise


def _seed(options: argparse.Namespace, data_dir: Path, environment: Mapping[str, str]) -> None:
    if state.read(data_dir) is None:
        print("Making two organisations and their past with the real services ...", file=sys.stderr)
    command = [*MANAGE, "demo", "seed"]
    if options.check:
        command += ["--leads", str(options.leads or CHECK_LEADS), "--days", str(CHECK_DAYS), "--drill"]
    elif options.leads is not None:
        command += ["--leads", str(options.leads)]
    if _call(command, environment) != 0:
        raise DemoError("The demo could not be filled, as said above.")


def _programs(
    options: argparse.Namespace,
    data_dir: Path,
    port: int,
    receiver_port: int,
    environment: Mapping[str, str],
) -> Iterator[Program]:
    """Everything that runs side by side. The receiver comes first: it makes the webhook endpoints."""
    common = dict(environment)
    for name in ("queue", "control"):
        (data_dir / "broker" / name).mkdir(parents=True, exist_ok=True)
    celery = [str(BIN / "celery"), "-A", "slaportal.celery"]
    yield Program("receiver", [*MANAGE, "demo", "receiver", "--port", str(receiver_port)], common, "restart")
    yield Program(
        "web",
        [
            str(BIN / "gunicorn"), "--chdir", str(PROJECT), "--bind", f"127.0.0.1:{port}", "--workers", "2",
            "--threads", "4", "--graceful-timeout", "5", "--log-level", "warning",
            "slaportal.wsgi:application",
        ],
        common,
        "stop",
    )  # fmt: skip
    # Threads, not processes: those of a broker in files share a lock, and one that is killed while it holds
    # it leaves the others waiting for good. With Redis each has a pipe of its own.
    yield Program(
        "worker",
        [
            *celery, "--workdir", str(PROJECT), "worker", "--pool", "threads", "--concurrency", "2",
            "--loglevel", "WARNING",
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        ],
        common,
        "restart",
    )  # fmt: skip
    yield Program(
        "beat",
        [
            *celery, "--workdir", str(PROJECT), "beat", "--loglevel", "WARNING",
            "--schedule", str(data_dir / "beat-schedule"), "--pidfile", "",
        ],
        common,
        "restart",
    )  # fmt: skip
    if not (options.no_traffic or options.check):
        url = f"http://127.0.0.1:{port}"
        yield Program("traffic", [*MANAGE, "demo", "traffic", "--url", url], common, "restart")


def _wait_until_ready(supervisor: Supervisor, port: int, data_dir: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if not supervisor.check():
            raise DemoError(f"The web server did not start: see {data_dir / 'log' / 'web.log'}.")
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise DemoError(f"The web server does not answer: see {data_dir / 'log' / 'web.log'}.")


def _check(supervisor: Supervisor, port: int, environment: Mapping[str, str]) -> int:
    command = [*MANAGE, "demo", "check", "--url", f"http://127.0.0.1:{port}"]
    code = _call(command, environment)
    if code != 0:
        for log in sorted(supervisor.log_dir.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-15:]
            print(f"--- {log.name}", *lines, sep="\n", file=sys.stderr)
    return 0 if code == 0 else 1


def _welcome(options: argparse.Namespace, data_dir: Path, port: int, seconds: float) -> None:
    summary = state.read(data_dir)
    if summary is None:
        raise DemoError("The demo's summary is missing: start again with an empty --data directory.")
    print(f"\n  slaportal runs at  http://127.0.0.1:{port}   (ready after {seconds:.0f} s)\n")
    print("  Sign in with one click on that page, or as")
    for login in summary["logins"]:
        print(f"    {login['role']:<14} {login['email']:<32} {login['name']}, {login['organisation']}")
    print(f"  Password of all of them: {summary['password']}\n")
    print(f"  API:  http://127.0.0.1:{port}/api/docs/   key per organisation:")
    for tenant in summary["tenants"]:
        print(f"    {tenant['name']:<14} {tenant['key']}")
    print(f"\n  Mail is written to  {data_dir / 'mail'}")
    print(f"  Webhooks arrive in  {data_dir / state.WEBHOOKS}")
    print(f"  Logs are in         {data_dir / 'log'}")
    if not options.no_traffic:
        print("  New leads come in every few seconds: watch the inbox of the first rep.")
    print("\n  Ctrl-C stops everything. The data stays for the next start.\n", flush=True)


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        # As the web server binds: a port in TIME_WAIT is not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
