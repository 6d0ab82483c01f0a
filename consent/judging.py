"""The decision at the moment of use: facts read now, handed to the rules. Nothing is cached, nothing is opened here."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from audit import log
from consent import breaking, given, queries, rules
from consent.given import Given
from consent.models import Grant
from consent.rules import EntryFacts, GrantFacts, Situation
from ehr import clock
from ehr.accounts.models import Reader, User
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.models import Team
from providers.queries import Standing, party, standing
from providers.roles import CLINICAL, Role

# Reasons that are the same for a part that was never named; one about the reader or about time tells more.
_PLAIN = frozenset({"no-grant", "not-in-grant"})
STUDY = "study"  # the role of one, as the log writes it


@dataclass(frozen=True)
class Urgent:
    """What one session holds of one emergency: which it is, and the lockboxes' keys by part and epoch."""

    emergency_id: uuid.UUID
    secrets: Mapping[tuple[str, int], bytes] = field(repr=False)


@dataclass(frozen=True)
class Presence:
    """Where a reader is and what their session holds: the country, if known, open emergencies by patient, and, of a
    study's worker, the run for which the keyholder let the study's keys go."""

    place: str = ""
    run: uuid.UUID | None = None
    urgent: Mapping[uuid.UUID, Urgent] = field(default_factory=dict, repr=False)


ELSEWHERE = Presence()


class _Known(NamedTuple):
    """What is known at one moment of a reader and of what a patient gave them."""

    standing: Standing
    asking: rules.ReaderFacts
    held: Sequence[Given]
    situation: Situation


class _Asked(NamedTuple):
    """Who asks about whom, when, and what was known then."""

    patient: Patient
    reader: User | Reader  # a person, an app that the patient let in, or a study that they joined
    at: datetime
    known: _Known


@dataclass(frozen=True)
class Verdict:
    """Decisions for each part asked for, from facts read at one moment. The grants that allow are read where they are
    asked for. `chosen` are those, by id, that open chosen entries only."""

    asked: _Asked
    decisions: Mapping[Category, rules.Decision]
    chosen: Sequence[uuid.UUID] = ()
    instead: Mapping[Category, str] = field(default_factory=dict)  # of a block: the reasons that are told in its place

    @property
    def patient(self) -> Patient:
        return self.asked.patient

    @property
    def reader(self) -> User | Reader:
        return self.asked.reader

    @property
    def standing(self) -> Standing:
        return self.asked.known.standing

    @cached_property
    def facts(self) -> Mapping[uuid.UUID, GrantFacts]:
        """What was known of each grant, by id."""
        return {one.facts.id: one.facts for one in self.asked.known.held}

    @property
    def parts(self) -> tuple[Category, ...]:
        """The parts that a grant lets in to as wholes."""
        return tuple(part for part, one in self.decisions.items() if one.grant is not None)

    @cached_property
    def _grants(self) -> Mapping[uuid.UUID, Grant]:
        """The grants that open something, by id: those that are still what was decided on."""
        whole = (one.grant for one in self.decisions.values() if one.grant is not None)
        held = {one.facts.id: one for one in self.asked.known.held}
        return given.whole(self.patient, [held[pk] for pk in dict.fromkeys([*whole, *self.chosen])])

    @cached_property
    def allowed(self) -> dict[Category, Grant]:
        """The parts that a grant opens as wholes, each with that grant."""
        found = ((part, self._grants.get(one.grant)) for part, one in self.decisions.items() if one.grant is not None)
        return {part: grant for part, grant in found if grant is not None}

    @property
    def bundles(self) -> list[Grant]:
        """The grants that open chosen entries only."""
        return [self._grants[pk] for pk in self.chosen if pk in self._grants]

    @property
    def used(self) -> list[Grant]:
        """All grants that open something, each once."""
        return list({grant.pk: grant for grant in [*self.allowed.values(), *self.bundles]}.values())

    @property
    def because(self) -> str:
        """The most telling reason of a refusal: one about the reader or about time before "not in the grant"."""
        return _most_telling([one.because for one in self.decisions.values() if not one.allowed])

    @property
    def told(self) -> str:
        """The reason as the reader may know it: of being kept out by name, what a stop in its place would say."""
        return _most_telling(list(self.instead.values())) if self.because == "blocked" else self.because

    @property
    def by_emergency(self) -> tuple[Category, ...]:
        """The parts that an emergency opens."""
        return tuple(part for part, one in self.decisions.items() if one.emergency is not None)

    @property
    def only_dispenses(self) -> bool:
        """Tell whether the reader is here as a pharmacist and nothing else: let in to chosen entries, to hand out."""
        return self.standing.roles & CLINICAL == {Role.PHARMACIST}

    @property
    def opens_anything(self) -> bool:
        return any(one.allowed for one in self.decisions.values()) or bool(self.chosen)

    def covers(self, grant: Grant, entry: EntryFacts) -> bool:
        """Tell whether a grant that opened a part is also about this entry: its record dates are a rule, not a key."""
        return rules.names(self.facts[grant.pk], entry)

    def party(self, grant: Grant | None = None) -> log.Party:
        """Return the reader as the log writes them down: where they act for a team, at the team's place."""
        if isinstance(self.reader, Reader):
            role = STUDY if self.reader.kind == Reader.Kind.STUDY else ""
            return log.Party("app", self.reader.pk, self.reader.name, role)
        own, team = party(self.reader, known=self.standing), _team_of(grant)
        return replace(own, place=team.institution.name) if team else own

    def team(self, grant: Grant | None) -> dict[str, str]:
        """Return for which team the reader acts under a grant, as the log's details name it; nothing for no team."""
        team = _team_of(grant)
        return {"team": str(team.pk), "team_name": team.name} if team else {}


