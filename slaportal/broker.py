"""The broker that is a folder, where no Redis is set: kombu's, with messages that appear whole.

kombu writes a message under the name by which it is looked for, and so a reader may take it while it is still
empty; what it cannot parse then ends the worker. Here a file gets its name once it is written.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from fcntl import LOCK_EX, flock
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """A channel whose readers see a file whole or not at all."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        """Put a message into the queue. Raises ChannelError where the folder takes no file."""
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        _write_whole(Path(self.data_folder_out) / name, payload)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The next message that can be read. Raises queue.Empty where there is none.

        One that was cut short, by a full disk or an older version of this, is left out: it was a nudge, and
        the next tick looks at the same rows.
        """
        while True:
            try:
                return super()._get(queue)
            except json.JSONDecodeError:
                log.warning("A message of the queue %s was cut short and is left out.", queue)

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str) -> None:
        """Bind a queue. Whoever reads the exchange meanwhile finds its table of before or of after."""
        file: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]
        self.control_folder.mkdir(exist_ok=True)
        bound = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with (self.control_folder / "binding.lock").open("a") as turn:
            flock(turn, LOCK_EX)
            table = self.get_table(exchange)
            if bound not in table:
                _write_whole(file, [bound, *table])


class Transport(filesystem.Transport):
    """What CELERY_BROKER_TRANSPORT names."""

    Channel = Channel


def _write_whole(file: Path, payload: Any) -> None:
    """Write a file beside its place, under a name that nobody looks for, and move it there."""
    part = file.with_name(f"{file.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(dumps(payload).encode())
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ChannelError(f"Cannot write {file}") from error
