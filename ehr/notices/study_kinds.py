"""What researchers are told of their training and place, and they and the committee of studies.

Letters name no study and nobody.
"""

from django.utils.translation import gettext_lazy as _

from ehr.notices.kind import Kind

STUDIES = {
    "study.asked": Kind(
        _("The committee asks something about a study of yours"),
        _("Answer it on the study’s page; then it waits for the committee again."),
        page="researcher:home",
    ),
    "study.approved": Kind(
        _("A study of yours was approved"),
        _("People can join it now. How many did is on its page as soon as there are enough of them."),
        page="researcher:home",
    ),
    "study.refused": Kind(
        _("A study of yours was refused"),
        _("Read why on the study’s page. You can propose another one."),
        page="researcher:home",
    ),
    "study.paused": Kind(
        _("A study of yours is held still"),
        _("Nobody joins and nothing is read for it until the committee lets it go on. They can tell you why."),
        page="researcher:home",
    ),
    "study.resumed": Kind(
        _("A study of yours goes on"),
        _("People can join it again, and its runs may read."),
        page="researcher:home",
    ),
    "study.withdrawn": Kind(
        _("Somebody withdrew whose data are in a release you fetched"),
        _("See which rows to destroy, and by when. Then say that it is done."),
        page="researcher:recalls",
    ),
    "study.destruction-reminded": Kind(
        _("You are reminded of data you are to destroy"),
        _("See which rows, and by when. Then say that it is done."),
        page="researcher:recalls",
    ),
    "study.destruction-overdue": Kind(
        _("Data you were to destroy are overdue"),
        _("Destroy them today and say so. Until then you get no other release of the study, and the committee knows."),
        page="researcher:recalls",
    ),
    "study.result-shown": Kind(
        _("What a study of yours found is shown"),
        _("Everybody who takes or took part can read it now."),
        page="researcher:home",
    ),
    "study.result-refused": Kind(
        _("What a study of yours found is not shown as it is"),
        _("Read why on the study’s page, and hand it in anew."),
        page="researcher:home",
    ),
    "study.closed": Kind(
        _("A study of yours is closed"),
        _("Its keys are destroyed, so nothing more is read for it. What was released stays under the agreement."),
        page="researcher:home",
    ),
}
# The same that clinicians are told of a licence and a place of work: `providers.telling`.
RESEARCHERS = {
    "research.credential.approved": Kind(
        _("Your training was approved"),
        _("You can propose studies, once you have signed the agreement."),
        page="researcher:home",
    ),
    "research.credential.refused": Kind(
        _("Your training was not approved"), _("Read why, and hand it in anew."), page="researcher:home"
    ),
    "research.credential.expiring": Kind(
        _("Your training here ends soon"),
        _("Hand in the renewed one before it does; nothing is read for your studies after."),
        page="researcher:licence",
    ),
    "research.credential.expired": Kind(
        _("Your training here has ended"),
        _("Nothing is read for your studies until the renewed one is approved."),
        page="researcher:licence",
    ),
    "research.credential.suspended": Kind(
        _("Your training here was suspended"),
        _("Nothing is read for your studies meanwhile. The verifier can tell you why."),
        page="researcher:home",
    ),
    "research.credential.revoked": Kind(
        _("Your training here was revoked"),
        _("Nothing is read for your studies any more. The verifier can tell you why."),
        page="researcher:home",
    ),
    "research.credential.restored": Kind(
        _("Your training counts again"), _("Your studies can go on."), page="researcher:home"
    ),
    "research.membership.confirmed": Kind(
        _("Your place of work confirmed you"),
        _("With approved training, you can propose studies from there."),
        page="researcher:home",
    ),
    "research.membership.ended": Kind(
        _("You no longer work at a place"), _("Nothing is read for studies from there."), page="researcher:home"
    ),
    "research.institution.agreement-ended": Kind(
        _("Your institution has left"), _("Nothing is read for studies from there."), page="researcher:home"
    ),
    "research.institution.suspended": Kind(
        _("Your institution is suspended"),
        _("Nothing is read for studies from there meanwhile."),
        page="researcher:home",
    ),
}
PATIENTS = {
    "study-pay-ready": Kind(
        _("What you are paid for taking part in research is ready"),
        _("Say where it goes: to an account of yours, or to the institution, which then pays you."),
        page="patient:research-uses",
    ),
    "study-pay-ends": Kind(
        _("What you are paid for taking part in research goes back soon"),
        _("Say within two weeks where it goes, to an account of yours or to the institution, or it goes back."),
        page="patient:research-uses",
    ),
    "study-found": Kind(
        _("A study you took part in has found something"),
        _("Read it in plain words. The committee has read it before you."),
        page="patient:research-results",
    ),
    "study-over": Kind(
        _("A study you took part in is over"),
        _("It reads nothing of your record any more. What you are paid for stays yours; see where your data went."),
        page="patient:research",
    ),
}
COMMITTEE = {
    "desk.result-waiting": Kind(
        _("What a study found waits for the committee"),
        _("Read it as those who take part will. They see it once one of you lets them."),
        page="admin:index",
    ),
    "desk.destruction-overdue": Kind(
        _("A researcher has not said that data are destroyed"),
        _("Somebody withdrew more than thirty days ago. See which release it is, and ask the researcher."),
        page="admin:index",
    ),
    "desk.study-waiting": Kind(
        _("A study waits for the committee"),
        _("Read what it asks and for what. Two members approve it, one after the other."),
        page="admin:index",
    ),
}
