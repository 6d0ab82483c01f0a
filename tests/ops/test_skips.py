"""CI accepts a skip only when somebody reviewed it."""

import importlib.util
from pathlib import Path

import pytest
from django.conf import settings

SOURCE = Path(settings.BASE_DIR) / ".ci" / "skips.py"
REPORT = """<testsuites><testsuite><testcase classname="tests.tree" name="test_a"/>
<testcase classname="tests.tree" name="test_b"><skipped type="pytest.skip" message="needs the moon"/></testcase>
<testcase classname="tests.tree" name="test_c"><skipped type="pytest.xfail" message="some day"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def skips(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("skips", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LIST", tmp_path / "allowed_skips.txt")
    (tmp_path / "report.xml").write_text(REPORT)
    return module


def test_a_skip_that_nobody_reviewed_fails_the_run(skips, tmp_path, capsys):
    skips.LIST.write_text("# nothing\n")
    assert skips.main("embedded", str(tmp_path / "report.xml")) == 1
    told = capsys.readouterr().out
    assert "test_b: needs the moon" in told
    assert "test_c: some day" in told


def test_a_reviewed_skip_passes_in_its_own_run_only(skips, tmp_path):
    skips.LIST.write_text("embedded *: needs the moon\nboth *test_c: *\n")
    assert skips.main("embedded", str(tmp_path / "report.xml")) == 0
    assert skips.main("servers", str(tmp_path / "report.xml")) == 1


def test_a_run_without_a_report_did_not_pass(skips, tmp_path):
    assert skips.main("embedded", str(tmp_path / "none.xml")) == 1
