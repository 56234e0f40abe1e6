"""The supervisor with real processes: they start, die, are restarted, and never outlive it."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from slaportal.embedded import PROJECT
from slaportal.processes import Program, Supervisor

FOREVER = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\n"
    "while True: signal.pause()"
)


def program(name: str, code: str, **options: object) -> Program:
    return Program(name, [sys.executable, "-c", code], **options)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie answers signals too; what the supervisor started it also waits for, so none may be left.
    return True


class Lines(io.StringIO):
    """Output that a test can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def write(self, text: str) -> int:
        with self._changed:
            count = super().write(text)
            self._changed.notify_all()
        return count

    def wait_for(self, text: str, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.getvalue().count(text) >= times, timeout=20), (
                self.getvalue()
            )


@pytest.fixture
def output() -> Lines:
    return Lines()


@pytest.fixture
def supervisor(tmp_path: Path, output: Lines):
    with Supervisor(tmp_path / "log", output=output, grace=5, poll=0.01) as running:
        yield running


def test_output_goes_to_the_log_and_with_a_name_to_the_terminal(
    supervisor: Supervisor, output: Lines
) -> None:
    supervisor.start(program("web", FOREVER, echo=True))
    output.wait_for("web | up\n")
    supervisor.stop()
    assert (supervisor.log_dir / "web.log").read_text() == "up\n"


def test_quiet_programs_write_to_their_log_only(supervisor: Supervisor, output: Lines) -> None:
    supervisor.start(program("beat", "print('a line')", when_it_dies="note"))
    supervisor._running["beat"].process.wait()
    assert supervisor.check()
    assert "a line" not in output.getvalue()
    assert (supervisor.log_dir / "beat.log").read_text() == "a line\n"


def runs(pid: int) -> bool:
    """Whether the process is there and neither dead nor waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_stop_ends_all_and_what_they_started(supervisor: Supervisor, output: Lines) -> None:
    parent = (
        "import subprocess, sys, signal;"
        f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]);"
        "print('child', child.pid, flush=True);"
        "signal.pause()"
    )
    pid = supervisor.start(program("web", FOREVER))
    supervisor.start(program("worker", parent, echo=True))
    output.wait_for("worker | up")
    child = int(output.getvalue().split("child ")[1].split()[0])
    supervisor.stop()
    assert not alive(pid)
    # The orphan went to init, which reaps it when it comes to it; a kill takes a moment to arrive.
    deadline = time.monotonic() + 20
    while runs(child):
        assert time.monotonic() < deadline, "the child of a stopped program still runs"


def test_one_that_ignores_the_request_is_killed(tmp_path: Path, output: Lines) -> None:
    with Supervisor(tmp_path, output=output, grace=0.2) as supervisor:
        pid = supervisor.start(program("deaf", STUBBORN, echo=True))
        output.wait_for("deaf | up")
    assert not alive(pid)
    assert "deaf did not stop in 0.2 s and is killed." in output.getvalue()


def test_a_dead_worker_is_named_and_started_again(supervisor: Supervisor, output: Lines) -> None:
    first = supervisor.start(program("worker", FOREVER, when_it_dies="restart"))
    os.kill(first, signal.SIGKILL)
    supervisor._running["worker"].process.wait()
    assert supervisor.check()
    assert "worker died (signal SIGKILL) and is started again" in output.getvalue()
    assert supervisor.is_running("worker")
    assert supervisor._running["worker"].process.pid != first


def test_one_that_dies_again_and_again_ends_everything(supervisor: Supervisor, output: Lines) -> None:
    supervisor.start(program("web", FOREVER))
    supervisor.start(program("worker", "raise SystemExit(3)", when_it_dies="restart"))
    assert supervisor.run() == 1
    assert output.getvalue().count("is started again") == 5
    assert "worker died (exit code 3); stopping everything" in output.getvalue()
    assert not supervisor.is_running("web")


def test_a_dead_web_server_ends_everything(supervisor: Supervisor, output: Lines) -> None:
    supervisor.start(program("worker", FOREVER, when_it_dies="restart"))
    supervisor.start(program("web", "raise SystemExit(1)"))
    assert supervisor.run() == 1
    assert "web died (exit code 1); stopping everything" in output.getvalue()
    assert not supervisor.is_running("worker")


def test_the_end_of_the_traffic_is_only_noted(supervisor: Supervisor, output: Lines) -> None:
    supervisor.start(program("web", FOREVER))
    supervisor.start(program("traffic", "pass", when_it_dies="note"))
    supervisor._running["traffic"].process.wait()
    assert supervisor.check()
    assert "traffic ended (exit code 0)." in output.getvalue()
    assert supervisor.is_running("web")


def test_a_name_is_used_once(supervisor: Supervisor) -> None:
    supervisor.start(program("web", FOREVER))
    with pytest.raises(ValueError, match="web runs already"):
        supervisor.start(program("web", FOREVER))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    script = textwrap.dedent(
        f"""
        import pathlib, sys
        from slaportal.processes import Program, Supervisor
        with Supervisor(pathlib.Path({str(tmp_path)!r})) as supervisor:
            web = Program("web", [sys.executable, "-c", {FOREVER!r}], echo=True)
            supervisor.say(f"pid {{supervisor.start(web)}}")
            sys.exit(supervisor.run())
        """
    )
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    try:
        # The two lines come from two threads, in either order.
        lines = [running.stdout.readline(), running.stdout.readline()]
        (pid,) = [int(line.split()[1]) for line in lines if line.startswith("pid ")]
        assert any(line.endswith("web | up\n") for line in lines)
        running.send_signal(number)
        assert running.wait(timeout=20) == 0
        assert not alive(pid)
    finally:
        running.kill()
        running.wait()
