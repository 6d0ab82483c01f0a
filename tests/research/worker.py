"""A worker that makes releases, as a program of its own, and that can be made to stand still at one place.

`python -m tests.research.worker PLACE` says `here` when it comes to the place, and waits there to be killed. Without a
place it ends by itself, and says how many releases came to an end.
"""

import os
import signal
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")
django.setup()

from django.conf import settings  # noqa: E402 - Django comes first

from research import snapshots, tasks  # noqa: E402
from research.release import files, making  # noqa: E402

# Where it stands still: before it does this for that time, or, as the last, after it did.
PLACES = {
    "opening": (snapshots, "open_for_study", 3),
    "writing": (files, "packed", 1),
    "committing": (making, "log_study", 1),
    "reporting": (making, "_put_down", 0),
}


def stand_still_at(place: str) -> None:
    module, name, time = PLACES[place]
    real, calls = getattr(module, name), []

    def stopping(*args, **more):
        calls.append(1)
        done = real(*args, **more) if len(calls) != time else None
        if len(calls) >= time:
            sys.stdout.write("here\n")
            sys.stdout.flush()
            signal.pause()
        return done

    setattr(module, name, stopping)


if __name__ == "__main__":
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3  # as in the test that starts it
    if len(sys.argv) > 1:
        stand_still_at(sys.argv[1])
    sys.stdout.write(f"{tasks.make_releases()}\n")
