"""Runs the demo's processes side by side: starts them, shows what they say, stops them all together.

Plain Python, no Django: the processes it starts are the product, this only watches.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal

# A process that dies this often within the window is not restarted again: something is wrong with it.
RESTARTS_ALLOWED = 5
RESTART_WINDOW = 60.0
GRACE = 10.0

WhenItDies = Literal["stop", "restart", "note"]


@dataclasses.dataclass(frozen=True)
class Program:
    """What to run under a name.

    `when_it_dies`: `stop` ends everything (the web server), `restart` starts it again (worker, beat), `note`
    only says so (the traffic generator). `echo` shows its lines on the terminal, with its name in front.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    when_it_dies: WhenItDies = "stop"
    echo: bool = False


class _Running:
    """One started program with the thread that copies its output."""

    def __init__(self, program: Program, log_dir: Path, say: Callable[[str], None]) -> None:
        self.program = program
        self._log: IO[str] = (log_dir / f"{program.name}.log").open("a", encoding="utf-8", errors="replace")
        # A session of its own: Ctrl-C in the terminal must reach only the supervisor, which stops in order.
        self.process = subprocess.Popen(
            list(program.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._copy, args=(say,), daemon=True)
        self._reader.start()

    def _copy(self, say: Callable[[str], None]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._log.write(line)
            self._log.flush()
            if self.program.echo:
                say(f"{self.program.name:>8} | {line.rstrip()}")

    def ask_to_stop(self) -> None:
        # Only the leader: gunicorn and Celery tell their children themselves, and let them finish.
        if self.process.poll() is None:
            self.process.terminate()

    def kill_group(self) -> None:
        """Kill what is left of the program and everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(timeout=2)
        self._log.close()


class Supervisor:
    """Starts programs and keeps them until Ctrl-C, SIGTERM, `stop`, or the end of one that must not end.

    Use it as a context manager in the main thread: from entering to leaving it catches the signals, so that
    one that comes while programs are being started, or a second, impatient Ctrl-C, leaves nothing behind.
    """

    def __init__(
        self, log_dir: Path, *, output: IO[str] | None = None, grace: float = GRACE, poll: float = 0.2
    ) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self.log_dir = log_dir
        self.grace = grace
        self._poll = poll
        self._output = output
        self._running: dict[str, _Running] = {}
        self._restarts: dict[str, list[float]] = {}
        self._stopping = threading.Event()
        self._say_lock = threading.Lock()
        self._previous: dict[int, Any] = {}

    def start(self, program: Program) -> int:
        """Start a program under a name that is not in use; returns its process id."""
        if program.name in self._running:
            raise ValueError(f"{program.name} runs already")
        running = _Running(program, self.log_dir, self.say)
        self._running[program.name] = running
        return running.process.pid

    def is_running(self, name: str) -> bool:
        """Whether the program of this name is alive."""
        running = self._running.get(name)
        return running is not None and running.process.poll() is None

    def request_stop(self) -> None:
        """Make `run` return soon; safe to call from a signal handler and from another thread."""
        self._stopping.set()

    def run(self) -> int:
        """Watch until somebody wants to stop, then stop all. Returns 0, or 1 when a program ended it."""
        code = 0
        try:
            while not self._stopping.wait(self._poll):
                if not self.check():
                    code = 1
                    break
        finally:
            self.stop()
        return code

    def check(self) -> bool:
        """Deal with programs that died since the last call; False when everything must end for one."""
        for name, running in list(self._running.items()):
            code = running.process.poll()
            if code is None:
                continue
            del self._running[name]
            running.kill_group()
            how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
            log = self.log_dir / f"{name}.log"
            match running.program.when_it_dies:
                case "note":
                    self.say(f"{name} ended ({how}).")
                case "restart" if self._may_restart(name):
                    self.say(f"{name} died ({how}) and is started again; see {log}.")
                    self.start(running.program)
                case _:
                    self.say(f"{name} died ({how}); stopping everything. See {log}.")
                    return False
        return True

    def _may_restart(self, name: str) -> bool:
        now = time.monotonic()
        recent = [at for at in self._restarts.get(name, []) if now - at < RESTART_WINDOW]
        self._restarts[name] = [*recent, now]
        return len(recent) < RESTARTS_ALLOWED

    def stop(self) -> None:
        """SIGTERM to all, the last started first, then SIGKILL to what is left after the grace."""
        stopping = [self._running.pop(name) for name in reversed(list(self._running))]
        for running in stopping:
            running.ask_to_stop()
        deadline = time.monotonic() + self.grace
        for running in stopping:
            try:
                running.process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{running.program.name} did not stop in {self.grace:g} s and is killed.")
            running.kill_group()

    def __enter__(self) -> Supervisor:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._previous[number] = signal.signal(number, lambda *_: self.request_stop())
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        while self._previous:
            signal.signal(*self._previous.popitem())

    def say(self, line: str) -> None:
        """Print one whole line; several threads call this."""
        with self._say_lock:
            print(line, file=self._output or sys.stdout, flush=True)
