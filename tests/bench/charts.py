"""Opening a chart, sealed and in plaintext; giving access."""

import hashlib
import json
import uuid

from django.db import connection

from consent import access, keys, queries, rules
from consent.sharing import grants
from ehr import clock
from ehr.crypto import opening, sealing
from ehr.words import Action, Category, Purpose
from patients import vault
from tests import people
from tests.bench.measuring import Row, cpu_ms

TEXT = "Reported by the laboratory; the sample was taken before breakfast and kept cool on its way. " * 7


def resource(number: int) -> dict:
    """One result of about 1.5 KB, the mean of a real record."""
    return {
        "resourceType": "Observation",
        "id": str(uuid.uuid4()),
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"}]},
        "subject": {"reference": f"Patient/{uuid.uuid4()}"},
        "effectiveDateTime": f"20{number % 25:02}-03-04T08:30:00Z",
        "valueQuantity": {"value": 5.0 + number % 40 / 10, "unit": "%", "code": "%"},
        "referenceRange": [{"low": {"value": 4.0, "unit": "%"}, "high": {"value": 5.6, "unit": "%"}}],
        "note": [{"text": TEXT}],
    }


def _record(count: int):
    """A patient with `count` entries over six parts, and a doctor who may read them all."""
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    parts = list(Category)
    drafts = [
        access.Draft(resource=json.dumps(resource(n)).encode(), parts=(str(parts[n % 6]),), search=b"{}")
        for n in range(count)
    ]
    access.add_own(ana.patient, drafts, keyring=ana.keyring)
    people.give(ana, lee, *Category)
    _plain_table(ana.patient, drafts)
    return ana, lee


def _plain_table(patient, drafts) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "create table if not exists plain_entry (id integer primary key, patient_id text, logical_id text, "
            "version integer, part text, written_at text, author_name text, body blob)"
        )
        cursor.execute("create index if not exists plain_by_patient on plain_entry (patient_id)")
        rows = [
            (patient.pk.hex, d.logical_id.hex, 1, d.parts[0], str(clock.now()), "Ana Costa", d.resource) for d in drafts
        ]
        cursor.executemany(
            "insert into plain_entry (patient_id, logical_id, version, part, written_at, author_name, body) "
            "values (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


def _decide(patient, reader) -> dict[str, object]:
    """Read the grants and decide on all six parts: what either kind of record must do before it shows anything."""
    at = clock.now()
    grants = {grant.pk: grant for grant in queries.between(patient, reader.user)}
    facts = [queries.facts(grant) for grant in grants.values()]
    standing = rules.ReaderFacts(active=True, in_good_standing=True)
    by_part = {}
    for part in Category:
        decision = rules.decide(
            reader=standing, grants=facts, category=part, action=Action.READ, purpose=Purpose.TREAT, at=at
        )
        by_part[str(part)] = grants[decision.grant]
    return by_part


def _read_plain(patient, reader) -> list[dict]:
    """Decide, read the rows as text, make the same objects and parse them."""
    parts = list(_decide(patient, reader))
    marks = ", ".join(["%s"] * len(parts))
    with connection.cursor() as cursor:
        cursor.execute(
            "select logical_id, version, part, written_at, author_name, body from plain_entry "
            f"where patient_id = %s and part in ({marks}) order by written_at desc, id",
            [patient.pk.hex, *parts],
        )
        found = [
            vault.OpenEntry(
                bytes.fromhex(logical_id), bytes.fromhex(logical_id), version, (part,), written_at, 0, body, name, True
            )
            for logical_id, version, part, written_at, name, body in cursor.fetchall()
        ]
    return [entry.resource for entry in found]


def _read_sealed(patient, reader) -> list[dict]:
    """Decide, open six seals and every entry, check the authors: everything but the log's commit."""
    boxes = keys.granted_boxes(patient, _decide(patient, reader), keyring=reader.keyring)
    return [entry.resource for entry in vault.read(patient, boxes)]


def _where_it_goes(more: float) -> str:
    """Return in words what the microseconds are spent on that an entry costs more when it is sealed."""
    body, dek, aad = json.dumps(resource(1)).encode(), sealing.new_key(), bytes(64)
    sealed, wrapped = sealing.encrypt_committed(dek, body, aad=aad), sealing.encrypt(dek, dek, aad=aad)
    opener = opening.KeyOpener(dek)
    opened, unwrapped, digested = (
        cpu_ms(lambda act=act: [act() for _ in range(1000)])  # ms for a thousand: µs for one
        for act in (
            lambda: opening.decrypt_committed(dek, sealed, aad=aad),
            lambda: opener.open(wrapped, aad=aad),
            lambda: hashlib.sha256(sealed).digest(),
        )
    )
    return (
        f"An entry costs {more:.1f} µs more: {opened:.1f} to open its body and check the key's commitment, "
        f"{unwrapped:.1f} to unwrap its key, {digested:.1f} for the digest that its author signed; the rest is the "
        "second row that holds the key. A key for each entry is what lets one be erased, moved or shared alone."
    )


def measure() -> list[Row]:
    """A sealed chart beside the same rows in plaintext: the same decision, the same objects, the same parsing."""
    rows = []
    for count in (1000, 50):
        ana, lee = _record(count)
        plain = cpu_ms(lambda ana=ana, lee=lee: _read_plain(ana.patient, lee))
        sealed = cpu_ms(lambda ana=ana, lee=lee: _read_sealed(ana.patient, lee))
        if count == 1000:
            rows.append(
                Row(
                    "Opening a chart of 1,000 entries, sealed ÷ plaintext, CPU",
                    f"{sealed / plain:.2f}× ({sealed:.1f} ms ÷ {plain:.1f} ms)",
                    "≤ 1.5×",
                    sealed / plain <= 1.5,
                    _where_it_goes(1000 * (sealed - plain) / count),
                )
            )
        else:
            rows.append(
                Row(
                    "Opening a chart of 50 entries, sealed − plaintext, CPU",
                    f"{sealed - plain:.2f} ms ({sealed:.2f} ms − {plain:.2f} ms)",
                    "≤ 1 ms",
                    sealed - plain <= 1.0,
                )
            )
    return rows


def measure_grants() -> list[Row]:
    """Giving six parts and stopping, with signatures, seals, log, notices and parcels, without the chain."""
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    given = []
    spent = cpu_ms(lambda: given.append(people.give(ana, lee, *Category)), times=9)
    by = access.own_party(ana.patient)
    ended = cpu_ms(lambda: grants.end(given.pop(), keyring=ana.keyring, by=by), times=9)
    unlocked = cpu_ms(lambda: grants.end(people.give(ana, lee, *Category), keyring=None, by=by), times=9) - spent
    return [
        Row(
            "Granting six categories, CPU, without the chain",
            f"{spent:.1f} ms",
            "≤ 5 ms",
            spent <= 5,
            "One HPKE seal, six wraps and two signatures are about 1 ms of it; then come the commit and some twenty "
            "statements. Those whose text is kept cost a tenth of what the ORM needs to write one.",
        ),
        Row("Grants of six categories, throughput", f"{1000 / spent:,.0f} per CPU-second", "—", None),
        Row("Revoking six categories with new epochs, throughput", f"{1000 / ended:,.0f} per CPU-second", "—", None),
        Row("Revoking six categories while away, throughput", f"{1000 / unlocked:,.0f} per CPU-second", "—", None),
    ]
