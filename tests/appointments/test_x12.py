"""Eligibility in X12: what leaves is a 270 that another library reads; what comes back is believed if it answers."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x12sdk.io import X12ModelReader

from appointments.insurance import x12
from appointments.insurance.facts import Inquiry, Nonsense, NotNow
from tests.appointments import payer_simulator as payer

ASKED = Inquiry(
    trace="0d5e7c9a-trace",
    payer_name="Lakeside Mutual",
    payer_number="LAKE01",
    provider_name="Harbour Medical Centre",
    provider_number="1234567893",
    member="LM 4711",
    name="José Ñandú",
    birth_date=date(1980, 2, 29),
    sex="male",
    day=date(2026, 12, 1),
    asked_at=datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
)


def read(text: str):
    with X12ModelReader(text) as reader:
        return list(reader.models())


def inquiry(**other) -> str:
    return x12.inquiry(Inquiry(**(ASKED.__dict__ | other)), sender="CHARTSEAL", number=7)


def test_what_leaves_is_one_eligibility_inquiry_by_the_guide():
    [asked] = read(inquiry())
    person = asked.loop_2000a[0].loop_2000b[0].loop_2000c[0].loop_2100c.nm1_segment
    assert (person.name_last_or_organization_name, person.name_first) == ("NANDU", "JOSE")
    assert person.identification_code == "LM 4711"


@given(
    name=st.text(max_size=80),
    member=st.text(min_size=1, max_size=60).filter(lambda text: any(one.isascii() and one.isalnum() for one in text)),
    payer_name=st.text(max_size=80).map("Payer {}".format),
)
def test_no_name_or_number_can_end_a_segment_or_begin_one(name, member, payer_name):
    told = inquiry(name=name, member=member, payer_name=payer_name)
    assert [line.split("*")[0] for line in told.split("~") if line] == [
        "ISA", "GS", "ST", "BHT", "HL", "NM1", "HL", "NM1", "HL", "TRN", "NM1", "DMG", "DTP", "EQ", "SE", "GE", "IEA",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("benefits", "outcome", "copay"),
    [
        (["EB*1**30"], "active", None),
        (["EB*1**30", "EB*B**98***27*25"], "active", 2500),
        (["EB*1**30", "EB*B**98***27*25.5", "EB*B**30***27*40"], "active", 4000),
        (["EB*1**30", "EB*B**35***27*99"], "active", None),
        (["EB*6**30"], "inactive", None),
        (["DTP*346*D8*20260101", "EB*1**30"], "active", None),
        (["DTP*347*D8*20261130", "EB*1**30"], "inactive", None),
        (["DTP*347*D8*20261201", "EB*1**30"], "active", None),
        (["DTP*346*D8*20261202", "EB*1**30"], "inactive", None),
        (["DTP*291*RD8*20260101-20261201", "EB*1**30"], "active", None),
        (["DTP*291*RD8*20260101-20261130", "EB*1**30"], "inactive", None),
        (["DTP*304*D8*20300101", "EB*1**30"], "active", None),
    ],
)
def test_benefits_and_dates_say_whether_the_day_is_covered(benefits, outcome, copay):
    found = x12.finding(payer.answer_271(ASKED.trace, benefits), ASKED)
    assert (found.outcome, found.copay) == (outcome, copay)


@pytest.mark.parametrize("code", ["71", "72", "75", "15"])
def test_a_rejection_is_no_answer_about_cover(code):
    found = x12.finding(payer.answer_271(ASKED.trace, [f"AAA*N**{code}*C"]), ASKED)
    assert (found.outcome, found.code) == ("unknown", code)


@pytest.mark.parametrize("code", ["42", "80"])
def test_a_payer_that_cannot_answer_now_is_asked_again(code):
    with pytest.raises(NotNow):
        x12.finding(payer.answer_271(ASKED.trace, [f"AAA*Y**{code}*R"]), ASKED)


WHOLE = payer.answer_271(ASKED.trace, ["EB*1**30"])


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"<html>Sorry</html>",
        b"{}",
        b"\xff\xfe\x00",
        WHOLE[:60],
        WHOLE[:-40],
        WHOLE.replace(b"ST*271", b"ST*999"),
        WHOLE.replace(b"SE*", b"SE*9"),
        WHOLE.replace(ASKED.trace.upper().encode(), b"ANOTHER"),
        WHOLE.replace(b"EB*1**30~", b""),
        WHOLE.replace(b"EB*1", b"EB*U"),
        payer.answer_271(ASKED.trace, ["EB*1**30", "EB*B**98***27*-5"]),
        payer.answer_271(ASKED.trace, ["EB*1**30", "EB*B**98***27*1.005"]),
        payer.answer_271(ASKED.trace, ["EB*1**30", "EB*B**98***27*NaN"]),
        payer.answer_271(ASKED.trace, ["DTP*347*D8*20269901", "EB*1**30"]),
        payer.answer_271(ASKED.trace, ["EB*1**30", "HL*4*2*22*0", "EB*6**30"]),
        WHOLE + WHOLE,
    ],
)
def test_nonsense_is_never_an_answer(told):
    with pytest.raises(Nonsense):
        x12.finding(told, ASKED)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(told):
    with pytest.raises((Nonsense, NotNow)):
        x12.finding(told, ASKED)


@given(place=st.integers(0, len(WHOLE) - 1), letter=st.integers(0, 255))
def test_an_answer_with_one_byte_changed_is_nonsense_or_still_of_this_question(place, letter):
    told = WHOLE[:place] + bytes([letter]) + WHOLE[place + 1 :]
    try:
        found = x12.finding(told, ASKED)
    except (Nonsense, NotNow):
        return
    assert found.outcome in {"active", "inactive", "unknown"}


def test_the_simulators_answers_are_271s_to_another_reader():
    [told] = read(WHOLE.decode())
    assert told.header.st_segment.transaction_set_identifier_code == "271"
