"""A chart's lists under the headings their person reads, in the order of the page: what matters most first."""

from django.utils.translation import gettext_lazy as _

HEADINGS = (
    ("allergies", _("Allergies")),
    ("problems", _("Conditions")),
    ("not_given", _("Not to be given")),
    ("medicines", _("Medicines")),
    ("dispensed", _("Handed out by a pharmacy")),
    ("vitals", _("Measurements")),
    ("labs", _("Test results")),
    ("reports", _("Reports and pictures")),
    ("notes", _("Notes and documents")),
    ("plans", _("Plans, goals and referrals")),
    ("immunizations", _("Vaccinations")),
    ("procedures", _("Operations and procedures")),
    ("encounters", _("Visits")),
    ("past_problems", _("Past conditions")),
    ("past_medicines", _("Medicines you no longer take")),
    ("answers", _("Questionnaires and habits")),
    ("family", _("Illnesses in your family")),
    ("people", _("You, your people and places")),
    ("bills", _("Bills")),
    ("other", _("Other entries")),
    ("struck", _("Entered in error")),
)
UNREADABLE = _("Entries that do not open")
