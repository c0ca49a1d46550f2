"""The broker connection against a real mosquitto."""

import asyncio
import logging
from pathlib import Path

import pytest

from dynod.model.errors import BrokerError
from dynod.publish.broker import Outgoing, PublishRefusedError
from tests.publish.harness import (
    WILL,
    first_message,
    other_side,
    properties_of,
    publish_properties,
    settings,
    watched,
)
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.mosquitto


async def test_a_published_message_carries_its_properties(mosquitto: Mosquitto) -> None:
    message = Outgoing(
        "t/results/trial",
        b"{}",
        expiry_s=60,
        correlation_data=b"42",
        user_properties=(("schema", "dynod.fhir/1"), ("revision", "2")),
    )
    async with (
        other_side(mosquitto.port, "t/#") as subscriber,
        watched(settings(mosquitto.port)) as station,
    ):
        await station.ready()
        await station.connection.publish(message)
        got = await first_message(subscriber)
    assert (str(got.topic), got.payload, got.qos, got.retain) == (
        "t/results/trial",
        b"{}",
        1,
        False,
    )
    properties = properties_of(got)
    assert properties["ContentType"] == "application/json"
    assert properties["PayloadFormatIndicator"] == 1
    assert properties["MessageExpiryInterval"] <= 60
    assert properties["CorrelationData"] == b"42"
    assert properties["UserProperty"] == [("schema", "dynod.fhir/1"), ("revision", "2")]


async def test_live_values_go_without_acknowledgement(mosquitto: Mosquitto) -> None:
    async with (
        other_side(mosquitto.port, "t/#") as subscriber,
        watched(settings(mosquitto.port)) as station,
    ):
        await station.ready()
        await station.connection.publish(Outgoing("t/live/hhd-1", b"1", qos=0, expiry_s=2))
        assert (await first_message(subscriber)).qos == 0


async def test_twenty_messages_in_flight(mosquitto: Mosquitto) -> None:
    async with (
        other_side(mosquitto.port, "t/#") as subscriber,
        watched(settings(mosquitto.port)) as station,
    ):
        await station.ready()
        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                message = Outgoing("t/results/trial", str(number).encode())
                tasks.create_task(station.connection.publish(message))
        got = {(await first_message(subscriber)).payload for _ in range(20)}
    assert got == {str(number).encode() for number in range(20)}


async def test_a_request_arrives_with_its_response_topic(mosquitto: Mosquitto) -> None:
    properties = publish_properties(
        ResponseTopic="t/replies/ehr", CorrelationData=b"7", ContentType="application/json"
    )
    async with (
        other_side(mosquitto.port) as client,
        watched(settings(mosquitto.port), filters=("t/commands/+",)) as station,
    ):
        await station.ready()
        await client.publish("t/commands/tare", b"{}", qos=1, properties=properties)
        got = await station.received()
    assert (got.topic, got.payload, got.retain) == ("t/commands/tare", b"{}", False)
    assert got.response_topic == "t/replies/ehr"
    assert got.correlation_data == b"7"
    assert got.content_type == "application/json"


async def test_a_message_without_properties_arrives_too(mosquitto: Mosquitto) -> None:
    async with (
        other_side(mosquitto.port) as client,
        watched(settings(mosquitto.port), filters=("t/commands/+",)) as station,
    ):
        await station.ready()
        await client.publish("t/commands/tare", b"{}", qos=1)
        got = await station.received()
    assert (got.response_topic, got.correlation_data, got.content_type) == (None, None, None)


async def test_what_lay_retained_at_the_broker_is_marked(mosquitto: Mosquitto) -> None:
    async with other_side(mosquitto.port) as client:
        await client.publish("t/commands/tare", b"{}", qos=1, retain=True)
        async with watched(settings(mosquitto.port), filters=("t/commands/+",)) as station:
            assert (await station.received()).retain
            await client.publish("t/commands/tare", b"{}", qos=1, retain=True)
            assert not (await station.received()).retain


async def test_an_oversized_request_is_delivered(mosquitto: Mosquitto) -> None:
    async with (
        other_side(mosquitto.port) as client,
        watched(settings(mosquitto.port), filters=("t/commands/+",)) as station,
    ):
        await station.ready()
        await client.publish("t/commands/tare", b"x" * 200_000, qos=1)
        assert len((await station.received()).payload) == 200_000


async def test_a_killed_broker_is_found_again(mosquitto: Mosquitto) -> None:
    async with watched(settings(mosquitto.port), filters=("t/commands/+",)) as station:
        await station.ready()
        assert station.connection.connected
        mosquitto.kill()
        with pytest.raises(BrokerError):
            await station.connection.publish(Outgoing("t/x", b"1"))
        mosquitto.start()
        await station.ready()
        async with other_side(mosquitto.port, "t/x") as client:
            await station.connection.publish(Outgoing("t/x", b"2"))
            assert (await first_message(client)).payload == b"2"  # and the lost one not again
            await client.publish("t/commands/tare", b"{}", qos=1)
            assert (await station.received()).topic == "t/commands/tare"


