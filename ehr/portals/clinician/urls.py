"""The clinician's pages: patients, a chart, writing in it, asking for it, one's own licence."""

from django.urls import path

from ehr.portals.clinician import asking, chart, copies, credentials, emergency, entry, home, pharmacy, referring, teams, writing

app_name = "clinician"
urlpatterns = [
    path("", home.home, name="home"),
    path("register/", credentials.register, name="register"),
    path("credentials/", credentials.credentials, name="credentials"),
    path("credentials/new/", credentials.submit, name="submit"),
    path("requests/", asking.sent, name="requests"),
    path("requests/<uuid:request_id>/withdraw/", asking.withdraw, name="withdraw"),
    path("requests/<uuid:request_id>/reply/", asking.reply, name="reply"),
    path("prescriptions/", pharmacy.prescriptions, name="prescriptions"),
    path("patients/<uuid:patient>/prescriptions/<uuid:logical_id>/", pharmacy.prescription, name="prescription"),
    path("referrals/", referring.sent, name="referrals"),
    path("referrals/<uuid:referral>/withdraw/", referring.withdraw, name="referral-withdraw"),
    path("patients/<uuid:patient>/refer/", referring.find, name="refer-find"),
    path("patients/<uuid:patient>/refer/<uuid:to>/", referring.refer, name="refer"),
    path("patients/<uuid:patient>/report/", referring.report, name="report"),
    path("teams/", teams.teams_list, name="teams"),
    path("teams/<uuid:team>/", teams.team, name="team"),
    path("teams/<uuid:team>/members/<uuid:member>/remove/", teams.remove, name="team-remove"),
    path("teams/<uuid:team>/assign/", teams.assign, name="team-assign"),
    path("teams/<uuid:team>/assigned/<uuid:member>/<uuid:patient>/end/", teams.end_assignment, name="team-unassign"),
    path("code/", asking.code, name="code"),
    path("find/", asking.find, name="find"),
    path("emergency/", emergency.find, name="emergency-find"),
    path("patients/<uuid:patient>/emergency/", emergency.open_record, name="emergency"),
    path("patients/<uuid:patient>/emergency/end/", emergency.end, name="emergency-end"),
    path("copies/", copies.copies, name="copies"),
    path("patients/<uuid:patient>/copy/", copies.copy, name="copy"),
    path("patients/<uuid:patient>/ask/", asking.ask, name="ask"),
    path("patients/<uuid:patient>/", chart.chart, name="chart"),
    path("patients/<uuid:patient>/all/<slug:section>/", chart.section, name="section"),
    path("patients/<uuid:patient>/add/<slug:kind>/", writing.add, name="add"),
    path("patients/<uuid:patient>/entries/<uuid:logical_id>/", entry.entry, name="entry"),
    path("patients/<uuid:patient>/entries/<uuid:logical_id>/file/", entry.file, name="file"),
    path("patients/<uuid:patient>/entries/<uuid:logical_id>/change/", writing.change, name="change"),
    path("patients/<uuid:patient>/entries/<uuid:logical_id>/stop/", writing.stop, name="stop"),
    path("patients/<uuid:patient>/entries/<uuid:logical_id>/mistake/", writing.mistake, name="mistake"),
]
