"""The older system's request path, rebuilt from its description: Flask; each request makes a Kafka consumer for each sensor, reads its topic
from the beginning to its end as it is now, keeps what lies between `from` and `to`, and computes the metrics with numpy.

Arguments: bootstrap, port. One process with threads (waitress), as such services are run.
"""

import sys
from datetime import datetime, timezone

import numpy as np
from flask import Flask, jsonify, request
from kafka import KafkaConsumer, TopicPartition

BOOTSTRAP, PORT = sys.argv[1], int(sys.argv[2])
METRICS = {"count": len, "average": np.mean, "min": np.min, "max": np.max}
app = Flask(__name__)


def millis(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=timezone.utc).timestamp() * 1000


def readings(sensor, start, end):
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, enable_auto_commit=False, max_poll_records=10_000)
    try:
        partition = TopicPartition(sensor, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        last = consumer.end_offsets([partition])[partition]
        values = []
        while consumer.position(partition) < last:
            for records in consumer.poll(timeout_ms=1000).values():
                for record in records:
                    if start <= record.timestamp < end:
                        values.append(float(record.value))
        return np.array(values)
    finally:
        consumer.close()


@app.post("/compute/metrics")
def compute():
    body = request.get_json(force=True)
    start = millis(body.pop("from"))
    end = millis(body.pop("to")) + 1000
    result = {}
    for sensor, metrics in body.items():
        values = readings(sensor, start, end)
        result[sensor] = {name: float(METRICS[name](values)) for name in metrics}
    return jsonify({"result": result, "errors": []})


if __name__ == "__main__":
    from waitress import serve

    print(f"listens at {PORT}", flush=True)
    serve(app, host="127.0.0.1", port=PORT, threads=4)
