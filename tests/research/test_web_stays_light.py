"""What serves pages loads nothing of what makes tables: a web worker's memory is for requests."""

import os
import subprocess
import sys

HEAVY = ("duckdb", "ibis", "polars", "pyarrow", "pandas", "opendp", "altair", "rocrate")
SHOWN = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "ehr.settings"
import ehr.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
print([name for name in {heavy!r} if name in sys.modules])
"""


def test_the_web_process_loads_no_engine_of_research(tmp_path):
    code = SHOWN.format(heavy=HEAVY)
    environment = os.environ | {"DATA_DIR": str(tmp_path), "CHARTSEAL_ENV": "development"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[]"
