"""The staff desk: Django's admin behind a second factor, made of worklists.

Only what is registered from `ehr.desk` is here. Libraries that register their own tables (second factors with
their seeds among them) are turned away, and so is every page of Django's that would change a row by itself.
"""

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ehr.frame import roles


class Desk(AdminSite):
    """Who works here has signed in with a second factor; what they see and may do follows from their desk roles."""

    site_header = site_title = _("Desk")
    enable_nav_sidebar = False

    def register(self, model_or_iterable, admin_class=None, **options):
        """Take on a worklist of ours; what a library brings of its own accord stays out."""
        if admin_class is not None and admin_class.__module__.startswith("ehr.desk."):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Say whether this session may be at the desk at all: active staff, with the second factor shown."""
        user = request.user
        return bool(user.is_active and user.is_staff and user.is_verified())

    def admin_view(self, view, cacheable=False):  # noqa: ARG002 - nothing at the desk is cached
        """Let staff in who showed their second factor, send others to the step they miss, and hide the rest."""

        @never_cache
        @roles.staff_only
        @require_http_methods(["GET", "POST"])
        def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if not self.has_permission(request):
                raise Http404
            return view(request, *args, **kwargs)

        return guarded

    def get_urls(self) -> list[URLPattern]:
        """Return the desk's own pages: no editing, no deleting, no history, no passwords."""
        pages = [path("", self.admin_view(self.index), name="index")]
        for model, worklist in self._registry.items():
            pages += worklist.pages(prefix=f"{model._meta.app_label}/{model._meta.model_name}/")
        return pages

    def open_to(self, request: HttpRequest) -> list:
        """Return the worklists this person may see, in the order they were registered."""
        return [worklist for worklist in self._registry.values() if worklist.has_view_permission(request)]

    def index(self, request: HttpRequest, extra_context=None) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Show what waits for this person, the most pressing first."""
        worklists = self.open_to(request)
        queues = [queue for worklist in worklists for queue in worklist.queues(request) if queue.count]
        queues.sort(key=lambda queue: not queue.late)
        return render(request, "desk/home.html", {"queues": queues, "worklists": worklists})
