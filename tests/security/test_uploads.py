"""What people send as files never touches a disk unsealed, and never fills the memory."""

import tempfile

import pytest
from django.core.files import temp
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import reverse

from ehr.frame import uploads
from ehr.portals.patient.forms import LARGEST_FILE, FileForm
from patients.models import Chunk
from providers.credentials import EVIDENCE_BYTES
from tests import people
from tests.security.world import browser_of

pytestmark = [pytest.mark.security, pytest.mark.privacy]
MEGABYTE = 1024 * 1024


def pdf(size: int) -> SimpleUploadedFile:
    return SimpleUploadedFile("letter.pdf", b"%PDF-1.7\n".ljust(size, b"x"), content_type="application/pdf")


def sent(**files: SimpleUploadedFile) -> HttpRequest:
    return RequestFactory().post("/", {"title": "A letter", **files})


@pytest.fixture
def no_temporary_files(monkeypatch):
    """A machine on which nothing can be put aside."""

    def refuse(*args, **kwargs):
        raise AssertionError("Something was about to be written to a temporary file.")

    for name in ("NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    monkeypatch.setattr(temp, "NamedTemporaryFile", refuse)


@pytest.mark.django_db
def test_a_large_file_goes_into_the_record_without_a_temporary_file(no_temporary_files):
    people.prepare_ground()
    browser = browser_of(people.patient(), second_step=False)
    answer = browser.post(reverse("patient:add-file"), {"title": "A letter", "file": pdf(6 * MEGABYTE)})
    assert answer.status_code == 302
    assert sum(len(chunk.body) for chunk in Chunk.objects.all()) >= 6 * MEGABYTE


@pytest.mark.parametrize("size", [10, 3 * MEGABYTE, LARGEST_FILE])
def test_a_file_arrives_as_it_was_sent(size, no_temporary_files):
    request, file = sent(file=pdf(size)), pdf(size)
    assert request.FILES["file"].read() == file.read()
    assert request.FILES["file"].size == size


@pytest.mark.parametrize("size", [LARGEST_FILE + 1, uploads.MOST + 1, uploads.MOST + 3 * MEGABYTE])
def test_a_file_that_is_too_large_is_refused_by_its_size(size, no_temporary_files):
    request = sent(file=pdf(size))
    assert request.FILES["file"].size > LARGEST_FILE
    form = FileForm(request.POST, request.FILES)
    assert "larger than 10 MB" in form.errors["file"][0]
    request.FILES["file"].seek(0)
    assert len(request.FILES["file"].read()) <= uploads.MOST


def test_many_files_at_once_are_not_kept_beyond_the_limit_and_none_passes_for_whole(no_temporary_files):
    request = sent(one=pdf(8 * MEGABYTE), other=pdf(8 * MEGABYTE), third=pdf(100))
    kept = {name: (file.size, len(file.read())) for name, file in request.FILES.items()}
    assert kept["one"] == (8 * MEGABYTE, 8 * MEGABYTE)
    assert sum(length for _size, length in kept.values()) <= uploads.MOST
    assert all(size == length or size > LARGEST_FILE for size, length in kept.values())


def test_djangos_own_way_would_have_written_one(settings, no_temporary_files):
    settings.FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
    with pytest.raises(AssertionError, match="temporary file"):
        sent(file=pdf(10)).FILES.keys()


def test_no_form_takes_more_than_is_kept():
    assert max(LARGEST_FILE, EVIDENCE_BYTES) <= uploads.MOST
