"""When the clock (Celery beat) rings for which task: each looks in the database for what there is to do."""

from celery.schedules import schedule


def rings(*, checkpoint: int, anchor: int) -> dict[str, dict]:
    """Return the beat's schedule: checkpoints of the log and their anchors every so many seconds.

    A ring that nobody answered in time is forgotten: a worker that comes back meets no heap of them.
    """
    bells = {
        "sequence the log": {"task": "audit.tasks.sequence", "schedule": schedule(1)},
        "sign a checkpoint": {"task": "audit.tasks.checkpoint", "schedule": schedule(checkpoint)},
        "anchor the log": {"task": "audit.tasks.anchor", "schedule": schedule(anchor)},
        "relay transactions": {"task": "ehr.chain.tasks.relay", "schedule": schedule(2)},
        "index the chain": {"task": "ehr.chain.tasks.index", "schedule": schedule(2)},
        "tidy accounts": {"task": "ehr.accounts.tasks.tidy", "schedule": schedule(3600)},
        "deliver notices": {"task": "ehr.notices.tasks.deliver", "schedule": schedule(5)},
        "tell institutions": {"task": "ehr.notices.tasks.deliver_hooks", "schedule": schedule(10)},
        "tell subscribers": {"task": "ehr.fhir.tasks.tell_subscribers", "schedule": schedule(10)},
        "forget exports": {"task": "ehr.fhir.tasks.forget_exports", "schedule": schedule(300)},
        "relay grants": {"task": "consent.tasks.relay_grants", "schedule": schedule(5)},
        "follow the tokens": {"task": "consent.tasks.follow_tokens", "schedule": schedule(30)},
        "follow the recoveries": {"task": "consent.tasks.follow_recoveries", "schedule": schedule(60)},
        "watch the tokens": {"task": "consent.watch.look", "schedule": schedule(30)},
        "tell of endings": {"task": "consent.tasks.tell_of_endings", "schedule": schedule(600)},
        "follow the log": {"task": "consent.tasks.follow_the_log", "schedule": schedule(5)},
        "tell emergency contacts": {"task": "consent.tasks.tell_contacts", "schedule": schedule(5)},
        "tell of overdue reviews": {"task": "consent.tasks.tell_of_overdue_reviews", "schedule": schedule(300)},
        "end what is over": {"task": "consent.tasks.end_what_is_over", "schedule": schedule(60)},
        "forget tokens that are over": {"task": "ehr.smart.tasks.forget_what_is_over", "schedule": schedule(300)},
        "take keys of leavers": {"task": "providers.tasks.take_keys_of_leavers", "schedule": schedule(60)},
        "forget copies that are over": {"task": "ehr.rights.tasks.forget_what_is_over", "schedule": schedule(300)},
        "tidy the repair queue": {"task": "ehr.intake.tasks.tidy", "schedule": schedule(3600)},
        "ask payers": {"task": "appointments.tasks.ask_payers", "schedule": schedule(30)},
        "read calendars": {"task": "appointments.tasks.read_calendars", "schedule": schedule(300)},
        "re-check credentials": {"task": "providers.tasks.recheck_credentials", "schedule": schedule(86_400)},
        "move visits on": {"task": "appointments.tasks.move_visits_on", "schedule": schedule(15)},
        "remind of visits": {"task": "appointments.tasks.remind", "schedule": schedule(60)},
        "move money": {"task": "appointments.tasks.move_money", "schedule": schedule(10)},
        "follow joinings": {"task": "research.tasks.follow_joinings", "schedule": schedule(30)},
        "relay opt-ins": {"task": "research.tasks.relay_opt_ins", "schedule": schedule(10)},
        "count cohorts": {"task": "research.tasks.count_cohorts", "schedule": schedule(2)},
        "answer questions": {"task": "research.tasks.answer_questions", "schedule": schedule(2)},
        "ask for figures": {"task": "research.tasks.ask_for_figures", "schedule": schedule(3600)},
        "make figures": {"task": "research.tasks.make_figures", "schedule": schedule(10)},
        "make releases": {"task": "research.tasks.make_releases", "schedule": schedule(10)},
        "take back releases": {"task": "research.tasks.take_back_releases", "schedule": schedule(300)},
        "follow pay": {"task": "research.tasks.follow_pay", "schedule": schedule(30)},
        "watch use": {"task": "research.tasks.watch_use", "schedule": schedule(3600)},
        "ask back what left": {"task": "research.tasks.ask_back_what_left", "schedule": schedule(300)},
        "move studies on": {"task": "research.tasks.move_studies_on", "schedule": schedule(60)},
    }
    for bell in bells.values():
        bell["options"] = {"expires": max(5.0, bell["schedule"].run_every.total_seconds())}
    return bells
