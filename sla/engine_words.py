"""What the engine's page calls things, and what to do for each finding."""

from __future__ import annotations

from typing import Final

#: Ticks by what they do; one that is not here is called by its name.
TICKS: Final = {
    "handoff.tasks.sweep_tick": "Fires the steps that are due",
    "notifications.tasks.deliver_tick": "Sends messages",
    "handoff.tasks.end_pauses_tick": "Lets paused clocks go on when their time is up",
    "handoff.tasks.drain_unrouted_tick": "Finds owners for leads without one",
    "handoff.tasks.move_from_absent_tick": "Moves leads on whose owners are away",
    "handoff.tasks.publish_due_tick": "Puts versions in force whose time has come",
    "integrations.tasks.drill_tick": "Takes drills on, and begins those that are planned",
    "handoff.tasks.look_again_tick": "Looks again at leads that waited for data",
    "leads.tasks.compare_accounts_tick": "Looks for accounts that may be one company",
    "handoff.tasks.look_after_the_named_tick": "Looks whether everybody named is still there",
    "sla.tasks.move_clocks_tick": "Moves clocks to another version",
    "reporting.tasks.drain_tick": "Brings reports up to date",
    "handoff.tasks.audit_tick": "Audits all this",
    "reporting.tasks.outcomes_tick": "Judges new campaigns, and opens the alignment survey",
    "reporting.tasks.watch_tick": "Looks whether reports keep up",
    "reporting.tasks.watch_agreements_tick": "Looks whether what was signed is what is configured",
    "reporting.tasks.watch_reviews_tick": "Opens reviews, and reminds of those to close",
    "reporting.tasks.digest_tick": "Writes the weekly mails",
    "leads.tasks.watch_sources_tick": "Watches whether the data of sources gets worse",
    "web.tasks.prune_tick": "Removes what has expired",
    "routing.tasks.forget_decisions_tick": "Forgets old routing decisions",
    "handoff.tasks.simulate_tick": "Replays past leads",
    "handoff.tasks.forget_simulations_tick": "Removes old simulations",
}
CLOCKS: Final = {"company": "company's clock", "owner": "owner's clock"}

#: (what is wrong, what to do), by kind.
FINDINGS: Final = {
    "timer_late": (
        "A step is overdue and has not fired",
        "It fires once, as soon as the engine runs. If every tick is alive, look for what holds the lead.",
    ),
    "timer_missing": (
        "A clock is missing",
        "Work the lead by hand and report this as a fault: nobody is warned of this deadline.",
    ),
    "timer_orphaned": (
        "A clock runs on a closed lead",
        "Nothing fires: the next sweep that finds it due ends it. Report this as a fault.",
    ),
    "event_missing": (
        "A step left no record",
        "Compare the lead's history with its messages and report this as a fault. The deadline stands.",
    ),
    "message_missing": (
        "A step told nobody",
        "Tell the owner's manager yourself, then name a manager for the team and a fallback person.",
    ),
    "shadow_broken": (
        "A step of a team in shadow mode did more, or less, than write down what it would have done",
        "Look at what was sent about the lead, and report this as a fault.",
    ),
    "timer_failed": (
        "A clock failed six times and was set aside",
        "Mend what its error names, then try it again. The lead's other clocks run on.",
    ),
    "facts_late": (
        "Reports are behind",
        "Only the numbers are old. Mend what the detail names: the next turn catches up by itself.",
    ),
    "fallback_missing": (
        "Nobody catches leads that find no owner",
        "Name an active fallback person under Routing. This clears within a minute.",
    ),
    "named_missing": (
        "The SLA policy names somebody who is not there",
        (
            "Publish a version that names somebody else, or switch the person on again. Until then the "
            "fallback person hears in their place. This clears within a minute."
        ),
    ),
    "publication_held": (
        "A scheduled version could not come into force",
        (
            "The version before it is still in force. Cancel the scheduled one under SLA tiers, mend the "
            "draft that it becomes, and publish it anew."
        ),
    ),
}
OTHER_FINDING: Final = ("Something else is wrong", "Read the detail and report it as a fault.")
