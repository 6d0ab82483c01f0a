"""What research does, as a person reads it on their list: data for `acts`. A study is named, nobody in it is."""

from django.utils.translation import gettext_lazy

from research.words import Act

THEIRS = {
    Act.READ: gettext_lazy("Read your %(parts)s for the study %(reader)s. Nobody was told who you are."),
    Act.REFUSED: gettext_lazy("Wanted to read your %(parts)s for the study %(reader)s, and was refused."),
    Act.COUNTED: gettext_lazy("Counted you among others for the study %(reader)s. Small numbers are shown to nobody."),
    Act.MEASURED: gettext_lazy(
        "Made figures about many people for the study %(reader)s, you among them. Small numbers are shown to nobody."
    ),
    Act.ASKED: gettext_lazy(
        "Answered a question of the study %(reader)s about many people, you among them. The answer was blurred, so "
        "that it says nothing of one person."
    ),
    Act.RELEASED: gettext_lazy(
        "Handed data to the study %(reader)s, with what you share and without anything that says who you are."
    ),
    Act.RECALLED: gettext_lazy(
        "Asked the researchers of the study %(reader)s to destroy what they have of you, because you withdrew."
    ),
    Act.DESTROYED: gettext_lazy("Said that the data they had of you for the study %(reader)s are destroyed."),
    Act.PUBLISHED: gettext_lazy("Published what the study %(reader)s found."),
    Act.PAID: gettext_lazy("Set aside what you are paid by the study %(reader)s."),
    Act.NAMED: gettext_lazy(
        "Handed your name and what you are due for research to those who pay it. No study is named."
    ),
    Act.SETTLED: gettext_lazy("Noted that you were paid what you are due for research."),
    Act.CREDITED: gettext_lazy("Sent what you are paid by the study %(reader)s to the account you named."),
    Act.NOT_TAKEN: gettext_lazy(
        "What you are paid by the study %(reader)s could not be sent through the contract. Its institution pays you."
    ),
    Act.LAPSED: gettext_lazy(
        "Sent back what you were due by the study %(reader)s, because the time to claim it ended."
    ),
    Act.WITHDRAWN: gettext_lazy("Ended your part in the study %(reader)s. It reads nothing of you any more."),
}
YOURS = {
    Act.CLAIMED: gettext_lazy("You had what you are paid by the study %(reader)s sent to an account of yours."),
    Act.LEFT: gettext_lazy("You left what you are paid by the study %(reader)s with its institution, which pays you."),
    Act.JOINED: gettext_lazy("You joined the study %(reader)s with your %(parts)s."),
    Act.WITHDRAWN: gettext_lazy("You withdrew from the study %(reader)s. It reads nothing of you any more."),
}
