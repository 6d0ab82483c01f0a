"""What is nested without end is refused in words, in every process: it never ends one."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

SET_UP = "import os, sys, threading; os.environ['DJANGO_SETTINGS_MODULE'] = 'ehr.settings'; "
# A server's thread has a small stack.
IN_A_THREAD = """
def run():
    try:
        work()
    except Exception as problem:
        print(type(problem).__name__)

threading.stack_size(2 << 20)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def python(code, folder):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SET_UP + code], cwd=settings.BASE_DIR, capture_output=True, text=True,
        env={**os.environ, "DATA_DIR": str(folder)}, check=False, timeout=180,
    )  # fmt: skip


@pytest.mark.security
@pytest.mark.parametrize("program", ["import ehr.wsgi", "import ehr.celery, django; django.setup()"])
def test_no_package_raises_the_recursion_limit_of_a_server_or_worker(program, tmp_path):
    done = python(
        f"before = sys.getrecursionlimit(); {program}; import web3; print(sys.getrecursionlimit() - before)", tmp_path
    )
    assert done.stdout.strip() == "0", done.stderr


@pytest.mark.security
@pytest.mark.parametrize("brackets", [20_000, 200_000])
def test_views_nested_without_end_are_refused_in_words(brackets, tmp_path):
    code = "import ehr.wsgi\nfrom research.studies import proposing\n"
    code += f"def work(): proposing.read_views('[' * {brackets} + ']' * {brackets})\n{IN_A_THREAD}"
    done = python(code, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "NotPossible"), done.stderr


@pytest.mark.security
def test_a_grant_s_file_nested_without_end_is_refused_in_words(tmp_path):
    file = tmp_path / "grant.json"
    file.write_text("[" * 100_000)
    done = python(
        f"import django; django.setup(); from django.core.management import execute_from_command_line; "
        f"execute_from_command_line(['manage.py', 'verify_grant', {str(file)!r}, '--offline'])",
        tmp_path,
    )
    assert done.returncode == 1, done.stderr
    assert "grant.json: This file is not a grant of Chartseal" in done.stderr
