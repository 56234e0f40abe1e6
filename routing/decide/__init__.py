"""Who gets this lead, as a pure function: no database, no clock, no chance.

Live routing, the dry run and the back-test call the same `decide`. Three layers in order: firmographic rules
choose a pool, behaviour rules set the priority, and availability chooses who of the pool can answer soonest.
The answer carries the whole trace: every rule tried and every candidate with the numbers for and against.
docs/routing.md has the format of the trace and the reason codes.

Ids are text here, as the trace and the counters store them: text is hashed once, a UUID at every look-up.

layers: which rule matched. people: who sits where and can answer when. turns: whose turn it is. choosing: the
decision itself.
"""

from routing.decide.choosing import (
    BESIDE,
    HELD,
    OWNER,
    OWNS_ACCOUNT,
    WAITS_FOR_CLAIM,
    DecisionResult,
    choose,
    decide,
)
from routing.decide.layers import (
    ACCOUNT_OWNER,
    DEFAULT_HORIZON_MINUTES,
    LayerRule,
    Match,
    RuleSet,
    compile_rule_set,
    match,
)
from routing.decide.people import (
    Candidate,
    OffHours,
    Openings,
    PoolView,
    Seat,
    Strategy,
    refusal,
)
from routing.decide.turns import TURN, turn_step, with_credit, without_credit

__all__ = [
    "ACCOUNT_OWNER",
    "BESIDE",
    "DEFAULT_HORIZON_MINUTES",
    "HELD",
    "OWNER",
    "OWNS_ACCOUNT",
    "TURN",
    "WAITS_FOR_CLAIM",
    "Candidate",
    "DecisionResult",
    "LayerRule",
    "Match",
    "OffHours",
    "Openings",
    "PoolView",
    "RuleSet",
    "Seat",
    "Strategy",
    "choose",
    "compile_rule_set",
    "decide",
    "match",
    "refusal",
    "turn_step",
    "with_credit",
    "without_credit",
]
