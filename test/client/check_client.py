"""Run by python.test.ts: check_client.py FILE PROXY_URL GUARDED_URL SECURE_URL CA. The proxy loses the answers of the first two appends to `lossy`."""

import datetime
import importlib.util
import sys
import time

spec = importlib.util.spec_from_file_location("tidemark", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
proxy, guarded, secure, ca = sys.argv[2:6]

server = module.Tidemark(proxy, device="cellar")


def eventually(check):
    for _ in range(200):
        if check():
            return
        time.sleep(0.02)
    raise AssertionError(check)


def raised(call):
    try:
        call()
    except module.TidemarkError as error:
        return error
    raise AssertionError("expected an error")


# Identity: of two lost answers and a busy server three readings are left.
sent = server.send("lossy", [1, 2.5, {"value": 3}])
assert sent == {"appended": 3, "rejected": 0, "problems": []}, sent
eventually(lambda: server.compute({"lossy": ["count"]})["lossy"]["count"] == 3)
info = {sensor["sensor"]: sensor for sensor in server.sensors()}["lossy"]
assert (info["counted"], info["devices"]) == (3, 1) and info["duplicates"] >= 3, info

noon = datetime.datetime(2020, 1, 13, 12, tzinfo=datetime.timezone.utc)
server.send("indoor", ({"value": v, "time": noon + datetime.timedelta(minutes=v)} for v in range(90)))
eventually(lambda: server.compute({"indoor": ["count"]}, "2020-01-13", "2020-01-13") == {"indoor": {"count": 90}})
answer = server.compute({"indoor": ["mean", "p50"]}, start=noon, end_exclusive="2020-01-13 13:00")
assert answer == {"indoor": {"mean": 29.5, "p50": 29.5}}, answer
series = server.series("indoor", ["count"], start=noon, end_exclusive="2020-01-13 15:00", every="1h")
assert series["series"] == {"indoor": {"count": [60, 30, 0]}}, series

for ask in (server.compute, server.compute_by_device):
    gone = raised(lambda: ask({"indoor": ["count"]}, as_of=noon))
    assert gone.status == 410 and "Cannot answer as of 2020-01-13T12:00:00" in str(gone), gone
gone = raised(lambda: server.series("indoor", ["count"], as_of=noon))
assert gone.code == "revision-gone", gone

error = raised(lambda: server.compute({"nowhere": ["count"]}))
assert (error.code, error.status, error.retryable) == ("request-invalid", 400, False), error
assert str(error) == "Unexpected key nowhere in the request body", error
assert raised(lambda: module.Tidemark(guarded).sensors()).code == "not-authorized"
assert module.Tidemark(guarded, token="sixteen-or-more-characters").sensors() == []
writer = module.Tidemark(guarded, token="a-token-that-only-writes")
missing = raised(lambda: writer.sensors())
assert missing.code == "role-missing" and "expected a token of the role read, was one of write" in str(missing), missing
assert writer.send("guarded", 1)["appended"] == 1
if secure:  # there is an openssl to make its certificate
    assert module.Tidemark(secure, ca=ca).send("secure", 1)["appended"] == 1
    unknown = raised(lambda: module.Tidemark(secure).sensors())
    assert unknown.code == "server-unreachable" and "certificate verify failed" in str(unknown), unknown
    for wrong in (ca + ".missing", sys.argv[1]):
        unread = raised(lambda: module.Tidemark(secure, ca=wrong))
        assert unread.code == "config-invalid" and wrong in str(unread), unread
unsent = raised(lambda: module.Tidemark("http://127.0.0.1:1").send("x", 1, within=0))
assert isinstance(unsent, module.UnsentError) and unsent.code == "server-unreachable", unsent
assert unsent.unsent[0]["sequence"] == 0 and unsent.retryable, unsent.unsent

live = server.live()
assert next(live)["kind"] == "snapshot"
server.send("lossy", 4)
for event in live:
    if any(row["sensor"] == "lossy" and row["count"] == 4 for row in event["sensors"]):
        break
print("cut", flush=True)  # the test cuts the connection, and says so
sys.stdin.readline()
server.send("lossy", 5)
for event in live:
    if any(row["sensor"] == "lossy" and row["count"] == 5 for row in event["sensors"]):
        break
print("well")
