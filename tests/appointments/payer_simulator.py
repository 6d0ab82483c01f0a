"""A payer as payers are: it answers, it refuses, it is slow, it is down, and sometimes it talks nonsense.

Which it does stands in the member number, so that a test chooses by the card: "ACTIVE-1", "INACTIVE-2", …
"""

import json
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ISA = "ISA*00*          *00*          *ZZ*LAKE01         *ZZ*CHARTSEAL      *261121*1200*^*00501*000000001*0*P*:~"


def answer_271(trace: str, lines: Iterable[str]) -> bytes:
    """Return a whole 271 to the question of that trace, with these lines in the subscriber's loop."""
    body = [
        "ST*271*0001*005010X279A1",
        f"BHT*0022*11*{trace.upper()}*20261121*1201",
        "HL*1**20*1",
        "NM1*PR*2*LAKESIDE MUTUAL*****PI*LAKE01",
        "HL*2*1*21*1",
        "NM1*1P*2*HARBOUR MEDICAL CENTRE*****XX*1234567893",
        "HL*3*2*22*0",
        f"TRN*2*{trace.upper()}*9CHARTSEAL",
        "NM1*IL*1*COSTA*ANA****MI*4711",
        *lines,
    ]
    group = ["GS*HB*LAKE01*CHARTSEAL*20261121*1201*1*X*005010X279A1", *body, f"SE*{len(body) + 1}*0001", "GE*1*1"]
    return (_ISA + "".join(f"{line}~" for line in [*group, "IEA*1*000000001"])).encode()


def _money(amount: str, currency: str = "USD") -> dict:
    return {"value": Decimal(amount), "currency": currency}


def eligibility_response(trace: str, **more) -> dict:
    """Return a CoverageEligibilityResponse to the question of that trace."""
    return {
        "resourceType": "CoverageEligibilityResponse",
        "status": "active",
        "purpose": ["validation"],
        "patient": {"display": "the patient"},
        "created": "2026-11-21T12:01:00Z",
        "request": {"identifier": {"value": trace}},
        "outcome": "complete",
        "insurer": {"display": "Lakeside Mutual"},
        "insurance": [{"coverage": {"display": "the card"}, "inforce": True}],
        **more,
    }


_VISIT = {"coding": [{"code": "98"}]}


def with_copay(amount: str, currency: str = "USD") -> list[dict]:
    """Return an insurance in force with a share that the patient pays for a visit."""
    benefit = {"type": {"coding": [{"code": "copay"}]}, "allowedMoney": _money(amount, currency)}
    return [
        {"coverage": {"display": "the card"}, "inforce": True, "item": [{"category": _VISIT, "benefit": [benefit]}]}
    ]


def claim_response(trace: str, paid: str | None, currency: str = "USD", **more) -> dict:
    """Return a ClaimResponse that pays so much, or nothing."""
    told = {
        "resourceType": "ClaimResponse",
        "identifier": [{"value": "LM-2026-000042"}],
        "status": "active",
        "type": {"coding": [{"code": "professional"}]},
        "use": "claim",
        "patient": {"display": "the patient"},
        "created": "2026-11-21T12:01:00Z",
        "insurer": {"display": "Lakeside Mutual"},
        "request": {"identifier": {"value": trace}},
        "outcome": "complete",
        **more,
    }
    if paid is not None:
        told["payment"] = {"type": {"coding": [{"code": "complete"}]}, "amount": _money(paid, currency)}
    return told


def as_json(told: dict) -> bytes:
    return json.dumps(told, default=float).encode()


@dataclass
class Payer:
    """A payer that runs: where it is, what it was asked, and how it answers by the member number's first word."""

    url: str = ""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    down: int = 0  # so many requests find it down
    slow: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append((path, headers, body))
        if self.down:
            self.down -= 1
            return 503, b"down for maintenance"
        if path == "/x12":
            return 200, self._x12(body.decode())
        asked = json.loads(body)
        word = asked["contained"][1]["subscriberId"].split("-")[0]
        trace = asked["identifier"][0]["value"]
        if word == "SLOW":
            self.slow.wait(10)
        if word == "NONSENSE":
            return 200, b'{"resourceType": "Bundle"}'
        if path == "/claim":
            return 200, as_json(self._claim(word, trace, asked))
        return 200, as_json(self._eligibility(word, trace))

    def _x12(self, asked: str) -> bytes:
        lines = [line.split("*") for line in asked.split("~")]
        trace = next(line[2] for line in lines if line[0] == "TRN")
        word = next(line[9] for line in lines if line[:2] == ["NM1", "IL"]).split("-")[0]
        told = {"ACTIVE": ["EB*1**30", "EB*B**98***27*25"], "INACTIVE": ["EB*6**30"], "BUSY": ["AAA*Y**42*R"]}
        return b"<html>" if word == "NONSENSE" else answer_271(trace, told.get(word, ["AAA*N**75*C"]))

    def _eligibility(self, word: str, trace: str) -> dict:
        if word == "ACTIVE":
            return eligibility_response(trace, insurance=with_copay("25.00"))
        if word == "INACTIVE":
            return eligibility_response(trace, insurance=[{"coverage": {"display": "the card"}, "inforce": False}])
        if word == "BUSY":
            return eligibility_response(trace, outcome="queued")
        error = [{"code": {"coding": [{"code": "75"}]}}]
        return eligibility_response(trace, outcome="error", error=error)

    def _claim(self, word: str, trace: str, asked: dict) -> dict:
        whole = Decimal(str(asked["total"]["value"]))
        if word == "ACTIVE":
            return claim_response(trace, str(whole))
        if word == "PARTLY":
            return claim_response(trace, str(whole * 3 / 4))
        if word == "BUSY":
            return claim_response(trace, None, outcome="queued")
        return claim_response(trace, "0.00", error=[{"code": {"coding": [{"code": "A001"}]}}])


@contextmanager
def running():
    """Serve a payer on loopback for as long as the block runs."""
    payer = Payer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, told = payer.answer(self.path, dict(self.headers), body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    payer.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield payer
    finally:
        payer.slow.set()
        server.shutdown()
        server.server_close()
        thread.join()
