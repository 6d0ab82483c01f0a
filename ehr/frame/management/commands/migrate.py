"""Bring the tables up to date: an empty database in seconds, any other as Django does it (ADR 0077)."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.state import ProjectState


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage seldom: each look walks through all models of all migrations."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.collect()


def _near(state: ProjectState, app: str, name: str, _delay: bool = False) -> set[tuple[str, str]]:
    """Return the models to make anew when one changed: that one, and those that point to it.

    Django's own answer is all that lead to it over any number of steps. Here that is nearly all each time, and six
    sevenths of the time of migrating. A state that was made in part is made whole by Django before Python code of a
    migration runs, and before content types and permissions are written: `is_delayed` asks for that.
    """
    state.is_delayed = True
    found = {(app, name)}
    old = state.apps.all_models[app].get(name)
    if old is None:
        return found
    reached = (one.related_model for one in old._meta.get_fields(include_hidden=True) if not one.concrete)
    return found | {(model._meta.app_label, model._meta.model_name) for model in reached if model is not None}


@contextmanager
def _looking_near() -> Iterator[None]:
    own = ProjectState._find_reload_model
    ProjectState._find_reload_model = _near
    try:
        yield
    finally:
        ProjectState._find_reload_model = own


class Command(migrate.Command):
    def handle(self, *args, **options):
        """Migrate; look near only where no table stands yet, so that nothing kept depends on it."""
        empty = not connections[options["database"]].introspection.table_names()
        with _seldom_collecting(), _looking_near() if empty else nullcontext():
            super().handle(*args, **options)
