"""Everything people are told, as data: a heading and a sentence in the portal, a subject and a line by e-mail.

E-mails name nobody and say nothing about health, for a mailbox is read over shoulders. A kind nobody wrote
words for yet is told as news of the account: rather vague than silent.
"""

from collections.abc import Mapping
from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from ehr.notices.account_kinds import ACCOUNT
from ehr.notices.kind import Kind, Topic
from ehr.notices.kind import emergency as _emergency
from ehr.notices.money_kinds import MONEY
from ehr.notices.study_kinds import COMMITTEE, PATIENTS, RESEARCHERS, STUDIES
from ehr.notices.visit_kinds import VISITS


def _about(topic: Topic, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    return {name: replace(kind, topic=topic) for name, kind in kinds.items()}


_SHARING = {
    "somebody-let-in": Kind(
        _("You let somebody in"),
        _("See who can see your record, and stop it whenever you like."),
        page="patient:sharing",
    ),
    "let-in-for-you": Kind(
        _("Who acts for you let somebody in"),
        _("See who can see your record, and stop it whenever you like."),
        page="patient:sharing",
    ),
    "delegation-asked": Kind(
        _("Somebody asks you to act for them"),
        _("Read who asks and what it is about. You can agree, or say no."),
        page="patient:acting",
    ),
    "delegation-agreed": Kind(
        _("Somebody agreed to act for you"),
        _("Look whether it is whom you meant, then sign. Nothing opens for them before."),
        page="patient:delegates",
    ),
    "delegation-confirmed": Kind(
        _("Two people confirmed that you act for somebody"),
        _("Read what it is about, and begin. Their record opens with your keys then."),
        page="patient:acting",
    ),
    "delegation-made": Kind(
        _("You may act for somebody now"),
        _("You begin by pressing a button, and all you do stands on their list with your name."),
        page="patient:acting",
    ),
    "delegation-ended": Kind(
        _("Somebody no longer acts for somebody"),
        _("You, or who acted for you, or for whom you acted, ended it. It counts from that moment."),
        page="front:home",
    ),
    "acting-emergency": _emergency(
        _("The record of somebody you act for was opened in an emergency"),
        _("Begin to act for them, then look at who opened it. They can end it, and so can the privacy officer."),
        "patient:acting",
    ),
    "acting-news": Kind(
        _("Something happened to the record of somebody you act for"),
        _("Begin to act for them, then look at who looked."),
        page="patient:acting",
    ),
    "access-given": Kind(_("A patient let you in"), _("You find them among your patients."), page="clinician:home"),
    "access-asked": Kind(
        _("Somebody asks to see part of your record"),
        _("Read who asks and why. You can say yes, choose less, or say no; no reason is needed."),
        page="patient:requests",
    ),
    "consent-proposed": Kind(
        _("Somebody says that you agreed to share something"),
        _("It opens nothing. Look at it, then decide for yourself, or put it aside."),
        page="patient:requests",
    ),
    "access-declined": Kind(
        _("Your request was declined"), _("You can see your requests and their state."), page="clinician:requests"
    ),
    "access-ended": Kind(
        _("Your access to a record has ended"), _("Ask the patient if you still need it."), page="clinician:home"
    ),
    "reader-lost-standing": Kind(
        _("Somebody you let in may not be let in any more"),
        _("Their licence or their place of work is no longer confirmed, so their access ended. You need do nothing."),
        page="patient:sharing",
    ),
    "app-cut-off": Kind(
        _("An app was stopped, for somebody else had a key of it"),
        _("A key of the app was shown twice, so nothing opens for it any more. If you still want it, let it in anew."),
        page="smart:connected",
    ),
    "app-withdrawn": Kind(
        _("An app you let in is no longer in use here"),
        _("It opens nothing of your record any more. You need do nothing."),
        page="patient:sharing",
    ),
    "reader-licence-over": Kind(
        _("The licence of somebody you let in has run out"),
        _("They see nothing until it is renewed. You can stop sharing with them at any time."),
        page="patient:sharing",
    ),
    "access-ends-soon": Kind(
        _("Access to a record ends within three days"),
        _("It ends by itself. The patient can give it again; a clinician can ask."),
        page="front:home",
    ),
    "access-asked-why": Kind(
        _("A patient asks why you want to see their record"),
        _("Answer beside your request. They decide after that."),
        page="clinician:requests",
    ),
    "access-explained": Kind(
        _("Somebody answered your question"),
        _("You asked why they want to see part of your record. Read what they say, then decide."),
        page="patient:requests",
    ),
    "referral-proposed": Kind(
        _("A specialist was suggested to you"),
        _("Read who it is and what they would see. Nothing opens unless you say yes."),
        page="patient:requests",
    ),
    "referral-answered": Kind(
        _("A patient answered your referral"), _("You can see what they decided."), page="clinician:referrals"
    ),
    "mandate-given": Kind(
        _("A patient lets you pass on part of their record"),
        _("Within what they signed, you can refer without asking each time."),
        page="clinician:requests",
    ),
    "report-filed": Kind(
        _("A report you asked for is there"), _("Open the patient’s chart to read it."), page="clinician:home"
    ),
    "team-changed": Kind(
        _("A team you let in has changed"),
        _("People joined or left it. See who belongs to it now; you can stop sharing with it at any time."),
        page="patient:sharing",
    ),
    "grants-moved": Kind(
        _("What you share was brought along"),
        _("You chose what stays, what moves and what ends with your change of place. See how it is now."),
        page="patient:sharing",
    ),
}
_RECORD = {
    "emergency-access": _emergency(
        _("Your record was opened in an emergency"),
        _("Somebody looked without asking you first. See who, and why they say they had to. You can end it."),
        page="patient:emergencies",
    ),
    "health-link-opened": Kind(
        _("Somebody opened a link you handed out"),
        _("See when, and the name they gave. You can stop the link at any time."),
        page="patient:health-links",
    ),
    "health-link-over": Kind(
        _("A link you handed out was stopped"),
        _("Somebody typed a wrong passcode too often, so it leads nowhere any more. You can make another."),
        page="patient:health-links",
    ),
    "emergency-failed": Kind(
        _("The emergency access you were told of did not open"),
        _("Nothing was read. That somebody tried stays on your list."),
        page="patient:emergencies",
    ),
    "emergency-access-contact": replace(
        _emergency(
            _("Somebody who trusts you may be in an emergency"),
            _("You are their emergency contact, and their record was opened without asking first. Try to reach them."),
            page="front:home",
        ),
        subject=_("Somebody who named you may be in an emergency"),
        mail=_(
            "Somebody named you here as the person to tell in an emergency. A clinician has just opened their record "
            "without being able to ask them first. Try to reach whoever may have named you, or call the place that "
            "usually cares for them. We cannot say more in a letter."
        ),
    ),
    "emergency-reviewed": _emergency(
        _("An emergency look at your record was checked"),
        _("Somebody else looked at whether it was right. Read what they found."),
        page="patient:emergencies",
    ),
    "blocked-emergency": _emergency(
        _("Somebody you keep out opened your record in an emergency"),
        _("The law here allows it in an emergency. See who, and why they say they had to. You can end it."),
        page="patient:emergencies",
    ),
    "delegate-acts": Kind(
        _("Somebody acted for you"),
        _("They may do so because you, or the law, let them. See what they did."),
        page="patient:looked",
    ),
    "claim-ready": Kind(
        _("Your record is ready for you"),
        _("Two people checked who you are. Open your record to make it yours."),
        page="front:home",
        by_desk=True,
        post=_("Something you waited for is ready. Sign in to see it: the first page leads you there."),
    ),
    "claim-refused": Kind(
        _("Your record could not be given to you yet"),
        _("The people who check identities could not match you. Call or visit the place that holds the record."),
        page="front:home",
    ),
    "case-answered": Kind(
        _("The privacy officer answered you"),
        _("Read the answer beside the line you asked about."),
        page="patient:questions",
    ),
}
_WORK = {
    "credential.approved": Kind(
        _("Your licence was approved"), _("You can work with it from now on."), page="clinician:credentials"
    ),
    "credential.refused": Kind(
        _("Your licence was not approved"), _("Read why, correct it, and send it again."), page="clinician:credentials"
    ),
    "credential.expiring": Kind(
        _("Your licence here ends soon"),
        _("Send the renewed one before it does; patients are closed to you after."),
        page="clinician:credentials",
    ),
    "credential.expired": Kind(
        _("Your licence here has ended"),
        _("No record opens until the renewed one is approved."),
        page="clinician:credentials",
    ),
    "credential.suspended": Kind(
        _("Your licence here was suspended"),
        _("No record opens meanwhile. The verifier can tell you why."),
        page="clinician:credentials",
    ),
    "credential.revoked": Kind(
        _("Your licence here was revoked"),
        _("No record opens any more. The verifier can tell you why."),
        page="clinician:credentials",
    ),
    "credential.restored": Kind(
        _("Your licence counts again"), _("What it let you do is open again."), page="clinician:credentials"
    ),
    "membership.confirmed": Kind(
        _("Your place of work confirmed you"),
        _("With an approved licence, you can work there."),
        page="clinician:home",
    ),
    "membership.ended": Kind(
        _("You no longer work at a place"), _("What patients shared with you there is closed."), page="clinician:home"
    ),
    "institution.agreement-ended": Kind(
        _("Your institution has left"), _("What patients shared with you there is closed."), page="clinician:home"
    ),
    "institution.suspended": Kind(
        _("Your institution is suspended"), _("No record opens from there meanwhile."), page="clinician:home"
    ),
}
_DESK = {
    "desk.credential-waiting": Kind(_("A licence waits for a decision"), _("Open it at the desk."), page="admin:index"),
    "desk.check-failed": Kind(
        _("A licence could not be re-checked"),
        _("After 72 hours without an answer it stops counting."),
        page="admin:index",
    ),
    "desk.emergency-opened": Kind(
        _("A record was opened in an emergency"),
        _("Somebody other than who opened it reviews it within 72 hours. The patient reads what you find."),
        page="admin:index",
    ),
    "desk.emergency-overdue": Kind(
        _("The review of an emergency is overdue"),
        _("The 72 hours are over. The patient sees that nobody has looked yet."),
        page="admin:index",
    ),
    "desk.case-opened": Kind(
        _("A patient does not recognise a line"), _("Answer within ten days."), page="admin:index"
    ),
    "desk.grant-altered": Kind(
        _("A permission does not match what its patient signed"),
        _("It opened nothing. Look at the log, compare the row with a backup, and find out who changed it."),
        page="admin:index",
        emergency=True,
    ),
    "desk.unknown-token": Kind(
        _("The chain holds a consent, or the end of one, that was not made here"),
        _("It opens nothing here. Find the event on the log, look at the block it names, and find out who signed."),
        page="admin:index",
        emergency=True,
    ),
    "desk.privilege-given": Kind(
        _("Somebody was given a desk role"),
        _("Look at “Accounts” who it is. If you do not know them, take the role back and ask who gave it."),
        page="admin:index",
    ),
    "desk.token-skipped": Kind(
        _("The chain passed over a consent, or the end of one"),
        _(
            "Here it counts as before. Find out why at “What is written to the public record”; the patient may have to "
            "sign it again."
        ),
        page="admin:index",
    ),
    "desk.keys-not-on-chain": Kind(
        _("The chain did not take what happened to somebody’s keys"),
        _("Here all goes on as before. Find out why at “What is written to the public record”, and run verify_keys."),
        page="admin:index",
    ),
    "desk.claim-waiting": Kind(
        _("A claim waits for an identity check"), _("Two people check, one after the other."), page="admin:index"
    ),
}
KINDS = {
    **_about(Topic.ACCOUNT, ACCOUNT),
    **_about(Topic.SHARING, _SHARING | PATIENTS),
    **_about(Topic.RECORD, _RECORD),
    **_about(Topic.VISITS, VISITS),
    **_about(Topic.ACCOUNT, MONEY),
    **_about(Topic.WORK, _WORK | RESEARCHERS | STUDIES),
    **_about(Topic.DESK, _DESK | COMMITTEE),
}
# What no choice and no hour holds back.
EMERGENCIES = frozenset(name for name, kind in KINDS.items() if kind.emergency)
OTHER = Kind(_("There is news about your account"), _("Open your portal to see it."), page="front:home")


def of(kind: str) -> Kind:
    """Return the words of a kind, or the vague ones for a kind without words."""
    return KINDS.get(kind, OTHER)
