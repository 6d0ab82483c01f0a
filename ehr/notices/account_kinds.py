"""What people are told about their own account: signing in, passphrases, second steps, lost keys."""

from django.utils.translation import gettext_lazy as _

from ehr.notices.kind import Kind, emergency

_SECURITY = _("Something about your sign-in changed")
_NOT_YOU = _("If this was not you, sign in, choose “Sign out everywhere”, and change your passphrase.")

ACCOUNT = {
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
            "once, for one hour. It lets you sign in; your record stays locked until you type your old passphrase, or "
            "get your keys back with two of your three shares. If it was not you, do nothing."
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
        _("Your record stays locked until you type your old passphrase, or get your keys back with two shares."),
        page="front:unlock",
        subject=_SECURITY,
        mail=_("A new passphrase was set by a link from this mailbox. If it was not you, ask for another link now."),
    ),
    "passphrase-reset-on-paper": Kind(
        _("A new passphrase was set with a paper from the desk"),
        _("Your record stays locked until you type your old passphrase, or get your keys back with two shares."),
        page="front:unlock",
        subject=_SECURITY,
        mail=_("A new passphrase was set with a paper that two of our staff made. If it was not you, call us now."),
        by_desk=True,
        post=_(
            "A new passphrase was set for your account, with a paper that two of us made for you. If it was you, you "
            "need do nothing. If it was not, call us today: nothing of your record opened by it."
        ),
    ),
    "add-address": Kind(
        _("Prove your e-mail address"),
        _("Use the link we sent you."),
        subject=_("Add this address to your account"),
        mail=_(
            "Somebody wants to add this e-mail address to their account. If it was you, open this link and type your "
            "passphrase. It works once, for two days. If it was not you, do nothing: nothing is added without it."
        ),
        link="front:add-email",
    ),
    "email-added": Kind(
        _("An e-mail address was added to your account"),
        _("You can sign in with it or with your sign-in name. If this was not you, take it away and call us."),
        page="front:email",
        subject=_SECURITY,
        mail=_NOT_YOU,
        by_desk=True,
        by_desk_too=True,
        post=_(
            "An e-mail address was added to your account. Whoever reads that mailbox can set a new passphrase, though "
            "that opens nothing of your record. If it was not you, call us today."
        ),
    ),
    "email-removed": Kind(
        _("Your e-mail address was taken from your account"),
        _("You sign in with your sign-in name. What should not wait, we tell you by letter or telephone."),
        page="front:email",
        subject=_("This address was taken from an account"),
        mail=_("This e-mail address was taken from an account here. If it was not you, call us now."),
    ),
    "postal-address-changed": Kind(
        _("The desk noted where letters reach you"),
        _("If you told them nothing new, call us: letters would go somewhere else."),
        page="front:email",
    ),
    "recovery-code-made": Kind(
        _("You have a new code on paper"),
        _("It is one of two things that bring your keys back. Any code from before does nothing any more. Destroy it."),
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
    "recovery-started": Kind(
        _("Somebody began to get your keys back"),
        _("If this is you, you need do nothing. If it is not, stop it now: it takes effect after a wait."),
        page="front:recover",
        subject=_("Somebody wants to get your keys back"),
        mail=_(
            "Somebody began to get your keys back. If it was you, do nothing. If it was not, open this link and stop "
            "it with one button; you need not sign in. If nobody stops it, it takes effect after a wait."
        ),
        link="front:recover-stop-letter",
        emergency=True,
        by_desk=True,
        post=_(
            "Somebody began to get your keys back. If it was you, you need do nothing. If it was not, call us today or "
            "come to us: we stop it at once. If nobody stops it, it takes effect after a wait."
        ),
    ),
    "recovery-share-given": Kind(
        _("You were given a share of your keys"),
        _("With two shares, and after the wait, you can open your record. If you asked for none, stop it now."),
        page="front:recover",
        subject=_SECURITY,
        mail=_NOT_YOU,
    ),
    "keys-renewed": Kind(
        _("Your keys were renewed"),
        _("Your record and what you share stay as they are. Other browsers ask for your passphrase again."),
        page="front:account",
        subject=_SECURITY,
        mail=_NOT_YOU,
    ),
    "recovery-cancelled": Kind(
        _("Getting your keys back was stopped"),
        _("Nothing was opened and nothing changed. If you did not stop it, begin again."),
        page="front:account",
        subject=_SECURITY,
        mail=_NOT_YOU,
    ),
    "recovery-finished": emergency(
        _("Your keys were replaced"),
        _("Your record opens with new keys; the old ones only stop things. If this was not you, call for help now."),
        page="front:recovery-code",
    ),
    "guardian-invited": Kind(
        _("Somebody asks you to keep a share of their keys"),
        _("It opens nothing by itself. If they lose their keys, you help them back. You can say no."),
        page="front:account",
    ),
    "guardian-agreed": Kind(
        _("Somebody agreed to keep a share of your keys"),
        _("Look whether it is whom you meant, then give them the share."),
        page="front:guardian",
    ),
    "guardian-ended": Kind(
        _("Somebody keeps a share of keys no longer"),
        _("Either you or they ended it. If it was your keys, you can choose somebody else."),
        page="front:account",
    ),
    "guardian-asked": Kind(
        _("Somebody asks you to help them back to their record"),
        _("Speak to them first, by telephone or face to face. You will see nothing of their record."),
        page="front:account",
    ),
}