def _team_of(grant: Grant | None) -> Team | None:
    return grant.reader.team if grant and grant.reader.kind == Reader.Kind.TEAM else None


def _most_telling(reasons: Sequence[str]) -> str:
    return next((one for one in reasons if one not in _PLAIN), (reasons or ["no-grant"])[0])


def judge(
    patient: Patient,
    reader: User | Reader,
    *,
    action: Action,
    purpose: Purpose | str,
    parts: Iterable[Category],
    presence: Presence = ELSEWHERE,
    about: EntryFacts | None = None,
) -> Verdict:
    """Decide on each part by `consent.rules`, from facts read now; with `about`, by grants only that name it.

    A `Reader` is an app that the patient let in, or a study, which reads in a run alone (`presence.run`); people are
    decided on as themselves and through their teams.
    """
    at = clock.now()
    known = (
        _of_program(patient, reader, presence)
        if isinstance(reader, Reader)
        else _of_person(patient, reader, purpose, presence, at)
    )
    return _verdict(_Asked(patient, reader, at, known), action, purpose, tuple(parts), about)


def also_writing(verdict: Verdict, *, purpose: Purpose | str) -> Verdict:
    """Return the decision on adding to each part, from the facts of another decision, as of that same moment.

    For telling beside what is shown what else could be done: whoever then does it is decided on anew.
    """
    return _verdict(verdict.asked, Action.WRITE, purpose, tuple(Category), None)


def _verdict(
    asked: _Asked, action: Action, purpose: Purpose | str, parts: Sequence[Category], about: EntryFacts | None
) -> Verdict:
    known = asked.known
    facts, situation = [one.facts for one in known.held], known.situation

    def decided(
        among: Iterable[Category],
        by: Iterable[GrantFacts],
        entry: EntryFacts | None,
        situation: Situation = situation,
    ) -> dict[Category, rules.Decision]:
        return rules.decide_each(
            reader=known.asking,
            grants=by,
            parts=among,
            action=action,
            purpose=purpose,
            at=asked.at,
            entry=entry,
            situation=situation,
        )

    def opens(one: GrantFacts) -> bool:
        named = [part for part in parts if part in one.categories]
        return any(said.allowed for said in decided(named, [one], one.sample).values())

    decisions = decided(parts, facts, about)
    chosen = [one.id for one in facts if one.bundle and opens(one)]
    instead = {}
    if situation.blocked:
        without = decided(parts, facts, about, situation._replace(blocked=False))
        instead = {part: "stopped" if one.allowed else one.because for part, one in without.items()}
    return Verdict(asked, decisions, chosen, instead)


def _of_person(patient: Patient, reader: User, purpose: Purpose | str, presence: Presence, at: datetime) -> _Known:
    seen = standing(reader, at)
    asking = queries.reader_facts(seen)
    held = given.to_person(patient, reader, seen=seen, at=at)
    assigning = queries.teams_assigning(patient, reader, at) if asking.needs_assignment else frozenset()
    known = [one for one in held if _assigned_by_it(one, assigning)]
    urgent = breaking.emergency_facts(patient, reader, _urgent(presence, patient, purpose))
    blocked = any(one.blocked for one in held)
    situation = Situation(presence.place, blocked=blocked, assigned=bool(assigning))
    if urgent is not None:
        # Without a grant a block matters in an emergency only.
        blocked = blocked or queries.is_blocked(patient, reader)
        situation = situation._replace(blocked=blocked, emergency=urgent, law=queries.law())
    return _Known(seen, asking, known, situation)


def _of_program(patient: Patient, reader: Reader, presence: Presence) -> _Known:
    return (
        _of_study(patient, reader, presence) if reader.kind == Reader.Kind.STUDY else _of_app(patient, reader, presence)
    )


def _of_study(patient: Patient, reader: Reader, presence: Presence) -> _Known:
    """Return what is known of a study: without a run it is nobody, whoever asks in its name."""
    running = presence.run is not None
    asking = rules.ReaderFacts(active=running, in_good_standing=running, because="" if running else "no-run")
    held = [one for one in given.to_program(patient, reader) if one.facts.purpose == Purpose.HRESCH]
    return _without_licence(reader, asking, held, presence)


def _of_app(patient: Patient, reader: Reader, presence: Presence) -> _Known:
    """Return what is known of an app: it has no licence and no team, and nobody is blocked or assigned."""
    app = queries.connected(reader)
    asking = queries.app_facts(app)
    # An app is one patient's; whatever else a row says, of nobody else's record it is given anything.
    held = given.to_program(patient, reader) if app is not None and app.patient_id == patient.pk else ()
    return _without_licence(reader, asking, held, presence)


def _without_licence(reader: Reader, asking: rules.ReaderFacts, held: Iterable[Given], presence: Presence) -> _Known:
    seen = Standing(asking.active, "", "", None, asking.because, None, name=reader.name)
    return _Known(seen, asking, tuple(held), Situation(place=presence.place))


def _assigned_by_it(one: Given, assigning: Collection[uuid.UUID]) -> bool:
    """Tell whether an assignment speaks for this grant: one team's says nothing about what another team was given.

    Without any, all grants are told to the rules, which then say why nothing opens.
    """
    return not assigning or not one.facts.by_team or one.reader in assigning


def _urgent(presence: Presence, patient: Patient, purpose: str) -> uuid.UUID | None:
    """Return the emergency that a session holds for a patient, where the purpose says that it is used."""
    held = presence.urgent.get(patient.pk) if purpose in rules.EMERGENCY_PURPOSES else None
    return held.emergency_id if held else None
