"""Addresses of the patient's pages. They carry ids and the names of parts, never a person's name."""

from django.urls import path

from ehr.portals.patient import (
    adding,
    answering,
    checking,
    granted,
    home,
    looked,
    narrowing,
    record,
    sharing,
    striking,
)

app_name = "patient"
urlpatterns = [
    path("", home.home, name="home"),
    path("record/", record.record, name="record"),
    path("record/add/", adding.add, name="add"),
    path("record/add/reading/<slug:reading>/", adding.add_reading, name="add-reading"),
    path("record/add/note/", adding.add_note, name="add-note"),
    path("record/add/file/", adding.add_file, name="add-file"),
    path("record/file/<uuid:entry>/", record.file, name="file"),
    path("record/entry/<uuid:entry>/mistake/", striking.mistake, name="mistake"),
    path("record/<slug:part>/", record.category, name="category"),
    path("sharing/", sharing.sharing, name="sharing"),
    path("sharing/find/", sharing.find, name="find"),
    path("sharing/begin/<uuid:reader>/", sharing.begin, name="begin"),
    path("sharing/code/", answering.code, name="code"),
    path("sharing/requests/", answering.waiting, name="requests"),
    path("sharing/requests/<uuid:asking>/", answering.answer, name="answer"),
    path("sharing/requests/<uuid:asking>/confirm/", answering.confirm, name="answer-confirm"),
    path("sharing/requests/<uuid:asking>/why/", answering.why, name="why"),
    path("sharing/requests/<uuid:asking>/decline/", answering.decline, name="decline"),
    path("sharing/new/<uuid:draft>/what/", sharing.share_what, name="share-what"),
    path("sharing/new/<uuid:draft>/until/", sharing.share_until, name="share-until"),
    path("sharing/new/<uuid:draft>/confirm/", sharing.share_confirm, name="share-confirm"),
    path("sharing/new/<uuid:draft>/narrow/", narrowing.narrow, name="share-narrow"),
    path("sharing/new/<uuid:draft>/entries/", narrowing.entries, name="share-entries"),
    path("sharing/new/<uuid:draft>/change/", granted.change_confirm, name="change-confirm"),
    path("sharing/<uuid:grant>/", granted.grant, name="grant"),
    path("sharing/<uuid:grant>/change/", granted.change, name="change"),
    path("sharing/<uuid:grant>/proof/", granted.grant_proof, name="grant-proof"),
    path("sharing/<uuid:grant>/stop/", granted.stop, name="stop"),
    path("looked/", looked.looked, name="looked"),
    path("looked/questions/", looked.questions, name="questions"),
    path("looked/<uuid:event>/ask/", looked.ask, name="ask"),
    path("check/", checking.check, name="check"),
    path("check/my-log.json", checking.my_log, name="my-log"),
    path("check/verify.py", checking.verifier, name="verifier"),
]
