"""Writes numbered values by clients of InfluxDB, the way their users do, and again until they are taken. write.py PORT TOKEN WAY COUNT"""
import sys
import time

from influxdb import InfluxDBClient, exceptions
from influxdb_client import InfluxDBClient as InfluxDBClientV2
from influxdb_client import Point, WriteOptions
from influxdb_client.client.write_api import ASYNCHRONOUS, SYNCHRONOUS
from influxdb_client.rest import ApiException
import requests.exceptions
import urllib3.exceptions

PORT, TOKEN, WAY, COUNT = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
START = 1_700_000_000
URL = f"http://127.0.0.1:{PORT}"
TIMEOUT = 5


def event(number):
    """As Home Assistant makes one of a state that changed."""
    return {
        "measurement": "°C",
        "tags": {"domain": "sensor", "entity_id": f"{WAY}_temp"},
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START + number)) + ".250000+00:00",
        "fields": {"value": float(number), "friendly_name_str": "Kitchen, \"old\"", "battery": 80.0},
    }


def until_taken(write):
    while True:
        try:
            return write()
        except (requests.exceptions.RequestException, exceptions.InfluxDBServerError, urllib3.exceptions.HTTPError, ApiException, OSError):
            time.sleep(0.1)


def home_assistant_v1():
    influx = InfluxDBClient(
        host="127.0.0.1", port=PORT, username="any", password=TOKEN, database="home_assistant",
        ssl=False, verify_ssl=False, timeout=TIMEOUT,
    )
    influx.write_points([])  # it tries the connection so
    print("connected", flush=True)
    for first in range(0, COUNT, 10):
        batch = [event(number) for number in range(first, min(first + 10, COUNT))]
        until_taken(lambda: influx.write_points(batch, time_precision="ms"))
    influx.close()


def home_assistant_v2():
    influx = InfluxDBClientV2(url=URL, token=TOKEN, org="any", timeout=TIMEOUT * 1000, verify_ssl=False)
    influx.write_api(write_options=SYNCHRONOUS).write(bucket="any", record=b"")
    api = influx.write_api(write_options=ASYNCHRONOUS)
    print("connected", flush=True)
    for first in range(0, COUNT, 10):
        batch = [event(number) for number in range(first, min(first + 10, COUNT))]
        until_taken(lambda: api.write(bucket="any", record=batch).get())
    influx.close()


def batching():
    """The library's own batches and retries."""
    with InfluxDBClientV2(url=URL, token=TOKEN, org="any") as influx:
        assert influx.ping()
        assert influx.health().status == "pass"
        options = WriteOptions(
            batch_size=50, flush_interval=100, jitter_interval=0, retry_interval=200,
            max_retries=100, max_retry_delay=500, max_retry_time=120_000, exponential_base=1,
        )
        print("connected", flush=True)
        with influx.write_api(write_options=options) as api:
            for number in range(COUNT):
                point = Point("batch").tag("room", "a, b").field("value", number).field("text", "x").field("on", True)
                api.write(bucket="any", record=point.time((START + number) * 1_000_000_000))
                time.sleep(0.0005)


{"v1": home_assistant_v1, "v2": home_assistant_v2, "batching": batching}[WAY]()
print("done", flush=True)
