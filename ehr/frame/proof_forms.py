"""What is asked before something grave: the passphrase again, and the second step where there is one."""

from django import forms
from django.utils.translation import gettext_lazy

from ehr.accounts.models import User


class ProofForm(forms.Form):
    """Who it is, once more; `proving.prove_again` looks at it. Secrets are typed anew each time the page is shown."""

    passphrase = forms.CharField(
        label=gettext_lazy("Your passphrase"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
        error_messages={"required": gettext_lazy("Type your passphrase.")},
    )
    code = forms.CharField(
        label=gettext_lazy("The code of your second step"),
        max_length=20,
        help_text=gettext_lazy("Six digits of your app, or a backup code. Each works once."),
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={"required": gettext_lazy("Type the code.")},
    )

    def __init__(self, user: User, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if user.second_factor_at is None:
            del self.fields["code"]
