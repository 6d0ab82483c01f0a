"""The program of a clinician who let one in: it asks with a token of its own, about the patient who was chosen."""

from django.test import Client

from ehr.smart.models import App
from tests.smart.walking import Walk, told


def token_of_clinician(app: App, browser: Client) -> str:
    """Let an app in to work for a clinician in their session, with the first of their patients; return its token."""
    walk = Walk(app, browser)
    walk.begin()
    form = browser.get(walk.page).context["form"]
    answer = {"ticket": form.fields["ticket"].initial, "things": form.fields["things"].initial, "until": "hour"}
    answer["patient"] = form.fields["patient"].choices[0][0]
    return walk.exchange(told(browser.post(walk.page, answer))["code"]).json()["access_token"]
