# A card service with aiokafka: the consumer's loop of its documentation, with a producer for the replies.
import asyncio
import json
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

BROKERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]


async def serve():
    consumer = AIOKafkaConsumer(
        os.environ["REQUESTS"],
        bootstrap_servers=BROKERS,
        group_id=os.environ["GROUP"],
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=BROKERS)
    async with consumer, producer:
        # listener
        async for request in consumer:
            order, sent, status = json.loads(request.value), dict(request.headers), {}
            match order["card"]:
                case "ok":
                    value = {"paid": order["amount"], "note": order["note"]}
                case "declined":
                    value, status = {"limit": order["amount"]}, {"reply-status": "error", "error-code": "CARD_DECLINED"}
                    status["error-message"] = "over the limit"
                case "down":
                    value, status = {}, {"reply-status": "failure", "error-message": "the bank is down"}
                case _:
                    continue
            headers = [("kafka_correlationId", sent["kafka_correlationId"])]
            headers += [(name, text.encode()) for name, text in status.items()]
            await producer.send_and_wait(sent["kafka_replyTopic"].decode(), json.dumps(value).encode(), headers=headers)
        # end of listener


asyncio.run(serve())
