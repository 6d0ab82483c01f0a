"""Everything people are told, as data: a heading and a sentence in the portal, a subject and a line by e-mail.

E-mails name nobody and say nothing about health, for a mailbox is read over shoulders. A kind nobody wrote
words for yet is told as news of the account: rather vague than silent.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_NEWS = _("There is something new for you")
_NEWS_MAIL = _("There is something new in your account. Sign in to read it.")


@dataclass(frozen=True)
class Kind:
    """One kind of news. `page` names the view with more to see; `link` names the view a letter's link leads to."""

    heading: str | Promise
    words: str | Promise
    page: str = ""
    subject: str | Promise = _NEWS
    mail: str | Promise = _NEWS_MAIL
    link: str = ""


_SECURITY = _("Something about your sign-in changed")
_NOT_YOU = _("If this was not you, sign in, choose “Sign out everywhere”, and change your passphrase.")

KINDS = {
    # Letters about an account
    "verify-address": Kind(
        _("Prove your e-mail address"),
        _("Use the link we sent you."),
        subject=_("Finish signing up"),
        mail=_(
            "Somebody signed up with this e-mail address. If it was you, open this link and type the passphrase you "
            "chose. It works once, for two days. If it was not you, do nothing: no account is made without the link."
        ),
        link="front:verify",
    ),
    "already-signed-up": Kind(
        _("Somebody tried to sign up with your address"),
        _("You already have an account, so nothing was changed."),
        page="front:account",
        subject=_("You already have an account"),
        mail=_(
            "Somebody tried to sign up with this e-mail address, which has an account. Nothing was changed. If it was "
            "you, sign in with your passphrase, or use “I cannot sign in” on that page."
        ),
    ),
    "reset-passphrase": Kind(
        _("A new passphrase was asked for"),
        _("Use the link we sent you."),
        subject=_("Choose a new passphrase"),
        mail=_(
            "Somebody asked for a new passphrase for this e-mail address. If it was you, open this link. It works "
            "once, for one hour. It lets you sign in; your record stays locked until you type your recovery code or "
            "your old passphrase. If it was not you, do nothing."
        ),
        link="front:reset",
    ),
    "sign-in-stopped": Kind(
        _("Somebody could not sign in as you"),
        _("There were too many wrong tries, so more were stopped for a while. Was it you? Then wait and try again."),
        page="front:account",
        subject=_("Too many wrong tries at your sign-in"),
        mail=_(
            "There were too many wrong tries to sign in to your account, so more were stopped for a while. If it was "
            "you, wait 15 minutes. If it was not, nothing was opened; a longer passphrase and a second step help."
        ),
    ),
    "passphrase-changed": Kind(
        _("Your passphrase was changed"), _NOT_YOU, page="front:account", subject=_SECURITY, mail=_NOT_YOU
    ),
    "passphrase-reset": Kind(
        _("A new passphrase was set by e-mail"),
        _("Your record stays locked until you type your recovery code or your old passphrase."),
        page="front:unlock",
        subject=_SECURITY,
        mail=_("A new passphrase was set by a link from this mailbox. If it was not you, ask for another link now."),
    ),
    "recovered": Kind(
        _("Your recovery code was used"),
        _("It set a new passphrase and unlocked your record. If you did not use it, change your passphrase now."),
        page="front:recovery-code",
        subject=_SECURITY,
        mail=_NOT_YOU,
    ),
    "recovery-code-made": Kind(
        _("You have a new recovery code"),
        _("Any code you wrote down before opens nothing any more. Destroy it."),
        page="front:account",
        subject=_SECURITY,
        mail=_NOT_YOU,
    ),
    "second-factor-enrolled": Kind(
        _("Signing in now takes a second step"), _NOT_YOU, page="front:account", subject=_SECURITY, mail=_NOT_YOU
    ),
    "second-factor-removed": Kind(
        _("Signing in no longer takes a second step"), _NOT_YOU, page="front:account", subject=_SECURITY, mail=_NOT_YOU
    ),
    # Sharing
    "somebody-let-in": Kind(
        _("You let somebody in"),
        _("See who can see your record, and stop it whenever you like."),
        page="patient:sharing",
    ),
    "access-given": Kind(_("A patient let you in"), _("You find them among your patients."), page="clinician:home"),
    "access-asked": Kind(
        _("Somebody asks to see part of your record"),
        _("Read who asks and why. You can say yes, choose less, or say no; no reason is needed."),
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
    "claim-ready": Kind(
        _("Your record is ready for you"),
        _("Two people checked who you are. Open your record to make it yours."),
        page="front:home",
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
    # Clinicians
    "credential.approved": Kind(
        _("Your licence was approved"), _("Patients can find you from now on."), page="clinician:credentials"
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
        _("Your licence counts again"), _("What patients share with you opens again."), page="clinician:credentials"
    ),
    "membership.confirmed": Kind(
        _("Your place of work confirmed you"),
        _("With an approved licence, patients can find you there."),
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
    # The desk
    "desk.credential-waiting": Kind(_("A licence waits for a decision"), _("Open it at the desk."), page="admin:index"),
    "desk.check-failed": Kind(
        _("A licence could not be re-checked"),
        _("After 72 hours without an answer it stops counting."),
        page="admin:index",
    ),
    "desk.case-opened": Kind(
        _("A patient does not recognise a line"), _("Answer within ten days."), page="admin:index"
    ),
    "desk.grant-altered": Kind(
        _("A permission does not match what its patient signed"),
        _("It opened nothing. Look at the log, compare the row with a backup, and find out who changed it."),
        page="admin:index",
    ),
    "desk.privilege-given": Kind(
        _("Somebody was given a desk role"),
        _("Look at “Accounts” who it is. If you do not know them, take the role back and ask who gave it."),
        page="admin:index",
    ),
    "desk.token-skipped": Kind(
        _("The chain passed over a consent, or the end of one"),
        _("Here it counts as before. Find out why at “Chain transactions”; the patient may have to sign it again."),
        page="admin:index",
    ),
    "desk.claim-waiting": Kind(
        _("A claim waits for an identity check"), _("Two people check, one after the other."), page="admin:index"
    ),
}
OTHER = Kind(_("There is news about your account"), _("Open your portal to see it."), page="front:home")


def of(kind: str) -> Kind:
    """Return the words of a kind, or the vague ones for a kind without words."""
    return KINDS.get(kind, OTHER)
