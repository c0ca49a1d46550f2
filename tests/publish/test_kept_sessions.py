"""A connection that keeps its session, against a real mosquitto."""

import pytest

from tests.publish.harness import other_side, publish_properties, settings, watched
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.mosquitto

TOPIC = "t/results/trial"


async def test_what_is_not_acknowledged_comes_again(mosquitto: Mosquitto) -> None:
    kept = settings(mosquitto.port, session_expiry_s=60)
    async with other_side(mosquitto.port) as client:
        async with watched(kept, filters=(TOPIC,)) as first:
            await first.ready()
            for payload in (b"1", b"2"):
                await client.publish(TOPIC, payload, qos=1)
            (await first.received()).acknowledge()
            await first.received()
        await client.publish(TOPIC, b"3", qos=1)
        async with watched(kept, filters=(TOPIC,)) as second:
            again = [await second.received() for _ in range(2)]
            assert [message.payload for message in again] == [b"2", b"3"]
            for message in again:
                message.acknowledge()
        async with watched(kept, filters=(TOPIC,)) as third:
            await third.ready()
            await client.publish(TOPIC, b"4", qos=1)
            assert (await third.received()).payload == b"4"


async def test_acknowledging_on_a_connection_that_is_gone_does_nothing(
    mosquitto: Mosquitto,
) -> None:
    kept = settings(mosquitto.port, session_expiry_s=60)
    async with watched(kept, filters=(TOPIC,)) as first:
        await first.ready()
        async with other_side(mosquitto.port) as client:
            await client.publish(TOPIC, b"1", qos=1)
        late = await first.received()
        mosquitto.kill()
        mosquitto.start()
        await first.ready()
        late.acknowledge()
        assert first.connection.connected


async def test_without_a_session_nothing_waits(mosquitto: Mosquitto) -> None:
    fresh = settings(mosquitto.port)
    async with other_side(mosquitto.port) as client:
        async with watched(fresh, filters=(TOPIC,)) as first:
            await first.ready()
        await client.publish(TOPIC, b"1", qos=1)
        async with watched(fresh, filters=(TOPIC,)) as second:
            await second.ready()
            await client.publish(TOPIC, b"2", qos=1)
            assert (await second.received()).payload == b"2"


async def test_a_message_that_is_too_large_is_not_delivered(mosquitto: Mosquitto) -> None:
    small = settings(mosquitto.port, max_packet_bytes=1024)
    async with (
        other_side(mosquitto.port) as client,
        watched(small, filters=(TOPIC,)) as only,
    ):
        await only.ready()
        await client.publish(TOPIC, b"x" * 2000, qos=1)
        await client.publish(TOPIC, b"small", qos=1)
        assert (await only.received()).payload == b"small"


async def test_user_properties_arrive(mosquitto: Mosquitto) -> None:
    async with (
        other_side(mosquitto.port) as client,
        watched(settings(mosquitto.port), filters=(TOPIC,)) as only,
    ):
        await only.ready()
        pairs = [("schema", "dynod.fhir/1"), ("revision", "2")]
        await client.publish(TOPIC, b"{}", qos=1, properties=publish_properties(UserProperty=pairs))
        assert (await only.received()).user_properties == tuple(pairs)
