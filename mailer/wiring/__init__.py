"""The real parts plugged together, each made once for a worker, when it is first needed.

Parts are imported where they are made and not at the top: a cold start pays only for what its function uses.

base           what every part is made with: the clock, the settings
storage_parts  where mails are kept          pace_parts      when they may go
content_parts  what they must meet and say   access_parts    who calls, and the way to Graph
health_parts   what works and what does not  delivery_parts  the steps, and what the timers carry on
"""

from mailer.wiring.access_parts import caller, callers, graph, graph_tokens, named
from mailer.wiring.base import by_hand, clock, settings
from mailer.wiring.content_parts import composer, gate, policy, priority, rules, rules_for, templates
from mailer.wiring.delivery_parts import (
    amendment,
    batch_pool,
    by_cause,
    carry_on,
    delivery,
    failures,
    pool,
    release,
    sweep,
)
from mailer.wiring.health_parts import health
from mailer.wiring.pace_parts import pace, pauses, throttle, turns
from mailer.wiring.storage_parts import alarms, later, ledger, search, stores, suppressions

__all__ = [
    "alarms",
    "amendment",
    "batch_pool",
    "by_cause",
    "by_hand",
    "caller",
    "callers",
    "carry_on",
    "clock",
    "composer",
    "delivery",
    "failures",
    "gate",
    "graph",
    "graph_tokens",
    "health",
    "later",
    "ledger",
    "named",
    "pace",
    "pauses",
    "policy",
    "pool",
    "priority",
    "release",
    "rules",
    "rules_for",
    "search",
    "settings",
    "stores",
    "suppressions",
    "sweep",
    "templates",
    "throttle",
    "turns",
]
