"""The desk as it stands, and front doors that only say their name: these tests are about the desk."""

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

NAMES = (
    "home",
    "sign-in",
    "second-factor",
    "enrol",
    "check-mail",
    "unlock",
    "sign-out",
    "begin",
    "account",
    "on-paper",
    "developers",
)


def named(name):
    return lambda _request: HttpResponse(name)


front = [path(f"front/{name}/", named(name), name=name) for name in NAMES]
urlpatterns = [path("", include((front, "front"))), path("desk/", admin.site.urls)]
