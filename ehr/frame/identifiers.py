"""The numbers by which people are known, as they are asked for: whose numbers they are, and what to call them."""

from django.utils.translation import gettext_lazy as _

# Staff can check these against a document. Sources: HL7 terminology (identifier systems), NHS Digital and Canada Health
# Infoway naming systems.
IDENTIFIERS = [
    ("", _("Choose one")),
    ("http://hl7.org/fhir/sid/us-ssn", _("Social security number (United States)")),
    ("https://fhir.nhs.uk/Id/nhs-number", _("NHS number (England)")),
    ("https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn", _("Health card number (Ontario)")),
    ("http://hl7.org/fhir/sid/passport", _("Passport number, with the country's three letters in front")),
]
