"""A small Stripe on loopback: what its documentation says of Checkout, PaymentIntents with manual capture and refunds.

It remembers idempotency keys as Stripe does, so a request that is sent again is answered as before and does nothing; it
can fail before or after it acted; and it signs the events it would post.
"""

import hashlib
import hmac
import itertools
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

SECRET = "whsec_of_this_test_alone"
KEY = "sk_test_of_this_test_alone"


class Says(Exception):
    """An answer that is no success."""

    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class Stripe:
    """All that this Stripe knows. `now` is a function that returns Unix seconds."""

    now: object
    sessions: dict = field(default_factory=dict)
    intents: dict = field(default_factory=dict)
    refunds: dict = field(default_factory=dict)
    answered: dict = field(default_factory=dict)  # (method, path, idempotency key) → answer
    events: list = field(default_factory=list)  # bodies, in the order they happened
    asked: list = field(default_factory=list)  # (method, path, what was sent)
    failing: list = field(default_factory=list)  # "before", "after" or "refused", one for each request that changes
    numbers: object = field(default_factory=lambda: itertools.count(1))

    # --- What people do there ---------------------------------------------------------------------
    def pay(self, session_id):
        """Have a card holder pay on the page: the amount is reserved on their card."""
        session = self.sessions[session_id]
        if session["status"] != "open" or session["expires_at"] <= self.now():
            return False
        intent = {
            "id": self._id("pi"), "object": "payment_intent", "amount": session["amount_total"],
            "amount_capturable": session["amount_total"], "amount_received": 0, "status": "requires_capture",
            "metadata": session["payment_intent_data"]["metadata"], "latest_charge": self._id("ch"),
            "currency": session["currency"],
        }  # fmt: skip
        self.intents[intent["id"]] = intent
        session |= {"status": "complete", "payment_intent": intent["id"]}
        self._happened("payment_intent.amount_capturable_updated", intent)
        self._happened("checkout.session.completed", session)
        return True

    def lapse(self, intent_id):
        """Let a reservation lapse, as after seven days."""
        intent = self.intents[intent_id]
        if intent["status"] == "requires_capture":
            intent |= {"status": "canceled", "amount_capturable": 0}
            self._happened("payment_intent.canceled", intent)

    def bounce(self, refund_id):
        """Let a refund fail at the card holder's bank."""
        refund = self.refunds[refund_id]
        refund["status"] = "failed"
        self._happened("refund.failed", refund)

    # --- What the API answers ---------------------------------------------------------------------
    def answer(self, method, path, told, key):
        self.asked.append((method, path, told))
        if method != "POST":
            return self._act(method, path, told)
        failing = self.failing.pop(0) if self.failing else ""
        if failing == "before":
            raise Says(500, "api_error")
        if failing == "refused":
            raise Says(400, "refused_for_good")
        if key and (method, path, key) in self.answered:
            before, answer = self.answered[method, path, key]
            if before != told:
                raise Says(400, "idempotency_error")
        else:
            answer = json.loads(json.dumps(self._act(method, path, told)))
            if key:
                self.answered[method, path, key] = (told, answer)
        if failing == "after":
            raise Says(500, "api_error")
        return answer

    def _act(self, method, path, told):  # noqa: C901 - a table of addresses
        match (method, path.strip("/").split("/")[1:]):
            case ("POST", ["checkout", "sessions"]):
                return self._new_session(told)
            case ("GET", ["checkout", "sessions", one]):
                session = dict(self._find(self.sessions, one))
                intent = session["payment_intent"]
                return session | {"payment_intent": dict(self.intents[intent]) if intent else None}
            case ("POST", ["checkout", "sessions", one, "expire"]):
                session = self._find(self.sessions, one)
                if session["status"] != "open":
                    raise Says(400, "resource_not_open")
                session["status"] = "expired"
                self._happened("checkout.session.expired", session)
                return dict(session)
            case ("POST", ["payment_intents", one, "capture"]):
                return self._capture(self._find(self.intents, one), int(told["amount_to_capture"]))
            case ("POST", ["payment_intents", one, "cancel"]):
                intent = self._find(self.intents, one)
                if intent["status"] != "requires_capture":
                    raise Says(400, "payment_intent_unexpected_state")
                self.lapse(one)
                return dict(intent)
            case ("POST", ["refunds"]):
                return self._refund(told)
            case ("GET", ["refunds"]):
                data = [dict(one) for one in self.refunds.values() if one["payment_intent"] == told["payment_intent"]]
                return {"object": "list", "data": data, "has_more": False, "url": "/v1/refunds"}
        raise Says(404, "resource_missing")

    def _new_session(self, told):
        amount = int(told["line_items[0][price_data][unit_amount]"])
        if amount < 50:
            raise Says(400, "amount_too_small")
        session = {
            "id": self._id("cs"), "object": "checkout.session", "status": "open", "payment_intent": None,
            "amount_total": amount, "currency": told["line_items[0][price_data][currency]"],
            "expires_at": int(told["expires_at"]), "metadata": {"payment": told["metadata[payment]"]},
            "payment_intent_data": {"metadata": {"payment": told["payment_intent_data[metadata][payment]"]}},
        }  # fmt: skip
        session["url"] = f"https://checkout.stripe.com/c/pay/{session['id']}"
        self.sessions[session["id"]] = session
        return dict(session)

    def _capture(self, intent, amount):
        if intent["status"] != "requires_capture":
            raise Says(400, "payment_intent_unexpected_state")
        if not 0 < amount <= intent["amount_capturable"]:
            raise Says(400, "amount_too_large")
        intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
        self._happened("payment_intent.succeeded", intent)
        return dict(intent)

    def _refund(self, told):
        intent, amount = self._find(self.intents, told["payment_intent"]), int(told["amount"])
        gone = [one for one in self.refunds.values() if one["payment_intent"] == intent["id"]]
        left = intent["amount_received"] - sum(one["amount"] for one in gone if one["status"] != "failed")
        if not 0 < amount <= left:
            raise Says(400, "charge_already_refunded")
        refund = {
            "id": self._id("re"), "object": "refund", "amount": amount, "status": "succeeded",
            "payment_intent": intent["id"], "metadata": {"payment": told["metadata[payment]"]},
        }  # fmt: skip
        self.refunds[refund["id"]] = refund
        self._happened("refund.created", refund)
        self._happened("charge.refunded", {"object": "charge", "id": intent["latest_charge"], **intent["metadata"]})
        return dict(refund)

    def _find(self, where, one):
        if one not in where:
            raise Says(404, "resource_missing")
        return where[one]

    def _id(self, kind):
        return f"{kind}_{next(self.numbers):06}"

    def _happened(self, kind, about):
        event = {
            "id": self._id("evt"), "object": "event", "type": kind, "created": int(self.now()),
            "data": {"object": json.loads(json.dumps(about))},
        }  # fmt: skip
        self.events.append(json.dumps(event).encode())

    def signed(self, body, *, secret=SECRET, at=None):
        """Return the header with which an event is posted."""
        stamp = int(self.now() if at is None else at)
        mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={stamp},v1={mac}"

    @property
    def charged(self):
        """What was taken from cards, and what of it was given back."""
        taken = sum(one["amount_received"] for one in self.intents.values())
        back = sum(one["amount"] for one in self.refunds.values() if one["status"] != "failed")
        return taken, back

    @property
    def reserved(self):
        return sum(one["amount_capturable"] for one in self.intents.values())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in one piece: in two, each waits 40 ms for the first one's receipt.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        self._serve("GET")

    def do_POST(self):
        self._serve("POST")

    def _serve(self, method):
        address = urlparse(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = {name: values[-1] for name, values in parse_qs(body or address.query).items()}
        with self.server.lock:
            try:
                assert self.headers["Authorization"] == f"Bearer {KEY}"
                status = 200
                answer = self.server.stripe.answer(method, address.path, told, self.headers.get("Idempotency-Key"))
            except Says as no:
                kind = "api_error" if no.status >= 500 else "invalid_request_error"
                status, answer = no.status, {"error": {"type": kind, "code": no.code, "message": no.code}}
        words = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def running():
    """Serve on a free port of loopback; `server.stripe` is whichever Stripe is asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads, server.lock, server.stripe = True, threading.Lock(), None
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
