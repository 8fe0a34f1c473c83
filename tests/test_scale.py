"""The simulation of many instances counts what whole deliveries do."""

from datetime import timedelta

import pytest

from mailer.request.address import Address
from tests.scale.simulation import BULK_WITHIN, RATE, SHARES, Simulation
from tests.virtual import World, most_in_a_minute

MAILS, MAILBOXES = 400, 2


@pytest.mark.parametrize("instances", [1, 20])
def test_the_simulation_costs_the_storage_calls_of_whole_deliveries(instances):
    senders = [Address(address=f"box{number}@contoso.com") for number in range(MAILBOXES)]
    world = World(rate=RATE, daily=1_000_000, instances=instances, senders=senders, seed=1)
    lasting = timedelta(minutes=MAILS / MAILBOXES / RATE)
    for _ in range(MAILS):
        (priority,) = world.random.choices([*SHARES], [*SHARES.values()])
        after = (BULK_WITHIN if priority == "bulk" else lasting) * world.random.random()
        world.produce(after, from_=world.random.choice(senders).address, priority=priority)
    world.go()
    simulation = Simulation(instances=instances, mailboxes=MAILBOXES, batch=1)
    simulation.produce(MAILS)
    simulation.go()

    assert sum(map(len, simulation.times.values())) == MAILS
    assert max(map(most_in_a_minute, simulation.times.values())) <= RATE * 1.1
    assert simulation.storage_calls == pytest.approx(world.storage_calls, rel=0.1)
