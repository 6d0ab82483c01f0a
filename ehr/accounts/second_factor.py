"""The second step of signing in: an authenticator app, and a sheet of backup codes. Roles decide who must have one."""

import base64
import os
from urllib.parse import quote, urlencode

import segno
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django_otp.models import Device

from audit import log
from ehr import clock
from ehr.accounts import attempts, codes, letters, queries
from ehr.accounts.models import Attempt, AuthenticatorApp, BackupCode, BackupCodes, User
from ehr.accounts.operations import Refused, refuse_on_the_log, stop_if_last

SHEET_SIZE = 10
_SECRET_BYTES = 20  # RFC 4226 §4 R6


def enrolment(user: User) -> AuthenticatorApp:
    """Return the app a person is about to enrol, made anew where none waits. Until confirmed it counts for nothing."""
    waiting = AuthenticatorApp.objects.filter(user=user, confirmed=False).first()
    if waiting is None:
        waiting = AuthenticatorApp(user=user, name="authenticator", confirmed=False)
        waiting.secret = os.urandom(_SECRET_BYTES)
        waiting.save()
    return waiting


def secret_text(app: AuthenticatorApp) -> str:
    """Return the secret as a person types it into an app: base 32 in groups of four."""
    text = base64.b32encode(app.secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def picture(app: AuthenticatorApp) -> str:
    """Return the secret as a QR code: an inline SVG with neither style nor script."""
    issuer = settings.OTP_TOTP_ISSUER
    query = urlencode({"secret": base64.b32encode(app.secret).decode(), "issuer": issuer})
    uri = f"otpauth://totp/{quote(f'{issuer}:{app.user.signs_in_with}')}?{query}"
    return segno.make(uri, error="m").svg_inline(scale=4, border=4, light="#fff", svgclass="qr", omitsize=True)


def enrol(*, user: User, code: str, address: str) -> tuple[AuthenticatorApp, list[str]]:
    """Confirm the waiting app by its first code, and return it with a sheet of backup codes, told only now.

    An app enrolled before is replaced. Raises Refused.
    """
    attempt = _begin(user, address)
    with transaction.atomic():
        waiting = AuthenticatorApp.objects.select_for_update().filter(user=user, confirmed=False).first()
        if waiting is not None and waiting.verify_token(code):
            AuthenticatorApp.objects.filter(user=user, confirmed=True).delete()
            waiting.confirmed = True
            waiting.save(update_fields=["confirmed"])
            user.second_factor_at = clock.now()
            user.save(update_fields=["second_factor_at"])
            log.append("second-factor.enrolled", actor=queries.party(user), subject=None, outcome="done")
            letters.write(user, "second-factor-enrolled", key=f"enrolled-{waiting.pk}")
            sheet = _new_sheet(user)
        else:
            waiting = None
    if waiting is None:
        _failed(user, attempt)
        raise Refused(_("That code does not fit. Type the six digits your app shows now."))
    attempts.turned_out_well(attempt)
    return waiting, sheet


def check(*, user: User, code: str, address: str) -> Device:
    """Return the device that a code belongs to: six digits are the app's, anything longer is off the sheet.

    Raises Refused; every try is on the log, and a code works once.
    """
    attempt = _begin(user, address)
    digits = code.replace(" ", "")
    model = AuthenticatorApp if digits.isdigit() and len(digits) == 6 else BackupCodes
    with transaction.atomic():
        device = model.objects.select_for_update().filter(user=user, confirmed=True).first()
        fits = device is not None and device.verify_token(code)
    if not fits:
        _failed(user, attempt)
        raise Refused(
            _("That code does not fit, or was used before. Type the one your app shows now, or a backup code.")
        )
    attempts.turned_out_well(attempt)
    log.record(
        "second-factor.passed",
        actor=queries.party(user),
        subject=None,
        outcome="done",
        details={"with": model.__name__},
    )
    return device


def renew_backup_codes(*, user: User) -> list[str]:
    """Return a new sheet of backup codes, told only now; the sheet before it works no more."""
    with transaction.atomic():
        log.append("backup-codes.made", actor=queries.party(user), subject=None, outcome="done")
        return _new_sheet(user)


def remove(*, user: User) -> None:
    """Stop asking a person for a second step. Whether their role allows it is asked before this is called."""
    with transaction.atomic():
        AuthenticatorApp.objects.filter(user=user).delete()
        BackupCodes.objects.filter(user=user).delete()
        user.second_factor_at = None
        user.save(update_fields=["second_factor_at"])
        log.append("second-factor.removed", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "second-factor-removed", key=f"removed-{user.id}-{clock.now():%Y%m%dT%H%M%S%f}")


def _new_sheet(user: User) -> list[str]:
    sheet, _new = BackupCodes.objects.get_or_create(user=user, defaults={"name": "backup codes", "confirmed": True})
    sheet.codes.all().delete()
    told: set[str] = set()
    while len(told) < SHEET_SIZE:
        told.add(codes.new(codes.BACKUP_GROUPS))
    BackupCode.objects.bulk_create(BackupCode(sheet=sheet, digest=BackupCode.digest_of(user.id, code)) for code in told)
    return sorted(told)


def _begin(user: User, address: str) -> Attempt:
    try:
        return attempts.begin("second-factor", account=user.signs_in_with, address=address)
    except attempts.TooMany as stop:
        refuse_on_the_log(user, "too-many-tries", "second-factor.refused")
        raise Refused(stop.message) from stop


def _failed(user: User, attempt: Attempt) -> None:
    refuse_on_the_log(user, "no-match", "second-factor.refused")
    stop_if_last(attempt, user)
