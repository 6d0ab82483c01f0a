"""A document names the file beside it, so that another one in its place is noticed."""

import pytest

from ehr.r4 import attachments, validate

FILE = {"contentType": "application/pdf", "size": 3}
DOCUMENT = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": FILE}]}
SHA1 = "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="  # of b"abc", as FIPS 180 gives it
SHA256 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="


def test_a_document_names_the_digest_of_its_file_and_is_fhir():
    made = attachments.vouching(DOCUMENT, b"abc")
    [said] = made["content"][0]["attachment"]["extension"]
    assert said == {"url": attachments.SHA256, "valueBase64Binary": SHA256}
    assert validate.check(made) == []
    assert "extension" not in FILE


def test_named_anew_a_document_has_one_digest_and_keeps_what_else_is_said():
    other = {"url": "https://example.org/other", "valueString": "x"}
    before = {**DOCUMENT, "content": [{"attachment": {**FILE, "extension": [other]}}]}
    made = attachments.vouching(attachments.vouching(before, b"abd"), b"abc")
    assert [one["url"] for one in made["content"][0]["attachment"]["extension"]] == [other["url"], attachments.SHA256]
    assert attachments.fits(made, b"abc")


@pytest.mark.parametrize(
    ("resource", "fits"),
    [
        (attachments.vouching(DOCUMENT, b"abc"), True),
        (attachments.vouching(DOCUMENT, b"abd"), False),
        ({"resourceType": "DocumentReference", "content": [{"attachment": FILE | {"hash": SHA1}}]}, True),
        ({"resourceType": "DocumentReference", "content": [{"attachment": FILE | {"hash": SHA256}}]}, False),
        ({"resourceType": "Media", "content": FILE | {"hash": SHA1}}, True),
        ({"resourceType": "Media", "content": FILE | {"hash": "AAAA"}}, False),
        # The SHA-256 counts, where both are there.
        (attachments.vouching({"content": [{"attachment": FILE | {"hash": SHA1}}]}, b"abd"), False),
        # What is inside or elsewhere has a hash of its own.
        ({"content": [{"attachment": FILE | {"url": "https://example.org/x", "hash": "AAAA"}}]}, True),
        (DOCUMENT, True),
        ({"resourceType": "Observation"}, True),
        ({"content": [None, {"attachment": 5}]}, True),
        ({}, True),
    ],
)
def test_whether_a_file_is_the_one_that_was_named(resource, fits):
    assert attachments.fits(resource, b"abc") is fits


def test_what_has_no_place_for_a_file_stays_as_it_is():
    assert attachments.vouching({"resourceType": "Observation"}, b"abc") == {"resourceType": "Observation"}
