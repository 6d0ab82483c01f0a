"""The front door: what everybody sees, and the ways in."""

from django.urls import path

from ehr.portals.front import account, bedside, entering, guarding, health, joining, lost, news, public

app_name = "front"
urlpatterns = [
    path("", public.home, name="home"),
    path("licence/", public.licence, name="licence"),
    path("sign-up/", joining.sign_up, name="sign-up"),
    path("check-mail/", joining.check_mail, name="check-mail"),
    path("verify/<str:token>/", joining.verify, name="verify"),
    path("begin/", joining.begin, name="begin"),
    path("invitation/", joining.claim, name="claim"),
    path("sign-in/", entering.sign_in, name="sign-in"),
    path("sign-in/second-step/", entering.second_step, name="second-factor"),
    path("sign-in/here/", bedside.sign_in_here, name="bedside"),
    path("sign-in/help/", entering.cannot_sign_in, name="cannot-sign-in"),
    path("sign-out/", entering.sign_out, name="sign-out"),
    path("unlock/", entering.unlock, name="unlock"),
    path("recover/", lost.recover, name="recover"),
    path("recover/begin/", lost.begin, name="recover-begin"),
    path("recover/stop/", lost.stop, name="recover-stop"),
    path("recover/stop/<str:token>/", lost.stop_by_letter, name="recover-stop-letter"),
    path("forgotten/", entering.forgotten, name="forgotten"),
    path("reset/<str:token>/", entering.reset, name="reset"),
    path("account/", account.account, name="account"),
    path("account/details/", account.details, name="details"),
    path("account/notices/", news.telling, name="notice-settings"),
    path("account/passphrase/", account.passphrase, name="passphrase"),
    path("account/second-step/", account.enrol, name="enrol"),
    path("account/second-step/stop/", account.stop_second_step, name="stop-second-step"),
    path("account/backup-codes/", account.backup_codes, name="backup-codes"),
    path("account/recovery-code/", account.recovery_code, name="recovery-code"),
    path("account/recovery-code/confirm/", account.confirm_recovery_code, name="recovery-confirm"),
    path("account/renew-keys/", lost.renew_keys, name="renew-keys"),
    path("account/guardian/", guarding.guardian, name="guardian"),
    path("account/guarding/<uuid:asked_id>/", guarding.guarding, name="guarding"),
    path("account/sign-out-everywhere/", account.sign_out_everywhere, name="sign-out-everywhere"),
    path("notices/", news.notices, name="notices"),
    path("notices/read/", news.read_all, name="notices-read"),
    path("notices/stream", news.stream, name="notices-stream"),
    path("notices/<uuid:notice_id>/", news.open_notice, name="notice"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