async def test_a_publish_under_way_ends_when_the_broker_dies(mosquitto: Mosquitto) -> None:
    async with watched(settings(mosquitto.port)) as station:
        await station.ready()
        mosquitto.freeze()
        waiting = asyncio.create_task(station.connection.publish(Outgoing("t/x", b"1")))
        await asyncio.sleep(0)  # let it be sent
        assert not waiting.done()
        mosquitto.kill()
        async with asyncio.timeout(5):
            with pytest.raises(BrokerError, match="t/x: the connection was lost"):
                await waiting


async def test_a_broker_that_never_acknowledges_is_not_waited_for(mosquitto: Mosquitto) -> None:
    async with watched(settings(mosquitto.port, ack_timeout_s=0.2)) as station:
        await station.ready()
        mosquitto.freeze()
        with pytest.raises(BrokerError, match="does not acknowledge"):
            await station.connection.publish(Outgoing("t/x", b"1"))
        mosquitto.kill()


async def test_the_last_will_comes_after_a_death_and_not_after_a_goodbye(
    mosquitto: Mosquitto,
) -> None:
    goodbye = Outgoing(WILL.topic, b'{"state":"offline","outbox":{}}', retain=True)
    async with other_side(mosquitto.port, WILL.topic) as subscriber:
        async with watched(settings(mosquitto.port)) as station:
            await station.ready()
            station.task.cancel()
            will = await first_message(subscriber)
        async with watched(settings(mosquitto.port)) as station:
            await station.ready()
            await station.connection.close(goodbye)
            async with asyncio.timeout(5):
                await station.task
        assert will.payload == WILL.payload
        assert properties_of(will)["ContentType"] == "application/json"
        assert (await first_message(subscriber)).payload == goodbye.payload
        assert len(subscriber.messages) == 0
    async with other_side(mosquitto.port, WILL.topic) as late:
        assert (await first_message(late)).payload == goodbye.payload


async def test_callbacks_may_publish(mosquitto: Mosquitto) -> None:
    online = Outgoing("t/status", b'{"state":"online"}', retain=True)

    async with other_side(mosquitto.port, "t/status") as subscriber:

        async def announce() -> None:
            await station.connection.publish(online)

        async with watched(settings(mosquitto.port), on_connected=announce) as station:
            await station.ready()
            assert (await first_message(subscriber)).payload == online.payload


async def test_a_callback_that_fails_at_the_broker_is_called_again(mosquitto: Mosquitto) -> None:
    calls = 0

    async def fail_once() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise BrokerError("not published")

    async with watched(settings(mosquitto.port), on_connected=fail_once) as station:
        await station.ready()
    assert calls == 2


async def test_a_defect_in_a_callback_ends_the_run(mosquitto: Mosquitto) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with other_side(mosquitto.port, WILL.topic) as subscriber:
        async with watched(settings(mosquitto.port), on_connected=fail) as station:
            with pytest.raises(ZeroDivisionError):
                await station.task
        assert (await first_message(subscriber)).payload == WILL.payload


async def test_a_refused_publish_is_not_taken_for_success(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MQTT 5 answers a publish that the access list forbids with PUBACK 0x87 (section 3.4.2.1)."""
    access = tmp_path / "access"
    access.write_text("topic readwrite t/allowed\ntopic read t/forbidden\n")
    access.chmod(0o600)
    with Mosquitto(tmp_path, (f"acl_file {access}",)) as mosquitto:
        async with watched(settings(mosquitto.port)) as station:
            await station.ready()
            await station.connection.publish(Outgoing("t/allowed", b"1"))
            for _ in range(2):
                with pytest.raises(PublishRefusedError, match="on t/forbidden is refused"):
                    await station.connection.publish(Outgoing("t/forbidden", b"1"))
            assert station.connection.connected
    (line,) = (record.getMessage() for record in caplog.records)
    assert line == (
        f"broker 127.0.0.1:{mosquitto.port}: what is published on t/forbidden is refused "
        "(Not authorized); check the access list and limits that the broker has for this user"
    )


async def test_no_log_line_holds_a_payload(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        other_side(mosquitto.port) as client,
        watched(settings(mosquitto.port), filters=("t/commands/+",)) as station,
    ):
        await station.ready()
        caplog.clear()
        await client.publish("t/commands/session.start", b'{"id":"4711"}', qos=1)
        got = await station.received()
        await station.connection.publish(Outgoing("t/x", got.payload, correlation_data=b"4711"))
        assert "4711" not in repr(got)
    ours = [record for record in caplog.records if record.name.startswith("dynod")]
    assert all("4711" not in record.getMessage() for record in ours)
