"""Publishes numbered temperatures by paho as its users do, with quality of service 1. publish.py PORT PASSWORD VERSION COUNT [CA]"""
import json
import sys
import time

import paho.mqtt.client as mqtt

PORT, PASSWORD, VERSION, COUNT = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
START = 1_700_000_000_000

client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2,
    client_id="paho",
    protocol=mqtt.MQTTv5 if VERSION == "5" else mqtt.MQTTv311,
    **({} if VERSION == "5" else {"clean_session": False}),
)
client.username_pw_set("anybody", PASSWORD)
if len(sys.argv) > 5:
    client.tls_set(sys.argv[5])
client.reconnect_delay_set(1, 1)
client.max_inflight_messages_set(100)
client.max_queued_messages_set(0)


def connected(_client, _userdata, _flags, reason, _properties):
    print("refused" if reason.is_failure else "connected", reason, flush=True)


acknowledged = 0


def published(_client, _userdata, _id, _reason, _properties):
    global acknowledged
    acknowledged += 1


client.on_connect = connected
client.on_publish = published
client.connect("localhost", PORT)
client.loop_start()
for number in range(COUNT):
    message = {"temperature": number % 40, "last_seen": START + number * 1000}
    client.publish("zigbee2mqtt/paho", json.dumps(message), qos=1)  # while it is not connected they are queued
    time.sleep(0.0003)
while acknowledged < COUNT:
    time.sleep(0.05)
client.disconnect()
client.loop_stop()
print("done", flush=True)
