"""Eligibility and claims in FHIR R4: CoverageEligibilityRequest and Claim out, their responses in. Plain Python.

A payer gets a name, a birth date, the member number, the day, and for a claim the price: nothing of the record. Whom
and what a request is about stands inside it (`contained`), so that nobody needs an address of this server's.
Source: FHIR R4 coverageeligibilityrequest.html, claim.html.
"""

from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal

from appointments.insurance.facts import Finding, Inquiry, Nonsense, NotNow, smallest, written
from ehr.r4 import build, text, validate
from ehr.r4.build import concept, filled

JSON = "application/fhir+json"
TRACE = f"{build.BASE}/sid/trace"
MEMBER = f"{build.BASE}/sid/member"
PAYER = f"{build.BASE}/sid/payer"
PROVIDER = f"{build.BASE}/sid/provider"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_COPAYS = frozenset({"copay", "copay-maximum"})


@dataclass(frozen=True)
class Charge:
    """What is claimed for one visit: a code of the payer's tariff and a price in the smallest unit."""

    system: str
    code: str
    amount: int
    currency: str


@dataclass(frozen=True)
class Verdict:
    """What a payer made of a claim. `outcome` is one of paid, partly, denied; amounts in the smallest unit."""

    outcome: str
    paid: int
    code: str = ""
    reference: str = ""


def eligibility_request(asked: Inquiry) -> dict:
    """Return the CoverageEligibilityRequest."""
    return {
        "resourceType": "CoverageEligibilityRequest",
        "contained": _contained(asked),
        "identifier": [{"system": TRACE, "value": asked.trace}],
        "status": "active",
        "purpose": ["validation", "benefits"],
        "patient": {"reference": "#patient"},
        "servicedDate": asked.day.isoformat(),
        "created": _moment(asked),
        "provider": {"reference": "#provider"},
        "insurer": {"reference": "#payer"},
        "insurance": [{"focal": True, "coverage": {"reference": "#coverage"}}],
    }


def claim(asked: Inquiry, charge: Charge) -> dict:
    """Return the Claim for one visit. It names no diagnosis: those are the patient's to hand on."""
    price = {"value": written(charge.amount, charge.currency), "currency": charge.currency}
    line = {
        "sequence": 1,
        "productOrService": concept(charge.system, charge.code),
        "servicedDate": asked.day.isoformat(),
        "quantity": {"value": 1},
        "unitPrice": price,
        "net": price,
    }
    return {
        "resourceType": "Claim",
        "contained": _contained(asked),
        "identifier": [{"system": TRACE, "value": asked.trace}],
        "status": "active",
        "type": concept(f"{_TERMS}/claim-type", "professional"),
        "use": "claim",
        "patient": {"reference": "#patient"},
        "created": _moment(asked),
        "provider": {"reference": "#provider"},
        "insurer": {"reference": "#payer"},
        "priority": concept(f"{_TERMS}/processpriority", "normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": "#coverage"}}],
        "item": [line],
        "total": price,
    }


def _contained(asked: Inquiry) -> list[dict]:
    patient = filled(
        resourceType="Patient",
        id="patient",
        name=[{"text": asked.name}],
        gender=asked.sex,
        birthDate=asked.birth_date.isoformat(),
    )
    coverage = {
        "resourceType": "Coverage",
        "id": "coverage",
        "identifier": [{"system": MEMBER, "value": asked.member}],
        "status": "active",
        "subscriberId": asked.member,
        "beneficiary": {"reference": "#patient"},
        "payor": [{"reference": "#payer"}],
    }
    return [
        patient,
        coverage,
        _organization("payer", PAYER, asked.payer_number, asked.payer_name),
        _organization("provider", PROVIDER, asked.provider_number, asked.provider_name),
    ]


def _organization(name: str, system: str, number: str, called: str) -> dict:
    return {
        "resourceType": "Organization",
        "id": name,
        "identifier": [{"system": system, "value": number}],
        "name": called,
    }


