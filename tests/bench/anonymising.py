"""Anonymising Adult and a million rows, each in a process of its own; `python -m tests.bench.anonymising 30k` prints
a line of JSON."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from research.anonymity import files
from tests.bench import census
from tests.bench.measuring import Row

ROOT = Path(__file__).resolve().parents[2]
ANJANA = ROOT / ".venv-anjana" / "bin" / "python"
# Which data, which way, how often.
KINDS = {
    "30k": (census.small, "full-domain", 9),
    "1M": (census.large, "full-domain", 5),
    "cut": (census.small, "mondrian", 3),
}
OPTIMUM, LEFT_OUT = 0.17834, 1346


def measure() -> list[Row]:
    """Return what the yardstick takes and loses, ours and ANJANA's."""
    if not census.FOLDER.is_dir():
        return [Row("Anonymising Adult", "not measured", note=f"The extract is not at {census.FOLDER}.")]
    adult, million, cut = (_apart(kind) for kind in KINDS)
    exact = round(adult["loss"], 5) == OPTIMUM and adult["suppressed"] == LEFT_OUT
    return [
        Row(
            "Adult, k = 5, l = 2, ≤ 5 % left out: loss (NCP) and rows left out",
            f"{adult['loss']:.5f}, {adult['suppressed']:,}",
            "0.17834, 1,346",
            exact,
            f"The optimum that ARX finds, too; {adult['classes']} classes, agreed to by the checker.",
        ),
        Row(
            "The same, Parquet to Parquet with the checker, 30,162 rows",
            f"{adult['seconds']:.2f} s",
            "≤ 0.3 s",
            adult["seconds"] <= 0.3,
            f"The fastest of {KINDS['30k'][2]} in one process, {adult['cpu']:.2f} s of CPU; the first one, in which "
            f"engines start, takes {adult['first']:.2f} s.",
        ),
        Row(
            "The same at 1,000,000 rows",
            f"{million['seconds']:.2f} s, {million['megabytes']:,} MB",
            "≤ 2.5 s, ≤ 1,024 MB",
            million["seconds"] <= 2.5 and million["megabytes"] <= 1024,
            "Rows drawn from Adult at random, with one cell in twenty from another row. "
            f"The fastest of {KINDS['1M'][2]}, {million['cpu']:.2f} s of CPU, the first {million['first']:.2f} s; "
            f"memory is the process's peak. Loss {million['loss']:.5f}, {million['suppressed']:,} left out, "
            f"{million['classes']:,} classes.",
        ),
        Row(
            "Mondrian on Adult: loss (NCP), time",
            f"{cut['loss']:.5f}, {cut['seconds']:.2f} s",
            note=f"Nobody left out, {cut['classes']:,} classes; labels of different width in one column.",
        ),
        _anjana(adult),
    ]


def _apart(kind: str) -> dict:
    asked = [sys.executable, "-m", "tests.bench.anonymising", kind]
    return json.loads(subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def _anjana(adult: dict) -> Row:
    if not ANJANA.exists():
        return Row("ANJANA on Adult", "not measured", note="ANJANA could not be installed here; it needs PyPI.")
    asked = [str(ANJANA), str(Path(__file__).with_name("anjana_adult.py")), str(census.FOLDER)]
    done = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    times = found["seconds"] / adult["seconds"]
    return Row(
        "ANJANA on Adult: loss (NCP), rows left out, time",
        f"{found['loss']:.5f}, {found['suppressed']:,}, {found['seconds']:.0f} s",
        note=f"ANJANA {found['version']} in its own environment, in the same run, with the same table, hierarchies "
        f"and demands: {found['loss'] / adult['loss']:.1f} times the loss, {times:,.0f} times the time.",
    )


def main(kind: str) -> None:
    make, way, times = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.parquet"), Path(folder, "target.parquet")
        # Making the rows takes memory that is not the search's: another process does it.
        subprocess.run([sys.executable, "-m", "tests.bench.census", make.__name__, str(source)], cwd=ROOT, check=True)
        read, spent, used = census.read(), [], []
        for _ in range(times):
            begun, busy = time.perf_counter(), time.process_time()
            report = files.anonymise(source, target, hierarchies=read, demands=census.DEMANDS, way=way)
            spent.append(time.perf_counter() - begun)
            used.append(time.process_time() - busy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told = {"seconds": min(spent), "first": spent[0], "cpu": min(used), "megabytes": peak}
    told |= {"loss": report.losses.certainty, "suppressed": report.suppressed, "classes": report.verdict.classes}
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
