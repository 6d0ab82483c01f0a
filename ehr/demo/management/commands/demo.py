"""Make demo people and records."""

import itertools
from datetime import date

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import checkpoints, sequencer
from ehr.accounts.models import User
from ehr.demo import cast, clinics, generator, life, studies
from ehr.intake.operations import receive_bundle
from ehr.lines import names
from ehr.r4 import bundles
from ehr.words import Category
from patients.operations import AlreadyKnown
from providers.roles import Role

SOURCE = "City Hospital"
INVITED_BY_POST = 1  # of the records, how many wait for their patient
WITHOUT_EMAIL = 1  # besides those asked for: somebody who signs in with a name on paper


class Command(BaseCommand):
    """Everybody comes in by the verbs real people use; the records come from the project's own generator."""

    help = "Make demo people with records, sharing and a log. For a new, empty deployment only."

    def add_arguments(self, parser):
        parser.add_argument("--patients", type=int, default=5, help="how many records to make (5)")
        parser.add_argument("--seed", type=int, default=2026, help="the same seed makes the same records")

    def handle(self, *, patients, seed, **_options):
        """Exits 1 in production and where people are already. The last line says where the sign-ins are."""
        if settings.PRODUCTION:
            raise CommandError("Demo people have passphrases that everybody knows. Production takes none.")
        if User.objects.exists():
            raise CommandError("There are people here already. The demo goes into an empty deployment only.")
        if patients < 2:
            raise CommandError("The demo needs two patients at least.")
        players, invitation = self._play(patients, seed)
        while sequencer.sequence():
            pass
        checkpoints.sign()
        path = settings.DATA_DIR / "demo.txt"
        path.write_text(cast.sign_ins(players, invitation), encoding="utf-8")
        path.chmod(0o600)
        count = patients + WITHOUT_EMAIL
        self.stdout.write(f"Made {count} records. The sign-ins are in {path.name}, in the data folder.")

    def _play(self, count: int, seed: int) -> tuple[list[cast.Player], str]:
        desk = cast.staff()
        verifiers = desk[:2]
        harbour = cast.place("Harbour Medical Centre", "clinic", "ACC-1001", by=verifiers[0].user)
        hospital = cast.place("City Hospital", "hospital", "ACC-1002", by=verifiers[0].user)
        lee = cast.clinician("lee@demo.example", "Mei Lee", Role.PRIMARY_PHYSICIAN, harbour, verifiers=verifiers)
        haddad = cast.clinician("haddad@demo.example", "Omar Haddad", Role.EMERGENCY, hospital, verifiers=verifiers)
        quinn = cast.clinician("quinn@demo.example", "Nora Quinn", Role.NURSE, harbour, verifiers=verifiers)
        novak = cast.clinician("novak@demo.example", "Jan Novák", Role.SPECIALIST, hospital, verifiers=verifiers)
        rosa = cast.clinician("rosa@demo.example", "Rosa Diaz", Role.FRONT_DESK, harbour, verifiers=verifiers)
        family = life.team("Family practice", harbour, lead=lee, others=[quinn], founder=desk[3], by=verifiers[0])
        clinics.harbour(harbour, lee=lee, quinn=quinn, by=desk[3])
        clinics.hospital(hospital, novak=novak, by=desk[3], manager=verifiers[0])
        board = studies.committee()
        university = cast.place("Maritime University", "research", "ACC-1003", by=verifiers[0].user)
        klein = studies.researcher("klein@demo.example", "Ruth Klein", university, verifiers=verifiers)
        study = studies.propose(klein, board)
        made = generator.patients(count + WITHOUT_EMAIL, seed)
        own = itertools.islice(made, count - INVITED_BY_POST)
        players = []
        for number, bundle in enumerate(self._shown(own, count - INVITED_BY_POST), start=1):
            player, record = self._patient(number, bundle, checkers=verifiers)
            players.append(player)
            if number == 1:
                cast.share(record, player, lee, Category.BASIC, Category.HISTORY, Category.LABS, Category.TREATMENT)
                cast.look(record, lee)
                cast.look(record, haddad)
                words = "Please look at the heart: the blood pressure goes up again."
                life.refer(record, lee, novak, Category.HISTORY, Category.LABS, days=30, words=words)
                words = "You are booked for Monday. I would like to see your medicines and results before."
                life.ask(record, haddad, Category.LABS, Category.TREATMENT, days=14, words=words)
                life.share_last_year(record, player, family, Category.LABS)
                life.look_after(record, family, nurse=quinn, lead=lee)
            elif number == 2:
                cast.share(record, player, lee, Category.LABS, days=5)
                studies.join(record, player, study)
        invitation = self._waiting(next(made), by=verifiers[0])
        unmailed, record = self._without_email(next(made), checkers=verifiers)
        players.append(unmailed)
        cast.share(record, unmailed, lee, Category.BASIC, Category.LABS)
        return [*players, lee, haddad, quinn, novak, rosa, klein, *desk, *board], invitation

    def _shown(self, bundles_, count):
        return tqdm(bundles_, total=count, unit="record", file=self.stderr, disable=None)

    def _patient(self, number: int, bundle: dict, *, checkers: list[cast.Player]):
        try:
            player, record = cast.patient(f"patient{number}@demo.example", *_who(bundle), checkers=checkers)
        except AlreadyKnown as twice:
            raise CommandError(f"The generator made the same person twice. Choose another --seed. {twice}") from twice
        receive_bundle(bundles.document(f"record {number}", bundle), source=SOURCE)
        return player, record

    @staticmethod
    def _without_email(bundle: dict, *, checkers: list[cast.Player]):
        player, record = cast.patient_without_email(*_who(bundle), checkers=checkers)
        receive_bundle(bundles.document("a record of somebody without e-mail", bundle), source=SOURCE)
        return player, record

    @staticmethod
    def _waiting(bundle: dict, *, by: cast.Player) -> str:
        receive_bundle(bundles.document("the waiting record", bundle), source=SOURCE)
        return cast.invite(_patient_of(bundle), by=by)


def _who(bundle: dict) -> tuple[str, date, str, list[tuple[str, str]]]:
    """Return name, birth date, sex and identifiers of whom a bundle is about."""
    about = _patient_of(bundle)
    known = [(one["system"], one["value"]) for one in about["identifier"]]
    return names.person(about["name"]), date.fromisoformat(about["birthDate"]), about["gender"], known


def _patient_of(bundle: dict) -> dict:
    return next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
