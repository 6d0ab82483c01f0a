"""Whatever a message was made into on its way, its sender gets an answer, and what cannot be read is kept."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.intake import storing
from ehr.intake.hl7v2 import er7, messages, receiving
from ehr.intake.hl7v2.er7 import Unreadable
from ehr.intake.hl7v2.sender import Sender
from ehr.intake.models import Broken, Taken

from .vectors import AL1, EVERY_KIND, GLUCOSE, IN1, ORU, PID, PV1, message, msh, oru

SENDER = Sender("feed", "North Laboratory")
# What senders' engines, and people who mean harm, put where something else is expected.
ODD = [
    b"", b"|", b"^", b"~", b"&", b"\\", b"\r", b"\n", b'""', b"\x00", b"\x0b", b"\xff", b"9" * 5000, b"-", b"--5",
    b"\\.sp" + b"9" * 5000 + b"\\", b"\\.sk+\\", b"\\XD800\\", b"\\X0d0a\\", b"\\C2842\\", b"99991231235959-1200",
    b"00010101000000+1400", b"20261121246060", b"20260230", "²".encode(), "٣".encode(), "\u2028".encode(),
    b"UNICODE UTF-8", b"8859/1", b"ISO IR87", b"GB 18030-2000",
]  # fmt: skip
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(st.sampled_from(ODD), st.binary(max_size=4))),
    min_size=1,
    max_size=5,
)


def mangled(content: bytes, put: list[tuple[float, int, bytes]]) -> bytes:
    """Return a message with bytes replaced: (how far along, how many, by what)."""
    for along, gone, odd in put:
        at = int(along * len(content))
        content = content[:at] + odd + content[at + gone :]
    return content


@settings(max_examples=600)
@given(st.sampled_from(EVERY_KIND), changes)
def test_what_was_mangled_is_read_or_refused(content, put):
    with suppress(Unreadable):
        messages.read(er7.parse(mangled(content, put)), SENDER)


@pytest.mark.django_db
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.sampled_from(EVERY_KIND), put=changes)
def test_what_was_mangled_is_answered_and_stored_or_kept(sending, content, put):
    sent = mangled(content, put)
    answer = receiving.receive(sent, sending.feed)
    # A repair could not mend what is answered AR, so it is not kept.
    assert answer.code == "AR" or kept(sent, sending, {"AA": Taken, "AE": Broken}[answer.code])
    for one in answer.messages:
        assert er7.parse(one).only("MSA").text(1)[1] == answer.code[1]


def kept(content: bytes, sending, where: type) -> bool:
    """Tell whether just this message is there: taken in, or waiting."""
    _control, body = storing.digests(sending.feed, "", content)
    return where.objects.filter(feed=sending.feed, content_digest=body).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content",
    [
        oru(GLUCOSE, at="99991231235959-1200"),
        oru(GLUCOSE, at="00010101000000+1400"),
        message(msh("ADT^A01"), PID, PV1, IN1.replace("SPO|||||1|", f"SPO|||||{'9' * 5000}|")),
        message(msh("ADT^A01"), PID, PV1, AL1, "PR1|1||X^Y^L||99991231235959+0000||5"),
    ],
)
def test_what_is_out_of_all_bounds_waits_for_repair(sending, content):
    assert receiving.receive(content, sending.feed).code == "AE"
    assert Broken.objects.get().state == Broken.State.WAITING


@pytest.mark.django_db
@pytest.mark.parametrize("problem", [ValueError, OverflowError, KeyError, RuntimeError])
def test_what_nobody_thought_of_is_kept_and_answered_with_nothing_quoted(sending, monkeypatch, caplog, problem):
    def fall(*_arguments, **_more):
        raise problem("Sørensen")

    monkeypatch.setattr(messages, "read", fall)
    answer = receiving.receive(ORU, sending.feed)
    assert er7.parse(answer.messages[0]).only("MSA").text(2) == "4711"
    assert (answer.code, Broken.objects.get().state) == ("AE", "waiting")
    assert "rensen" not in caplog.text + str(Broken.objects.get().problems) + answer.messages[0].decode()
