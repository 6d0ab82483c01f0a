"""Files that people send stay in memory until they are sealed: a temporary file would be a record in clear."""

from io import BytesIO

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

# For all files of one request, in bytes; forms ask for less.
MOST = 12 * 1024 * 1024


class InMemory(FileUploadHandler):
    """Keeps what is sent, up to a limit. A file beyond it comes with a size that every form refuses, and cut short."""

    def __init__(self, request=None) -> None:
        super().__init__(request)
        self.left = MOST

    def new_file(self, *args, **kwargs):
        super().new_file(*args, **kwargs)
        self.kept = BytesIO()

    def receive_data_chunk(self, raw_data, start):  # noqa: ARG002 - Django's signature
        self.left -= self.kept.write(raw_data[: self.left])

    def file_complete(self, file_size):
        whole = self.kept.tell() == file_size
        self.kept.seek(0)
        return InMemoryUploadedFile(
            self.kept,
            self.field_name,
            self.file_name,
            self.content_type,
            file_size if whole else max(file_size, MOST + 1),
            self.charset,
            self.content_type_extra,
        )
