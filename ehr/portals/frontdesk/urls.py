"""Addresses of the front desk's pages. They carry ids, never names."""

from django.urls import path

from ehr.portals.frontdesk import booking, closures, day, money, moving

app_name = "frontdesk"
urlpatterns = [
    path("", day.day, name="day"),
    path("visits/<uuid:visit>/", day.visit, name="visit"),
    path("visits/<uuid:visit>/paid/", day.paid, name="paid"),
    path("visits/<uuid:visit>/move/", moving.move, name="move"),
    path("visits/<uuid:visit>/<slug:press>/", day.act, name="act"),
    path("disputes/<uuid:dispute>/", day.answer, name="answer"),
    path("closed/", closures.closures, name="closures"),
    path("closed/<uuid:closure>/", closures.closure, name="closure"),
    path("closed/<uuid:closure>/cancel/", closures.closure_cancel, name="closure-cancel"),
    path("money/", money.listed, name="money"),
    path("money/<uuid:invoice>/", money.bill, name="bill"),
    path("money/<uuid:invoice>/<slug:press>/", money.typed, name="bill-typed"),
    path("money/<uuid:invoice>/<slug:press>/<uuid:row>/", money.pressed, name="bill-pressed"),
    path("book/", booking.find, name="find"),
    path("book/<uuid:patient>/", booking.what, name="what"),
    path("book/<uuid:patient>/<uuid:schedule>/<uuid:kind>/", booking.when, name="when"),
]
