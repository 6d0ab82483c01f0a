"""An app as its makers wrote it, and people in their browsers, walking through a launch."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from ehr.smart import places, tokens
from ehr.smart.models import App
from ehr.smart.tokens import SmartCaller
from tests import people

BACK = "https://app.example/back"
LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
ASKED = (
    f"launch/patient openid fhirUser offline_access patient/Observation.rs?category={LABORATORY} patient/Condition.rs"
)
FORM = "application/x-www-form-urlencoded"


def registered(maker: people.Person, name: str = "Blue Button", *, scope: str = ASKED, **facts) -> App:
    """Return an app of somebody's, public and good for what the tests ask."""
    return App.objects.create(
        **{
            "user": maker.user,
            "name": name,
            "publisher": "Blue Ltd",
            "words": "Shows your results as curves.",
            "redirect_uris": BACK,
            "client_type": App.CLIENT_PUBLIC,
            "authorization_grant_type": App.GRANT_AUTHORIZATION_CODE,
            "scope": scope,
            **facts,
        }
    )


@dataclass
class Walk:
    """One launch: what the app sent, and what came back to it."""

    app: App
    browser: Client
    scope: str = ASKED
    state: str = field(default_factory=secrets.token_hex)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    nonce: str = "n-1"
    page: str = ""

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")

    def asking(self, **instead) -> dict[str, str]:
        """Return the parameters of the authorization request; None leaves one out."""
        told = {
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": BACK,
            "scope": self.scope,
            "state": self.state,
            "aud": places.base(),
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "nonce": self.nonce,
        } | instead
        return {name: value for name, value in told.items() if value is not None}

    def begin(self, **instead) -> HttpResponse:
        """Send the browser to the authorization endpoint; remember the page it is led to."""
        response = self.browser.get(f"{reverse('smart:authorize')}?{urlencode(self.asking(**instead))}")
        self.page = response.get("Location", "")
        return response

    def choose(self, **instead) -> HttpResponse:
        """Answer the first page of a patient."""
        form = self.browser.get(self.page).context["form"]
        told = {"ordinary": ["labs", "history"], "until": "month"}
        if "things" in form.fields:
            told["things"] = form.fields["things"].initial
        return self.browser.post(self.page, told | instead)

    def confirm(self, **instead) -> HttpResponse:
        """Answer the second page of a patient: the sentence."""
        page = f"{self.page}confirm/"
        form = self.browser.get(page).context["form"]
        told = {name: form.fields[name].initial for name in ("ticket", "read")}
        return self.browser.post(page, told | instead)

    def allowed(self, **chosen) -> str:
        """Walk a patient through all of it and return the code."""
        self.begin()
        self.choose(**chosen)
        return told(self.confirm())["code"]

    def exchange(self, code: str, **instead) -> HttpResponse:
        """Ask for tokens from the app's own machine."""
        return post(
            "token",
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": BACK,
                "client_id": self.app.client_id,
                "code_verifier": self.verifier,
            }
            | instead,
        )

    def refresh(self, token: str, **more) -> HttpResponse:
        return post("token", grant_type="refresh_token", refresh_token=token, client_id=self.app.client_id, **more)

    def connected(self, **chosen) -> dict:
        """Return the token response of a whole launch."""
        return self.exchange(self.allowed(**chosen)).json()


def post(name: str, **told) -> HttpResponse:
    """Send a form to one of the OAuth endpoints as a program does: no cookies."""
    body = urlencode({field: value for field, value in told.items() if value is not None})
    return Client().post(reverse(f"smart:{name}"), body, content_type=FORM)


def told(response: HttpResponse) -> dict[str, str]:
    """Return what an app is told in the address it is sent back to."""
    assert response.status_code == 303, response.status_code
    assert response["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def caller(token: str) -> SmartCaller | None:
    """Return who asks when a token is shown to the FHIR API."""
    return tokens.caller_of(RequestFactory().get("/fhir/Patient", headers={"Authorization": f"Bearer {token}"}))


def words(response: HttpResponse) -> str:
    """Return a page's text."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
