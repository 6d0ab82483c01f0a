"""The day's visit: booked with a reason, met by video. Its words and its room are among what is planted."""

import re
from collections.abc import Callable
from datetime import UTC, timedelta

from django.test import Client
from django.urls import reverse

from ehr import clock
from tests.appointments import clinics
from tests.people import Person

ROOM = re.compile(r'href="(https://[^"]+/[^"/]{40,})"')


def a_visit(day, lee: Person, hers: Client, his: Client, post: Callable) -> None:
    """Book a visit by video that begins within minutes, agree, wait, be let in, and open the room from both sides."""
    kind = clinics.visit_type(mode="video", name="Talk")
    # Where it is noon now, so that the hours are never over.
    zone = f"Etc/GMT{(clock.now().astimezone(UTC).hour - 12):+d}"
    schedule = clinics.schedule(lee.user.clinician, kind, where=clinics.place(zone=zone))
    clinics.open_on(schedule, range(7), "06:00", "18:00")
    now = clock.now()
    starts = now.replace(second=0, microsecond=0) + timedelta(minutes=10 - now.minute % 5)
    answer = hers.post(reverse("patient:visit-times", args=[schedule.pk, kind.pk]), {"starts": starts.isoformat()})
    words = day.word("why somebody comes", "The wobbegong bites at night")
    booked = hers.post(answer["Location"], {"words": words})
    visit = booked["Location"].rstrip("/").rpartition("/")[2]
    for browser, page, presses in (
        (hers, "patient:visit-video", ("agree", "come")),
        (his, "clinician:day-video", ("let-in",)),
    ):
        for press in presses:
            post(browser, f"{page}-press", visit, press)
    for browser, page, whose in ((hers, "patient:visit-video", "patient"), (his, "clinician:day-video", "clinician")):
        shown = browser.get(reverse(page, args=[visit])).content.decode()
        link = day.word(f"link of the {whose}", re.search(r'name="link" value="([^"]+)"', shown)[1])
        room = ROOM.search(post(browser, f"{page}-press", visit, "open", status=200, link=link))[1]
    day.word("room", room.rpartition("/")[2])
