"""Opening a chart, sealed and in plaintext; giving access."""

import gzip
import hashlib
from operator import attrgetter
from pathlib import Path

from django.db import connection

from consent import access, keys, queries, rules
from consent.sharing import grants
from ehr import clock, statements
from ehr.crypto import opening, sealing
from ehr.demo import generator
from ehr.r4 import text
from ehr.words import Action, Category, Purpose
from patients import vault
from tests import people
from tests.bench.measuring import Row, cpu_ms, cpu_ms_in_turn

SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"
GENERATED = 104  # records, where no public ones are at hand


def sample(count: int) -> list[bytes]:
    """Return so many resources as they are stored, at even distances from all of forty public records.

    So each type and size is there as often as in a real record, and its text takes as long to read.
    """
    bundles = [text.loads(gzip.decompress(path.read_bytes())) for path in sorted(SYNTHEA.glob("*.json.gz"))]
    entries = [entry for bundle in bundles or generator.patients(GENERATED, seed=7) for entry in bundle["entry"]]
    return [text.dumps(entries[number * len(entries) // count]["resource"]) for number in range(count)]


def _record(count: int):
    """A patient with `count` entries over six parts, and a doctor who may read them all."""
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    parts = list(Category)
    drafts = [
        access.Draft(resource=resource, parts=(str(parts[number % 6]),), search=b"{}")
        for number, resource in enumerate(sample(count))
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
    """Decide, read the rows as text, make the same objects in the same order and parse them."""
    parts = list(_decide(patient, reader))
    marks = ", ".join(["%s"] * len(parts))
    found = [
        vault.OpenEntry(
            bytes.fromhex(logical_id), bytes.fromhex(logical_id), version, (part,), written_at, 0, body, name, True
        )
        for logical_id, version, part, written_at, name, body in statements.streamed(
            "select logical_id, version, part, written_at, author_name, body from plain_entry "
            f"where patient_id = %s and part in ({marks}) order by id",
            [patient.pk.hex, *parts],
            connection,
        )
    ]
    found.sort(key=attrgetter("stored_at"), reverse=True)
    return [entry.resource for entry in found]


def _read_sealed(patient, reader) -> list[dict]:
    """Decide, open six seals and every entry, check the authors: everything but the log's commit."""
    boxes = keys.granted_boxes(patient, _decide(patient, reader), keyring=reader.keyring)
    return [entry.resource for entry in vault.read(patient, boxes)]


def _where_it_goes(more: float) -> str:
    """Return in words what the microseconds are spent on that an entry costs more when it is sealed."""
    bodies, dek, aad = sample(1000), sealing.new_key(), bytes(64)
    sealed = [sealing.encrypt_committed(dek, body, aad=aad) for body in bodies]
    wrapped, opener = sealing.encrypt(dek, dek, aad=aad), opening.KeyOpener(dek)
    opened, unwrapped, digested = (
        cpu_ms(lambda act=act: [act(body) for body in sealed])  # ms for a thousand: µs for one
        for act in (
            lambda body: opening.decrypt_committed(dek, body, aad=aad),
            lambda _: opener.open(wrapped, aad=aad),
            lambda body: hashlib.sha256(body).digest(),
        )
    )
    return (
        f"Every eleventh resource of forty public records, {sum(map(len, bodies)) / 1000:,.0f} bytes on average; the "
        "plaintext is read by bare SQL into the same objects, in turn with the sealed one. "
        f"An entry costs {more:.1f} µs more: {opened:.1f} to open its body and check the key's commitment, "
        f"{unwrapped:.1f} to unwrap its key, {digested:.1f} for the digest that its author signed; the rest is the "
        "second row that holds the key. A key for each entry is what lets one be erased, moved or shared alone. "
        "Reading the text as JSON is most of both, and takes up to twice as long where memory is in pieces: the "
        "ratio moves with it, the difference hardly."
    )


def measure() -> list[Row]:
    """A sealed chart beside the same rows in plaintext: the same decision, the same objects, the same parsing."""
    rows = []
    for count in (1000, 50):
        ana, lee = _record(count)
        plain, sealed = cpu_ms_in_turn(
            lambda ana=ana, lee=lee: _read_plain(ana.patient, lee),
            lambda ana=ana, lee=lee: _read_sealed(ana.patient, lee),
            times=31_000 // count,  # as many entries of either: what is short is measured more often
        )
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
                    "Half of it is the same for any number of entries: a hybrid HPKE seal to open, the grant's EIP-712 "
                    "digest, six lockboxes and three statements. The first opening in a process takes 0.1 ms more for "
                    "each signature of an author (decision 79).",
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
