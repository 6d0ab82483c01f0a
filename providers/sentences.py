"""What is said to somebody who is not, or not yet, in good standing: what happened and what to do next."""

from django.utils.translation import gettext_lazy as _

STANDING = {
    "": _("In good standing."),
    "not-registered": _("You have not registered as a provider. Register with your licence to ask for access."),
    "account-suspended": _("This account is suspended. Call the desk to have it restored."),
    "email-unverified": _("Your e-mail address is not verified. Open the link we sent you, then try again."),
    "no-credential": _("No licence is on file for you. Hand in your licence to be let in to records."),
    "credential-pending": _("Your licence is waiting for a verifier. We will tell you when it is decided."),
    "credential-refused": _("Your licence was not accepted. Read the verifier's reason and hand it in again."),
    "credential-suspended": _("Your licence is suspended. Call the desk to learn why and what it takes to restore it."),
    "credential-revoked": _("Your licence was revoked. Call the desk if you think this is a mistake."),
    "credential-expired": _("Your licence has expired. Hand in the renewed licence to go on."),
    "check-overdue": _("Your licence could not be confirmed with its register for three days. Call the desk."),
    "no-institution": _("You do not work at any institution here. Ask yours to add you."),
    "membership-ended": _("You no longer work at this institution here. Ask your new institution to add you."),
    "membership-unconfirmed": _("Your institution has not confirmed that you work there. Ask its administrator."),
    "membership-not-begun": _("Your work at this institution has not begun. Come back on your first day."),
    "institution-suspended": _("Your institution is suspended. Ask its administrator what happens next."),
    "no-agreement": _("Your institution has no agreement in force. Ask its administrator to sign one."),
    "agreement-ended": _("Your institution has left. Its people no longer reach records here."),
    "agreement-expired": _("Your institution's agreement has run out. Ask its administrator to renew it."),
    "accreditation-expired": _("Your institution's accreditation has run out. Ask its administrator to renew it."),
}
