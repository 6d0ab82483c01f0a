"""The house rules that import-linter cannot see. They read the tree, so a room is checked from its first file on."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command, get_commands, load_command_class
from django.db import models
from django.db.migrations.loader import MigrationLoader
from django.urls import URLResolver, get_resolver

ROOT = Path(settings.BASE_DIR)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]
# From the roof down; rooms on one floor stand between bars.
FLOORS = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
FORBIDDEN_MODULES = {"utils", "helpers", "services", "managers", "mixins", "constants", "common", "misc", "signals"}
LONGEST_FILE = 400
MOVING = {"migrations", "__pycache__", "node_modules"}


@cache
def sources(*folders: str) -> tuple[Path, ...]:
    """Return the project's own Python files under these folders, migrations left out."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(sorted(path for path in found if not MOVING & set(path.parts)))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def named(paths) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def calls_in(path: Path) -> set[str]:
    """Return the names of functions called and decorators used in a file."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            node = node.func
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Name):
            names.add(node.id)
    return names


def attributes_used(names: set[str], *folders: str) -> list[str]:
    """Return file and line of every use of one of these attributes."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for path in sources(*folders)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in names
    ]


def floor_of(module: str) -> int | None:
    """Return how far below the roof a module stands, or None where the floors do not name it."""
    for depth, layer in enumerate(FLOORS):
        for room in layer.split("|"):
            if module == room.strip() or module.startswith(room.strip() + "."):
                return depth
    return None


def our_models():
    return [model for model in apps.get_models(include_auto_created=True) if floor_of(model.__module__) is not None]


def stands_below_or_beside(user: str, used: str) -> bool:
    """Tell whether one room may refer to another's tables: in the same room, below, or in a library."""
    above, below = floor_of(user), floor_of(used)
    return below is None or above is None or below > above or user.split(".")[:2] == used.split(".")[:2]


@pytest.mark.point(2)
def test_the_floors_hold():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


@pytest.mark.parametrize(
    ("user", "used", "may"),
    [
        ("consent.models", "patients.models", True),
        ("patients.models", "consent.models", False),
        ("audit.models", "ehr.accounts.models", False),
        ("ehr.accounts.models", "audit.models", True),
        ("audit.models", "audit.models", True),
        ("ehr.desk.models", "ehr.portals.front", False),
        ("audit.models", "django.contrib.sessions.models", True),
    ],
)
def test_what_stands_below_what(user, used, may):
    assert stands_below_or_beside(user, used) is may


def test_foreign_keys_point_down():
    upward = [
        f"{field} -> {field.related_model._meta.label}"
        for model in our_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey | models.ManyToManyField)
        and not stands_below_or_beside(model.__module__, field.related_model.__module__)
    ]
    assert upward == []


def test_the_log_refers_by_number_and_never_by_foreign_key():
    outside = [
        str(field)
        for model in apps.get_app_config("audit").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model._meta.app_label != "audit"
    ]
    assert outside == []


def test_migrations_depend_on_what_stands_below():
    labels = {config.label: config.name for config in apps.get_app_configs()}
    graph = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    upward = [
        f"{label}.{name} on {other}"
        for (label, name), migration in graph.items()
        for other, _ in migration.dependencies
        if other in labels and not stands_below_or_beside(labels[label], labels[other])
    ]
    assert upward == []


@pytest.mark.django_db
def test_each_app_has_its_tables_in_migrations():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("face", sorted(path.parent.name for path in (ROOT / "ehr/portals").glob("*/urls.py")))
def test_a_face_s_address_book_bears_its_name(face):
    assert importlib.import_module(f"ehr.portals.{face}.urls").app_name == face


def test_every_face_is_reached_under_its_own_name():
    reached = {entry.namespace for entry in get_resolver().url_patterns if isinstance(entry, URLResolver)}
    assert {path.parent.name for path in (ROOT / "ehr/portals").glob("*/urls.py")} <= reached


