"""What each act on the log is called in a person's words: data for `story`, which picks and fills them in."""

from django.utils.translation import gettext_lazy

from ehr.portals.patient import research_acts

# What others did, what the patient did, and what a machine did, where the same act reads differently.
THEIRS = {
    **research_acts.THEIRS,
    "chart.opened": gettext_lazy("Read your %(parts)s."),
    "entry.opened": gettext_lazy("Read one entry of your %(parts)s."),
    "attachment.opened": gettext_lazy("Opened a file in your %(parts)s."),
    "chart.opened-elsewhere": gettext_lazy("Read your %(parts)s in another system, and said so here."),
    "record.searched": gettext_lazy("Searched your %(parts)s."),
    "subscription.made": gettext_lazy("Wants to be told when something is new in your %(parts)s."),
    "subscription.told": gettext_lazy("Was told that something is new in your %(parts)s. Nothing was opened."),
    "subscription.ended": gettext_lazy("Is told no more when something is new in your %(parts)s."),
    "record.exported": gettext_lazy("Took a copy of your %(parts)s."),
    "health-link.opened": gettext_lazy("Opened a link you handed out, to a summary of your %(parts)s."),
    "health-link.refused": gettext_lazy(
        "Tried a link you handed out with a passcode that did not fit. Nothing was opened."
    ),
    "chart.refused": gettext_lazy("Tried to open your %(parts)s and was refused."),
    "entry.refused": gettext_lazy("Tried to add to your %(parts)s and was refused."),
    "chart.listed": gettext_lazy("Saw your name in the list of their patients."),
    "entry.added": gettext_lazy("Added something to your %(parts)s."),
    "entry.changed": gettext_lazy("Changed something in your %(parts)s. What was there before is kept."),
    "entry.removed": gettext_lazy("Took something out of your %(parts)s. What was there before is kept."),
    "patient.named": gettext_lazy("Saw your name and date of birth. Nothing of your record was opened."),
    "access.asked": gettext_lazy("Asked to see your %(parts)s."),
    "access.withdrawn": gettext_lazy("Took back a request to see your %(parts)s."),
    "access.replied": gettext_lazy("Answered your question why they want to see your %(parts)s."),
    "patient.found": gettext_lazy(
        "Found you by your name, birth date and a number from a document. It lets them ask you, and opens nothing."
    ),
    "access.explained": gettext_lazy(
        "Asked, as an administrator, whether %(reader)s would be let in. Nothing of your record was opened."
    ),
    "access.not-explained": gettext_lazy("Tried to find out whether %(reader)s would be let in, and was refused."),
    "access.refused": gettext_lazy("Tried to ask for your %(parts)s and was refused."),
    "code.used": gettext_lazy("Used the code you showed. It lets them ask you, and opens nothing."),
    "grant.ended": gettext_lazy("Gave back the right to see your %(parts)s."),
    "nurse.assigned": gettext_lazy("Let %(reader)s look after you as a nurse of the care team %(team)s."),
    "nurse.unassigned": gettext_lazy("%(reader)s no longer looks after you as a nurse of the care team %(team)s."),
    "bedside.begun": gettext_lazy("Handed you their tablet, so that you answer what they asked. It opens nothing."),
    "delegation.accepted": gettext_lazy("Agreed to act for you. Nothing opens by that alone."),
    "delegation.ended": gettext_lazy("No longer acts for you, as they chose."),
    "delegation.vouched": gettext_lazy("Saw the papers of %(reader)s, who is to act for you. It takes two people."),
    "delegation.made": gettext_lazy("Confirmed, as the second person, that %(reader)s acts for you."),
    "delegation.withdrawn": gettext_lazy("Ended that %(reader)s acts for you, because the papers changed."),
    "record.opened-for": gettext_lazy("Read your %(parts)s, acting for you."),
    "record.refused-for": gettext_lazy("Tried to act for you, and was refused."),
    "consent.proposed": gettext_lazy("Said that you agreed to share your %(parts)s. It opens nothing: you decide."),
    "record.log-read": gettext_lazy("Read this list, as you let it."),
    "record.log-refused": gettext_lazy("Tried to read this list, or what you agreed to, and was refused."),
    "record.log-read-for": gettext_lazy("Read this list, acting for you."),
    "entry.added-for": gettext_lazy("Added something to your %(parts)s, acting for you."),
    "grant.made": gettext_lazy("Let %(reader)s see your %(parts)s, in your name."),
    "case.opened": gettext_lazy("Asked about a line of this list."),
    "case.read": gettext_lazy("Read a question of yours, to answer it."),
    "case.answered": gettext_lazy("Answered a question of yours."),
    "case.closed": gettext_lazy("Closed a question of yours that was answered."),
    "case.assigned": gettext_lazy("Took on a question about your record, or gave it to another officer."),
    "emergency.found": gettext_lazy("Looked for you by name and birth date in an emergency. That opened nothing."),
    "emergency.opened": gettext_lazy("Opened your %(parts)s in an emergency, without asking you first."),
    "emergency.refused": gettext_lazy("Wanted to open your %(parts)s in an emergency and was refused."),
    "emergency.failed": gettext_lazy("Wanted to open your %(parts)s in an emergency. Nothing was opened."),
    "emergency.ended": gettext_lazy("Ended an emergency access to your %(parts)s."),
    "emergency.read": gettext_lazy("Read why your record was opened in an emergency, to look at whether it was right."),
    "emergency.reviewed": gettext_lazy("Looked at whether an emergency access to your record was right."),
    "identity.checked": gettext_lazy("Saw your document and confirmed who you are. A second person does so too."),
    "identity.verified": gettext_lazy("Saw your document and confirmed, as the second person, who you are."),
    "record.join-proposed": gettext_lazy(
        "Said that another record here may be yours, too. Two people must confirm it."
    ),
    "record.join-checked": gettext_lazy("Confirmed that another record is yours, too. A second person must do so."),
    "record.joined": gettext_lazy(
        "Confirmed that two records are one person’s. What is sent under the numbers of either goes to one of them now."
    ),
    "record.join-refused": gettext_lazy("Found that another record is not yours. The two stay apart."),
    "record.part-proposed": gettext_lazy(
        "Said that two records are two people’s after all. A second one must confirm."
    ),
    "record.parted": gettext_lazy(
        "Led the numbers of two records apart again. Entries that came in between are looked at one by one."
    ),
    "stray.named": gettext_lazy("Said that something in this record is about somebody else. A second person decides."),
    "stray.removed": gettext_lazy(
        "Took something out of this record that is about somebody else. Its keys were destroyed, unread."
    ),
    "stray.addressed": gettext_lazy("Said to whom something in this record belongs. A second person decides."),
    "stray.moved": gettext_lazy(
        "Sent what was about somebody else on to the record where it belongs. Its keys here are destroyed."
    ),
    "stray.arrived": gettext_lazy(
        "Brought something here that is about this record’s patient and had landed in somebody else’s record."
    ),
    "stray.kept": gettext_lazy("Found that something in this record is about its patient after all. It stays."),
    "claim.invited": gettext_lazy("Made an invitation on paper, so that this record can come to its patient."),
    "claim.taken-up": gettext_lazy("Used an invitation to this record. That alone opens nothing."),
    "claim.checked": gettext_lazy("Saw your document and confirmed that this record is yours."),
    "claim.refused": gettext_lazy("Found that somebody who wanted this record is not its patient. It stayed closed."),
    "claim.closed": gettext_lazy("Closed another claim to this record, for it has its patient now."),
    "claim.released": gettext_lazy("Got this record handed over, after two people had confirmed whose it is."),
    "recovery.checked": gettext_lazy("Saw your document, so that you get your keys back. It takes two people."),
    "recovery.shortened": gettext_lazy("Met you, as the second person, so you need not wait for your keys."),
    "recovery.released": gettext_lazy("Handed the institution’s share of your keys to you. It opens nothing alone."),
    "recovery.share-given": gettext_lazy("Handed their share of your keys to you. It opens nothing alone."),
    "paper.checked": gettext_lazy("Saw your document, for a paper with which you sign in again. It takes two people."),
    "paper.printed-again": gettext_lazy("Made their half of your paper’s code anew. The one before works no more."),
    "paper.ended": gettext_lazy("Ended a paper that was made for you. It opens nothing any more."),
    "paper.refused": gettext_lazy("Tried to make you a paper to sign in with, and was refused: a number did not fit."),
    "person.told": gettext_lazy("Told you, by letter, telephone or face to face, what you have no e-mail for."),
    "person.address-noted": gettext_lazy("Noted where letters and calls reach you."),
    "recovery.refused": gettext_lazy("Tried to help with your lost keys, and was refused: it did not fit."),
    "record.claimed": gettext_lazy("Took over this record."),
    "referral.proposed": gettext_lazy("Proposed that %(reader)s see your %(parts)s."),
    "referral.withdrawn": gettext_lazy("Took back the proposal that %(reader)s see your %(parts)s."),
    "referral.mandated": gettext_lazy("Let %(reader)s see your %(parts)s, as you had agreed to beforehand."),
    "report.filed": gettext_lazy("Filed the report they were asked for."),
    "succession.released": gettext_lazy(
        "Got the keys of this record after a death, once two people had confirmed who may have them."
    ),
    "record.left": gettext_lazy("Left this record while it was empty, for another one that had arrived."),
    "app.connected": gettext_lazy(
        "Let the app %(reader)s work for them with your record. It sees no more than they may see."
    ),
    "app.stopped": gettext_lazy("Stopped the app %(reader)s, which worked for them with your record."),
    "appointment.read-for": gettext_lazy("Looked at your visits, acting for you."),
    "appointment.booked": gettext_lazy("Booked a visit with %(reader)s for you."),
    "appointment.proposed": gettext_lazy("Proposed a time with %(reader)s to you."),
    "appointment.accepted": gettext_lazy("Agreed, for you, to a time with %(reader)s."),
    "appointment.moved": gettext_lazy("Put your visit with %(reader)s at another time."),
    "appointment.cancelled": gettext_lazy("Cancelled your visit with %(reader)s."),
    "appointment.arrived": gettext_lazy("Noted that you arrived for your visit with %(reader)s."),
    "appointment.begun": gettext_lazy("Noted that your visit with %(reader)s began."),
    "appointment.fulfilled": gettext_lazy("Noted that your visit with %(reader)s took place."),
    "appointment.missed": gettext_lazy("Noted that you did not come to your visit with %(reader)s."),
    "appointment.mistaken": gettext_lazy("Noted that a visit with %(reader)s had been entered by mistake."),
    "appointment.undone": gettext_lazy("Took back what had been noted about your visit with %(reader)s."),
    "appointment.disputed": gettext_lazy("Said, for you, that you came to your visit with %(reader)s, or could not."),
    "appointment.dispute-answered": gettext_lazy("Looked at what you said about your visit with %(reader)s."),
    "video.agreed": gettext_lazy(
        "Agreed, for you, to talk by video with %(reader)s, on a service outside your record."
    ),
    "video.taken-back": gettext_lazy("Said, for you, that you would rather not talk by video with %(reader)s."),
    "video.let-in": gettext_lazy("Let you in to a room where you talk by video. Only you and they can open it."),
    "video.opened": gettext_lazy("Opened the room where you talk by video with %(reader)s."),
    "video.link-renewed": gettext_lazy("Had a new link made to the room where you talk by video with %(reader)s."),
    "video.refused": gettext_lazy(
        "Tried a link to a room of yours that was used, dead or not theirs, and was refused."
    ),
    "appointment.read": gettext_lazy("Looked at your visits: when, where, with whom and what for."),
    "joining.read": gettext_lazy("Looked at which studies you take part in, or took part in before."),
    "appointment.refused": gettext_lazy("Wanted to do something with a visit of yours, and was refused."),
    "waiting.lapsed": gettext_lazy("An earlier time with %(reader)s was offered to you, and passed on unanswered."),
    "waiting.declined": gettext_lazy("Left an earlier time with %(reader)s, for you, to who waits next."),
    "insurance.added": gettext_lazy("Put an insurance of yours on file."),
    "insurance.removed": gettext_lazy("Took an insurance of yours off file."),
    "insurance.asked": gettext_lazy("Asked your insurer whether your insurance covers the day of a visit."),
    "waiting.joined": gettext_lazy("Put you on the list of who would like to come sooner to %(reader)s."),
    "waiting.left": gettext_lazy("Took you off the list of who would like to come sooner to %(reader)s."),
    "waiting.offered": gettext_lazy("Offered you an earlier time with %(reader)s."),
    "payment.deposited": gettext_lazy("Took a payment of yours, to be kept in escrow until your visit."),
    "payment.taken": gettext_lazy("Took a payment of yours at the front desk."),
    "payment.returned": gettext_lazy("Gave money back to you at the front desk."),
    "invoice.opened": gettext_lazy("A bill was made for a visit of yours."),
    "payment.reserved": gettext_lazy("Money for a visit was set aside. It is taken after the visit, or as agreed."),
    "payment.freed": gettext_lazy("Money that was set aside for a visit was not needed, and is yours again."),
    "payment.bounced": gettext_lazy("Money that was given back to you came back. The front desk looks at it."),
    "payment.by-payer": gettext_lazy("Your insurer paid for a visit."),
    "payment.stuck": gettext_lazy("A payment for a visit did not go through. The front desk looks at it."),
    "payment.waived": gettext_lazy("Asks for less of a bill of yours."),
    "payment.asked-again": gettext_lazy("Asks again for what was no longer asked of a bill of yours."),
    "payment.mistaken": gettext_lazy("Took back that you paid at the front desk: it had been noted by mistake."),
    "payment.let-go": gettext_lazy("Finishes a payment of yours at the front desk, for it could not go on by itself."),
    "payment.taken-up": gettext_lazy("Lets a payment of yours go on by itself after all."),
}
YOURS = {
    **research_acts.YOURS,
    "device.added": gettext_lazy("You let your device %(reader)s send readings. It can read nothing."),
    "device.stopped": gettext_lazy("You stopped your device %(reader)s. It sends nothing more."),
    "stray.named": gettext_lazy("You said that something in your record is about somebody else. Staff look at it."),
    "record.begun": gettext_lazy("You began this record."),
    "claim.taken-up": gettext_lazy("You used your invitation to this record."),
    "claim.released": gettext_lazy("This record was handed over to you, after two people had confirmed who you are."),
    "record.claimed": gettext_lazy("You took over this record. From now on it opens with your keys."),
    "record.left": gettext_lazy("You left this record while it was empty, for another one that had arrived for you."),
    "record.opened": gettext_lazy("You read your %(parts)s."),
    "record.searched": gettext_lazy("You searched your %(parts)s."),
    "record.exported": gettext_lazy("You took a copy of your %(parts)s."),
    "entry.opened": gettext_lazy("You read one entry of your %(parts)s."),
    "entry.removed": gettext_lazy("You took something out of your %(parts)s. What was there before is kept."),
    "record.copied": gettext_lazy("You made a copy of your %(parts)s, to take along."),
    "record.collected": gettext_lazy("You saved the file with your whole record."),
    "patient.calendar-made": gettext_lazy("You made a secret address by which your own calendar shows your visits."),
    "patient.calendar-ended": gettext_lazy("You ended the secret address of your calendar."),
    "health-link.made": gettext_lazy("You handed out a link to a summary of your %(parts)s."),
    "health-link.stopped": gettext_lazy("You stopped a link you had handed out."),
    "attachment.opened": gettext_lazy("You opened a file of yours."),
    "entry.added": gettext_lazy("You added something to your %(parts)s."),
    "entry.changed": gettext_lazy("You changed something in your %(parts)s."),
    "paper.used": gettext_lazy("You used a paper from the desk, and chose a passphrase. It unlocked nothing."),
    "recovery.started": gettext_lazy("You began to get your keys back. If it was not you, ask about this line."),
    "recovery.cancelled": gettext_lazy("You stopped getting your keys back. Nothing was opened."),
    "recovery.finished": gettext_lazy("You got your keys back, by two shares. They are new now."),
    "grant.made": gettext_lazy("You let %(reader)s see your %(parts)s."),
    "grant.ended": gettext_lazy("You stopped sharing your %(parts)s with %(reader)s."),
    "access.approved": gettext_lazy("You said yes to what %(reader)s asked for."),
    "access.declined": gettext_lazy("You said no to what %(reader)s asked for."),
    "consent.taken-up": gettext_lazy("You looked at what you were said to have agreed to, and decided for yourself."),
    "consent.dismissed": gettext_lazy("You put aside what you were said to have agreed to."),
    "access.asked-why": gettext_lazy("You asked %(reader)s why they want to see your %(parts)s."),
    "code.shown": gettext_lazy("You made a code to show to a clinician."),
    "case.opened": gettext_lazy("You asked about a line of this list."),
    "emergency.ended": gettext_lazy("You ended an emergency access to your %(parts)s."),
    "emergency.contact-named": gettext_lazy("You named who is to be told when your record is opened in an emergency."),
    "emergency.contact-removed": gettext_lazy("You named nobody any more to be told of emergencies."),
    "emergency.opted-out": gettext_lazy("You keep your %(parts)s shut even in an emergency."),
    "emergency.opted-in": gettext_lazy("You let your %(parts)s be opened in an emergency again."),
    "referral.approved": gettext_lazy("You said yes to the proposal that %(reader)s see your %(parts)s."),
    "referral.declined": gettext_lazy("You said no to the proposal that %(reader)s see your %(parts)s."),
    "mandate.made": gettext_lazy("You let %(reader)s pass on your %(parts)s, within the limits you signed."),
    "mandate.ended": gettext_lazy("You ended that %(reader)s may pass on your %(parts)s."),
    "reader.blocked": gettext_lazy("You keep %(reader)s out by name from now on."),
    "reader.unblocked": gettext_lazy("You let %(reader)s be let in again. Nothing opens for them by that alone."),
    "record.viewed-as": gettext_lazy("You looked at your record the way %(reader)s sees it."),
    "delegation.asked": gettext_lazy("You asked %(reader)s to act for you."),
    "delegation.made": gettext_lazy("You let %(reader)s act for you."),
    "delegation.ended": gettext_lazy("You ended that %(reader)s acts for you."),
    "safety.changed": gettext_lazy("You changed what you keep from %(reader)s, who acts for you."),
    "app.stopped": gettext_lazy("You stopped the app %(reader)s."),
    "grants.moved": gettext_lazy("You decided what becomes of all that you shared with %(reader)s."),
    "appointment.booked": gettext_lazy("You booked a visit with %(reader)s."),
    "appointment.confirmed": gettext_lazy("You said, by the link of a reminder, that you will come to %(reader)s."),
    "appointment.accepted": gettext_lazy("You agreed to a time with %(reader)s."),
    "appointment.moved": gettext_lazy("You put your visit with %(reader)s at another time."),
    "appointment.cancelled": gettext_lazy("You cancelled your visit with %(reader)s."),
    "appointment.arrived": gettext_lazy("You entered your visit with %(reader)s."),
    "video.agreed": gettext_lazy("You agreed to talk by video with %(reader)s, on a service outside your record."),
    "video.taken-back": gettext_lazy("You said that you would rather not talk by video with %(reader)s."),
    "video.opened": gettext_lazy("You opened the room where you talk by video with %(reader)s."),
    "video.link-renewed": gettext_lazy("You had a new link made to the room where you talk with %(reader)s."),
    "appointment.disputed": gettext_lazy("You said that you came to your visit with %(reader)s, or could not."),
    "appointment.undone": gettext_lazy("You took back what you had done with your visit with %(reader)s."),
    "insurance.added": gettext_lazy("You put an insurance on file."),
    "insurance.removed": gettext_lazy("You took an insurance off file."),
    "insurance.asked": gettext_lazy("You had your insurer asked whether your insurance covers the day of a visit."),
    "waiting.joined": gettext_lazy("You joined the list of who would like to come sooner to %(reader)s."),
    "waiting.left": gettext_lazy("You left the list of who would like to come sooner to %(reader)s."),
    "waiting.declined": gettext_lazy("You left an earlier time with %(reader)s to who waits next."),
}
# What the patient tried while their own keys were locked.
YOURS_REFUSED = {
    "video.refused": gettext_lazy("You tried a link to the room of a visit by video that was used or dead."),
    "emergency.refused": gettext_lazy("You wanted to open your own record as if in an emergency. It is always yours."),
    "record.viewed-as": gettext_lazy(
        "You wanted to see your record the way %(reader)s does. Your keys were locked, so nothing opened."
    ),
    "record.copied": gettext_lazy("You wanted to copy your record. Your keys were locked, so nothing was copied."),
    "record.opened": gettext_lazy("You wanted to read your %(parts)s. Your keys were locked, so nothing opened."),
    "record.searched": gettext_lazy("You wanted to search your %(parts)s. Your keys were locked, so nothing opened."),
    "record.exported": gettext_lazy("You wanted a copy of your %(parts)s. Your keys were locked, so nothing opened."),
    "entry.opened": gettext_lazy("You wanted to read your %(parts)s. Your keys were locked, so nothing opened."),
    "record.refused": gettext_lazy(
        "You wanted your %(parts)s. This program was not let to ask for it: nothing opened."
    ),
    "attachment.opened": gettext_lazy("You wanted to open a file of yours. Your keys were locked, so nothing opened."),
    "entry.refused": gettext_lazy("You wanted to add to your %(parts)s. Your keys were locked, so nothing was saved."),
}
AUTOMATIC = {
    "insurance.asked": gettext_lazy("Your insurer was asked whether your insurance covers the day of a visit."),
    "insurance.answered": gettext_lazy("Your insurer answered whether your insurance covers the day of a visit."),
    "insurance.claimed": gettext_lazy(
        "The bill of a visit was sent to your insurer: your name, the day and the price."
    ),
    "insurance.decided": gettext_lazy("Your insurer answered the bill of a visit."),
    "app.stopped": gettext_lazy(
        "Stopped the app %(reader)s: it gave back what you allowed, or somebody else showed a key of it."
    ),
    "escrow.opened": gettext_lazy("Let the keys of your %(parts)s go, for what another line of this list says."),
    "escrow.share-opened": gettext_lazy(
        "Let the institution's share of your keys go, for what another line of this list says. Alone it opens nothing."
    ),
    "escrow.refused": gettext_lazy("Was asked for the keys of your record and kept them. Nothing was opened."),
    "record.begun": gettext_lazy("Began this record for you before you were here."),
    "grant.altered": gettext_lazy(
        "A permission did not match what you signed, so it opened nothing. The privacy officer was told."
    ),
    "entry.added": gettext_lazy("Sent something for your %(parts)s."),
    "record.sorted": gettext_lazy(
        "Looked, while you were signed in, whether everything is in the part of your record where it belongs."
    ),
    "entry.moved": gettext_lazy("Moved something into your %(parts)s: from now on only who may see those sees it."),
    "entry.removed": gettext_lazy("Took back something it had sent for your %(parts)s."),
    "entry.changed": gettext_lazy("Sent something newer for your %(parts)s."),
    "grant.ended": gettext_lazy("The time you gave %(reader)s for your %(parts)s was over."),
    "grant.unknown-token": gettext_lazy(
        "The public proof of what you gave %(reader)s was ended, and not from here. If you did not do it, "
        "somebody else has your keys: tell the privacy officer."
    ),
    "emergency.overdue": gettext_lazy(
        "Nobody has looked yet at whether an emergency access to your record was right. The officers were reminded."
    ),
    "grant.token-skipped": gettext_lazy(
        "The public proof of what you gave %(reader)s was not accepted there. Here it counts as before."
    ),
    "payment.taken": gettext_lazy("A payment for a visit was taken, as agreed at the booking."),
    "payment.returned": gettext_lazy("Money for a visit was given back to you."),
}
# What somebody else found or put right, where that is what a line is about.
FOUND = {
    ("patient.named", "visits"): gettext_lazy(
        "Saw your name among the visits of a day. Nothing of your record was opened."
    ),
    ("entry.changed", "taken-back"): gettext_lazy(
        "Took back what they had recorded as handed out for a prescription. It stays there, marked as a mistake."
    ),
    ("entry.changed", "put-right"): gettext_lazy(
        "Put right what they had recorded as handed out for a prescription. What was there before is kept."
    ),
    ("recovery.cancelled", "stopped-at-desk"): gettext_lazy(
        "Stopped getting your keys back, because you asked the desk to. Nothing was opened."
    ),
    ("emergency.reviewed", "justified"): gettext_lazy(
        "Looked at an emergency access to your record and found that it was justified."
    ),
    ("emergency.reviewed", "unjustified"): gettext_lazy(
        "Looked at an emergency access to your record and found that it was not justified. A case was opened."
    ),
}
# What somebody did in the patient's name.
IN_YOUR_NAME = {
    "grant.ended": gettext_lazy("Stopped sharing your %(parts)s with %(reader)s, in your name."),
    "claim.released": gettext_lazy(
        "Got the keys of your %(parts)s, to act for you, after two people had confirmed that."
    ),
}
# What happened by itself, or by its patient, for another reason than usual.
CAUSED = {
    ("recovery.cancelled", "objected"): gettext_lazy(
        "Getting your keys back was stopped on the chain, by whoever holds the keys that were said to be lost."
    ),
    ("recovery.cancelled", "given-up"): gettext_lazy(
        "You did not finish getting your keys back in time, so it is over. Nothing was opened."
    ),
    ("grant.ended", "changed"): gettext_lazy(
        "You changed what %(reader)s may see: what you had agreed to before ended in the moment the new one began."
    ),
    ("escrow.refused", "keyholder-away"): gettext_lazy(
        "Could not reach the keyholder for the keys of your record. Nothing was opened."
    ),
    ("grant.ended", "parent"): gettext_lazy(
        "%(reader)s lost the right to see your %(parts)s, because the permission it came from is over."
    ),
    ("grant.ended", "visit"): gettext_lazy(
        "%(reader)s lost the right to see your %(parts)s, because the visit it was for was called off."
    ),
    ("grant.ended", "withdrawn"): gettext_lazy(
        "The app %(reader)s lost the right to see your %(parts)s, because it is no longer in use here."
    ),
    ("grant.ended", "standing"): gettext_lazy(
        "%(reader)s lost the right to see your %(parts)s, because their licence or workplace no longer counts."
    ),
}
