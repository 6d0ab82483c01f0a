"""Telling the person a patient named for this. They need have no account, so the letter is a parcel of its own."""

from consent.models import ContactParcel, Emergency, EmergencyContact
from ehr.notices import mail

KIND = "emergency-access-contact"


def tell(emergency: Emergency) -> None:
    """Put the contact's letter into the outbox, in the caller's transaction, where the patient named somebody."""
    contact = EmergencyContact.objects.filter(patient=emergency.patient_id, ended_at__isnull=True).first()
    if contact is not None:
        key = f"emergency:{emergency.pk}:contact"
        ContactParcel.objects.get_or_create(
            key=key, defaults={"kind": KIND, "emergency": emergency, "contact": contact}
        )


def tell_contact(parcel: ContactParcel) -> None:
    """Send one letter. Sending it twice sends the same Message-ID twice."""
    mail.send_to(parcel, email=parcel.contact.email, language=parcel.contact.language)