def test_templates_use_their_own_folder_or_the_parts():
    used = re.compile(r"{%\s*(?:extends|include)\s+[\"']([^\"']+)[\"']")
    rendered = re.compile(r"[\"']((?:[\w-]+/)+[\w.-]+\.(?:html|txt|svg))[\"']")
    strays = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        own = path.relative_to(ROOT / "templates").parts[0]
        strays += [
            f"{own}/{path.name} uses {other}"
            for other in used.findall(path.read_text(encoding="utf-8"))
            if other != "base.html" and other.split("/")[0] not in {own, "parts"} and own != "admin"
        ]
    for face in sorted((ROOT / "ehr/portals").iterdir()):
        for path in face.glob("*.py"):
            strays += [
                f"{face.name}/{path.name} renders {other}"
                for other in rendered.findall(path.read_text(encoding="utf-8"))
                if other.split("/")[0] not in {face.name, "parts"}
            ]
    assert strays == []


def test_nothing_happens_behind_a_signal_or_a_string():
    hidden = {"receiver", "import_string", "get_model", "Signal"}
    found = {path.name: calls_in(path) & hidden for path in sources(*PACKAGES)}
    assert {name: words for name, words in found.items() if words} == {}


def test_the_script_a_patient_runs_needs_python_alone():
    path = ROOT / "audit" / "verify.py"
    roots = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "audit/verify.py is one file"
            roots.add(node.module.split(".")[0])
    assert roots <= set(sys.stdlib_module_names)


def test_the_clock_rings_for_tasks_that_exist():
    missing = []
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        module, _, name = entry["task"].rpartition(".")
        task = getattr(importlib.import_module(module), name, None)
        if getattr(task, "name", None) != entry["task"]:
            missing.append(entry["task"])
    assert missing == []


def test_the_package_itself_is_empty():
    assert (ROOT / "ehr/__init__.py").read_text(encoding="utf-8").strip() == ""


def test_no_file_is_longer_than_a_sitting():
    kinds = (".py", ".html", ".js", ".css", ".sol")
    folders = [*PACKAGES, "tests", "deploy", "templates", "static", "contracts"]
    every = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    long = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in every
        if not MOVING & set(path.parts) and ".min." not in path.name and "artifacts" not in path.parts
    }
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_a_module_s_name_says_what_is_in_it():
    vague = [path for path in sources(*PACKAGES) if FORBIDDEN_MODULES & {path.stem, path.parent.name}]
    assert named(vague) == []


def test_faces_ask_the_floors_and_never_the_tables():
    tables = {"objects", "_default_manager", "_base_manager"}
    assert attributes_used(tables, "ehr/portals") == []


def test_faces_decide_no_permission():
    decided_here = {"has_perm", "has_perms", "is_superuser", "is_staff", "get_perms"}
    assert attributes_used(decided_here, "ehr/portals") == []


def test_every_module_says_what_it_is_for():
    lists = {"apps.py", "urls.py"}
    written = [path for path in sources(*PACKAGES) if tree(path).body and path.name not in lists]
    # A command says it in `help`, which `manage.py help` prints.
    silent = [path for path in written if not ast.get_docstring(tree(path)) and path.parent.name != "commands"]
    assert named(silent) == []


def test_every_command_says_what_it_does():
    ours = [name for name, app in get_commands().items() if floor_of(str(app)) is not None]
    assert ours
    assert [name for name in ours if not load_command_class(get_commands()[name], name).help] == []


def test_every_model_says_what_one_row_is():
    silent = [
        model._meta.label for model in our_models()
        if not model._meta.auto_created and (not model.__doc__ or model.__doc__.startswith(f"{model.__name__}("))
    ]  # fmt: skip
    assert silent == []


def asks_the_time(node: ast.AST) -> bool:
    """Tell whether a piece of code reads a clock of its own."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    asked = ast.unparse(node.func.value).split(".")[-1]
    return node.func.attr == "utcnow" or (
        node.func.attr in {"now", "today"} and asked in {"timezone", "datetime", "date"}
    )


def test_time_has_one_source():
    others = [path for path in sources(*PACKAGES) if path != ROOT / "ehr/clock.py"]
    found = [(path.name, node.lineno) for path in others for node in ast.walk(tree(path)) if asks_the_time(node)]
    assert found == []


def test_permissions_refer_to_their_objects_by_foreign_key():
    generic = [
        str(field)
        for model in our_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model is ContentType
    ]
    assert generic == []


def test_no_request_is_one_transaction():
    assert not any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values())


def test_no_field_decrypts_by_itself():
    fields = {type(field).__name__ for model in our_models() for field in model._meta.get_fields()}
    assert [name for name in fields if "crypt" in name.lower()] == []
