"""The WSGI application that granian or gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from ehr.environment import require_apart

require_apart()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - loads every view now, and not with the first request
# What is loaded by now stays. Python would look through it for what is unused every few requests, for longer than most
# requests take; and a search makes ten thousand objects that are gone, without being looked for, when it is answered.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 10, 10)
