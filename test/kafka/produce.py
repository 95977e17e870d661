"""Sends records to Kafka with a client that nobody here wrote.

produce.py BOOTSTRAP confluent|kafka-python CODEC [TRANSACTIONAL_ID]; a JSON command a line on standard input, a JSON answer a line on standard output:
{"do": "send", "topic": ..., "records": [{"value", "key", "time", "partition", "headers"}]} answers [[partition, offset], ...] once all are acknowledged;
{"do": "begin" | "commit" | "abort"} answers true. Text is latin1, a character a byte.
"""

import json
import sys


def raw(text):
    return None if text is None else text.encode("latin1")


def headers_of(record):
    return [(name, value.encode("latin1")) for name, value in record.get("headers", {}).items()]


class Confluent:
    def __init__(self, bootstrap, codec, transactional_id):
        from confluent_kafka import Producer

        settings = {"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 20}
        if transactional_id:
            settings["transactional.id"] = transactional_id
        self.producer = Producer(settings)
        if transactional_id:
            self.producer.init_transactions(60)

    def send(self, topic, records):
        places = [None] * len(records)
        errors = []

        def acknowledged(i):
            def callback(error, message):
                if error is not None:
                    errors.append(str(error))
                else:
                    places[i] = [message.partition(), message.offset()]

            return callback

        for i, record in enumerate(records):
            options = {"headers": headers_of(record), "on_delivery": acknowledged(i)}
            if "partition" in record:
                options["partition"] = record["partition"]
            if "time" in record:
                options["timestamp"] = record["time"]
            self.producer.produce(topic, value=raw(record["value"]), key=raw(record.get("key")), **options)
            self.producer.poll(0)
        self.producer.flush()
        if errors:
            raise RuntimeError(errors[0])
        return places

    def begin(self):
        self.producer.begin_transaction()

    def commit(self):
        self.producer.commit_transaction(60)

    def abort(self):
        self.producer.abort_transaction(60)


class KafkaPython:
    def __init__(self, bootstrap, codec, transactional_id):
        from kafka import KafkaProducer

        self.producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            compression_type=None if codec == "none" else codec,
            transactional_id=transactional_id or None,
            linger_ms=20,
        )
        if transactional_id:
            self.producer.init_transactions()

    def send(self, topic, records):
        futures = [
            self.producer.send(
                topic,
                value=raw(record["value"]),
                key=raw(record.get("key")),
                headers=headers_of(record),
                partition=record.get("partition"),
                timestamp_ms=record.get("time"),
            )
            for record in records
        ]
        self.producer.flush()
        answers = [future.get(timeout=60) for future in futures]
        return [[answer.partition, answer.offset] for answer in answers]

    def begin(self):
        self.producer.begin_transaction()

    def commit(self):
        self.producer.commit_transaction()

    def abort(self):
        self.producer.abort_transaction()


def main():
    bootstrap, client, codec, transactional_id = (sys.argv[1:] + [""])[:4]
    producer = (Confluent if client == "confluent" else KafkaPython)(bootstrap, codec, transactional_id)
    for line in sys.stdin:
        command = json.loads(line)
        step = command["do"]
        answer = True
        if step == "send":
            answer = producer.send(command["topic"], command["records"])
        else:
            getattr(producer, step)()
        print(json.dumps(answer), flush=True)


main()
