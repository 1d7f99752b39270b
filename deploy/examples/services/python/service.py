# Charges cards: reads requests from a Kafka topic, and answers each where its headers say. Nothing in it knows of a process
# engine.
#
# An offset is committed when its request has been answered: what a crash interrupts is charged again when the service is
# back. So the receipt is made of the call's own name, which is the same however often it is asked, as a payment provider's
# idempotency key would be.
import asyncio
import json
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

BROKERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(",")
REQUESTS = os.environ.get("REQUESTS", "payments.requests")
GROUP = os.environ.get("GROUP", "payments")
HEARTBEAT_SECONDS = 3


class CardDeclined(Exception):
    pass


async def charge(order, call, progress):
    match order["card"]:
        case "declined":
            raise CardDeclined("over the limit")
        case "down":
            raise ConnectionError("the bank is down")
        case "slow":
            for percent in (0, 25, 50, 75):
                await progress({"percent": percent})
                await asyncio.sleep(HEARTBEAT_SECONDS)
    return {"paid": order["amount"], "receipt": f"receipt-{call}"}


async def answer(request, producer):
    headers = dict(request.headers)

    async def reply(value, **status):
        sent = [("kafka_correlationId", headers["kafka_correlationId"])]
        sent += [(name.replace("_", "-"), text.encode()) for name, text in status.items()]
        await producer.send_and_wait(headers["kafka_replyTopic"].decode(), json.dumps(value).encode(), headers=sent)

    async def progress(value):
        await reply(value, reply_status="heartbeat")

    try:
        order = json.loads(request.value)
        await reply(await charge(order, headers["job-id"].decode(), progress))
    except CardDeclined as error:
        limit = {"limit": order["amount"] / 2}
        await reply(limit, reply_status="error", error_code="CARD_DECLINED", error_message=str(error))
    except Exception as error:  # whatever went wrong is told, and the call is made again
        await reply({}, reply_status="failure", error_message=str(error))


async def serve():
    consumer = AIOKafkaConsumer(
        REQUESTS,
        bootstrap_servers=BROKERS,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer, AIOKafkaProducer(bootstrap_servers=BROKERS) as producer:
        print(f"charging cards from {REQUESTS}", flush=True)
        async for request in consumer:
            if request.value is not None:  # a cancel record has no value: nobody waits any more
                await answer(request, producer)
            await consumer.commit()


asyncio.run(serve())
