"""The broker that is a folder: a message is read whole or not at all, and a torn one ends no worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from django.conf import settings
from kombu import Connection
from kombu.exceptions import ChannelError

from slaportal.broker import Channel, Transport
from slaportal.celery import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "queue").mkdir()
    return tmp_path


@pytest.fixture
def channel(folder: Path) -> Iterator[Channel]:
    options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
    }
    with Connection("filesystem://", transport=Transport, transport_options=options) as connection:
        yield connection.channel()


def test_the_settings_choose_it_wherever_the_broker_is_a_folder() -> None:
    if not settings.REDIS_URL:
        assert isinstance(app.connection_for_write().transport, Transport)


def test_a_message_has_its_name_only_once_it_is_written(
    channel: Channel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader at the worst moment: the message is begun, and nothing of it is there."""
    seen: list[Any] = []
    write = Path.write_bytes

    def written_late(path: Path, data: bytes) -> int:
        path.touch()
        try:
            seen.append(channel._get("celery"))
        except Empty:
            seen.append("nothing")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", written_late)
    channel._put("celery", {"body": "tick"})
    assert seen == ["nothing"]
    assert channel._get("celery") == {"body": "tick"}
    assert list((folder / "queue").iterdir()) == []


def test_a_torn_message_is_left_out_and_the_next_one_comes(channel: Channel, folder: Path) -> None:
    (folder / "queue" / "1_a.celery.msg").write_bytes(b"")
    (folder / "queue" / "2_b.celery.msg").write_bytes(b'{"body": "ti')
    channel._put("celery", {"body": "tick"})
    assert channel._get("celery") == {"body": "tick"}
    with pytest.raises(Empty):
        channel._get("celery")


def test_queues_of_an_exchange_are_bound_once_each(channel: Channel) -> None:
    for queue in ("celery", "other", "celery"):
        channel._queue_bind("celery", queue, "", queue)
    assert sorted(row.queue for row in channel.get_table("celery")) == ["celery", "other"]


def test_a_folder_that_takes_no_file_is_said_and_nothing_is_left(channel: Channel, folder: Path) -> None:
    (folder / "queue").rmdir()
    with pytest.raises(ChannelError, match="Cannot write"):
        channel._put("celery", {"body": "tick"})