def _moment(asked: Inquiry) -> str:
    return asked.asked_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def finding(told: bytes, asked: Inquiry) -> Finding:
    """Return what a CoverageEligibilityResponse says. Raises Nonsense for anything that does not answer, and NotNow."""
    answer = _answer(told, "CoverageEligibilityResponse", asked)
    if answer["outcome"] == "queued":
        raise NotNow("queued")
    errors = [_code(one.get("code")) for one in answer.get("error", [])]
    if answer["outcome"] == "error" or errors:
        return Finding("unknown", code=(errors or ["error"])[0][:10])
    cover = answer.get("insurance", [])
    if len(cover) != 1 or not isinstance(cover[0].get("inforce"), bool):
        raise Nonsense("an answer that does not say whether there is cover")
    if not cover[0]["inforce"] or not _within(cover[0].get("benefitPeriod", {}), asked.day):
        return Finding("inactive", code="dates" if cover[0]["inforce"] else "")
    shares = [
        benefit["allowedMoney"]
        for item in cover[0].get("item", [])
        for benefit in item.get("benefit", [])
        if _code(benefit.get("type")) in _COPAYS and "allowedMoney" in benefit
    ]
    if len({share.get("currency", "") for share in shares}) > 1:
        raise Nonsense("shares in more than one currency")
    if not shares:
        return Finding("active")
    currency = shares[0].get("currency", "")
    return Finding(
        "active", copay=max(smallest(share.get("value", ""), currency) for share in shares), currency=currency
    )


def verdict(told: bytes, asked: Inquiry, charge: Charge) -> Verdict:
    """Return what a ClaimResponse says. Raises Nonsense for anything that does not answer this claim, and NotNow."""
    answer = _answer(told, "ClaimResponse", asked)
    if answer["outcome"] in {"queued", "partial"} and "payment" not in answer:
        raise NotNow(answer["outcome"])
    errors = [_code(one.get("code")) for one in answer.get("error", [])]
    reference = next((one.get("value", "") for one in answer.get("identifier", [])), "")[:60]
    paid = _paid(answer, charge.currency)
    if paid > charge.amount:
        raise Nonsense("more money than was asked for")
    outcome = "denied" if paid == 0 else "paid" if paid == charge.amount else "partly"
    return Verdict(outcome, paid, code=(errors or _reasons(answer) or [""])[0][:20], reference=reference)


def _paid(answer: dict, currency: str) -> int:
    """Return what the payer pays: the payment's amount, else the total of benefits; 0 where it names neither."""
    amounts = [answer["payment"]["amount"]] if "payment" in answer else []
    amounts = amounts or [one["amount"] for one in answer.get("total", []) if _code(one.get("category")) == "benefit"]
    if not amounts:
        if answer["outcome"] == "complete" and not answer.get("error"):
            raise Nonsense("an answer that names no amount")
        return 0
    if amounts[0].get("currency", currency) != currency:
        raise Nonsense("another currency")
    return smallest(amounts[0].get("value", Decimal(0)), currency)


def _reasons(answer: dict) -> list[str]:
    lines = [one for item in answer.get("item", []) for one in item.get("adjudication", [])]
    return [found for one in lines if (found := _code(one.get("reason")))]


def _answer(told: bytes, kind: str, asked: Inquiry) -> dict:
    """Return the resource, once it is valid R4, of this kind, and about what was asked."""
    try:
        answer = text.loads(told)
    except (ValueError, RecursionError):
        raise Nonsense("no JSON") from None
    if not isinstance(answer, dict) or answer.get("resourceType") != kind:
        raise Nonsense(f"no {kind}")
    if validate.check(answer):
        raise Nonsense(f"a {kind} that is not FHIR R4")
    if answer.get("request", {}).get("identifier", {}).get("value") != asked.trace:
        raise Nonsense("an answer to another question")
    return answer


def _within(period: dict, day: date) -> bool:
    """Tell whether a day is in a period. Both ends are compared by day, as far as they are given."""
    start, end = period.get("start", ""), period.get("end", "")
    told = day.isoformat()
    return start[:10] <= told[: len(start[:10])] and (not end or told[: len(end[:10])] <= end[:10])


def _code(told: dict | None) -> str:
    return next((one.get("code", "") for one in (told or {}).get("coding", []) if one.get("code")), "")
