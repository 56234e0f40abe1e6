"""Files that people upload stay in memory, up to a limit, whatever the browser sends."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

#: Bytes that are kept of a file. What follows is counted and dropped, so that a form can say that it is too
#: large: without a handler like this a gigabyte would be written to disk before anybody looks.
MOST_KEPT: Final = 1_048_576


class CappedUpload(FileUploadHandler):
    """Keeps the beginning of each file; its `size` is that of all that was sent."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._kept, self._length = BytesIO(), 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._kept.write(raw_data[: max(0, MOST_KEPT - self._length)])
        self._length += len(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        self._kept.seek(0)
        return InMemoryUploadedFile(
            file=self._kept,
            field_name=self.field_name,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
