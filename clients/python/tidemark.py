"""A client of tidemark's HTTP API in one file of the standard library, for Python 3.9 and later: copy it.

>>> server = Tidemark("http://localhost:5000")                         # doctest: +SKIP
>>> server.send("temperature", 21.5)                                   # doctest: +SKIP
{'appended': 1, 'rejected': 0, 'problems': []}
>>> server.compute({"temperature": ["count", "mean"]}, start="today")  # doctest: +SKIP
{'temperature': {'count': 1, 'mean': 21.5}}
"""

from __future__ import annotations

import datetime
import http.client
import json
import random
import secrets
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

__all__ = ["Tidemark", "TidemarkError", "UnsentError"]

#: A moment as docs/HTTP.md has it ("2020-01-13 15:12", "now-1h", "yesterday"), epoch milliseconds, or a datetime (without a zone: local time).
Moment = Union[str, int, datetime.datetime]

#: A value, or an object with `value` and any of `time`, `device`, `boot`, `sequence`, `id` (docs/formats/payload.md).
Reading = Union[float, int, Mapping[str, Any]]

# One request: half of what a server takes in one body at the least.
_BATCH_READINGS_MAX = 5000
# The pause before try n is at most FIRST * 2**n and MAX, and at least half of that, seconds; one that the server asks for is kept up to ASKED.
_PAUSE_FIRST = 0.1
_PAUSE_MAX = 5.0
_PAUSE_ASKED_MAX = 30.0
# The server says something every 15 s at least; twice that and it is gone.
_SILENCE_MAX = 35.0
# Items of one page of a list: the most there are.
_LIST_ITEMS_MAX = 1000


class TidemarkError(Exception):
    """What went wrong: `code` is a heading of docs/ERRORS.md, `status` the HTTP status (None: no answer), `retryable` whether trying again can help."""

    def __init__(self, message: str, code: str, status: Optional[int] = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retryable = retryable
        self._retry_after: Optional[float] = None


class UnsentError(TidemarkError):
    """Readings that were not acknowledged. Nobody knows whether they arrived: send `unsent` again, and they are counted once."""

    def __init__(self, error: TidemarkError, unsent: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(str(error), error.code, error.status, error.retryable)
        self.unsent = unsent


class Tidemark:
    """A server. It holds no connection that would have to be closed; threads may share it, but for `send`."""

    def __init__(
        self,
        url: str = "http://localhost:5000",
        token: Optional[str] = None,
        device: Optional[str] = None,
        timeout: float = 30.0,
        ca: Optional[str] = None,
    ) -> None:
        """`token` is what the server wants (`--token`); `device` whose readings `send` sends, drawn at random if not given, which is one more device each time.

        `ca` is the path of a PEM file: an authority to trust beside the usual ones, where the server's certificate is of one of your own.
        """
        if not url.startswith(("http://", "https://")):
            raise TidemarkError(f"Cannot connect: expected a URL such as http://localhost:5000, was {url}", "config-invalid")
        self._url = url if url.endswith("/") else url + "/"
        self._token = token
        self._device = device if device is not None else "client-" + secrets.token_hex(8)
        self._boot = secrets.token_hex(8)
        self._timeout = timeout
        self._trust = None if ca is None else _trusting(ca)
        self._sequences: Dict[str, int] = {}  # names belong to a sensor: so do sequences

    def compute(
        self,
        metrics: Mapping[str, Sequence[str]],
        start: Optional[Moment] = None,
        end: Optional[Moment] = None,
        end_exclusive: Optional[Moment] = None,
        timezone: Optional[str] = None,
        device: Optional[str] = None,
        as_of: Optional[Moment] = None,
    ) -> Dict[str, Dict[str, Optional[float]]]:
        """Metrics of a window, by sensor, of one `device` alone where it is named: `from`, `to`, `toExclusive` and `asOf` of docs/HTTP.md are `start`, `end`, `end_exclusive` and `as_of`.

        Raises TidemarkError "request-invalid" when any of it is not understood, in the server's words.
        """
        body = {**metrics, **_bounds(start, end, end_exclusive)}
        return self._compute(body, {"timezone": timezone, "device": device, "asOf": _moment(as_of)})["result"]

    def compute_by_device(
        self,
        metrics: Mapping[str, Sequence[str]],
        start: Optional[Moment] = None,
        end: Optional[Moment] = None,
        end_exclusive: Optional[Moment] = None,
        timezone: Optional[str] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
        top: Optional[int] = None,
        as_of: Optional[Moment] = None,
    ) -> Dict[str, Any]:
        """Metrics of each device by itself: `{"result": {sensor: {device: {metric: …}}}, "devices": {sensor: {"names", "next", "withoutSeries"}}}`.

        Up to `limit` devices by name behind `after`, or the `top` with the largest first metric. Raises as `compute` does.
        """
        body = {**metrics, **_bounds(start, end, end_exclusive)}
        asked = {"by": "device", "timezone": timezone, "asOf": _moment(as_of), "after": after, "limit": limit, "top": top}
        answer = self._compute(body, asked)
        return {"result": answer["result"], "devices": answer["devices"]}

    def series(
        self,
        sensors: Union[str, Sequence[str]],
        metrics: Sequence[str] = ("mean", "min", "max"),
        start: Optional[Moment] = None,
        end: Optional[Moment] = None,
        end_exclusive: Optional[Moment] = None,
        points: Optional[int] = None,
        every: Optional[str] = None,
        timezone: Optional[str] = None,
        shift: Optional[str] = None,
        device: Optional[str] = None,
        as_of: Optional[Moment] = None,
    ) -> Dict[str, Any]:
        """Metrics in buckets of a calendar: `{"step", "timezone", "edges", "series": {sensor: {metric: [number or None, …]}}}`."""
        names = [sensors] if isinstance(sensors, str) else sensors
        query: Dict[str, Any] = {"sensor": ",".join(names), "metrics": ",".join(metrics)}
        query.update(_bounds(start, end, end_exclusive))
        given = {"points": points, "every": every, "timezone": timezone, "shift": shift, "device": device, "asOf": _moment(as_of)}
        query.update({name: value for name, value in given.items() if value is not None})
        return self._json("series", query)

    def sensors(self) -> List[Dict[str, Any]]:
        """All sensors with their totals, in the order they were added; times are texts of UTC."""
        items: List[Dict[str, Any]] = []
        after: Optional[int] = 0
        while after is not None:
            page = self._json("sensors", {"limit": _LIST_ITEMS_MAX, **({"after": after} if after else {})})
            items.extend(page["items"])
            after = page["next"]
        return items

    def devices(self, sensor: str) -> List[Dict[str, Any]]:
        """The devices of a sensor by name: readings, duplicates, when each was last heard, what is odd, and whether it can be asked for."""
        items: List[Dict[str, Any]] = []
        after: Optional[str] = None
        while True:
            query = {"sensor": sensor, "limit": _LIST_ITEMS_MAX, **({} if after is None else {"after": after})}
            part = self._json("devices", query)
            items.extend(part["items"])
            after = part["next"]
            if after is None:
                return items

    def send(self, sensor: str, readings: Union[Reading, Iterable[Reading]], within: float = 60.0) -> Dict[str, Any]:
        """Sends readings until the server has them on its disk, for `within` seconds (`math.inf`: for ever): `{"appended", "rejected", "problems"}`.

        What has no identity gets one (device, boot, sequence) and the time of this moment, so that what is sent again counts once.
        Raises UnsentError with what to send again.
        """
        many = [readings] if isinstance(readings, (int, float, Mapping)) else list(readings)
        whole = [self._identified(sensor, reading) for reading in many]
        until = time.monotonic() + within
        sent: Dict[str, Any] = {"appended": 0, "rejected": 0, "problems": []}
        for at in range(0, len(whole), _BATCH_READINGS_MAX):
            try:
                answer = self._deliver(sensor, whole[at : at + _BATCH_READINGS_MAX], until)
            except TidemarkError as error:
                raise UnsentError(error, whole[at:]) from error
            sent["appended"] += answer["appended"]
            sent["rejected"] += answer.get("rejected", 0)
            sent["problems"] += [{**problem, "line": problem["line"] + at} for problem in answer.get("problems", [])]
        return sent

    def live(self, sensors: Optional[Sequence[str]] = None) -> Iterator[Dict[str, Any]]:
        """Events of the live stream (docs/formats/live.md) with `kind` "snapshot" (forget what was known) or "update", for ever.

        Comes back by itself when the connection is lost, and then hears what changed since. Raises TidemarkError when trying again is of no use.
        """
        query = [] if sensors is None else [("sensor", name) for name in sensors]
        last_id, tries = "", 0
        while True:
            try:
                for name, data, last_id in self._events(query, last_id):
                    tries = 0
                    if name in ("snapshot", "update"):
                        yield {**json.loads(data), "kind": name}
            except TidemarkError as error:
                if not error.retryable:
                    raise
            time.sleep(_pause(tries, None))
            tries += 1

    def _compute(self, body: Mapping[str, Any], parameters: Mapping[str, Any]) -> Dict[str, Any]:
        query = {name: value for name, value in parameters.items() if value is not None}
        answer = self._json("compute/metrics", query, json.dumps(body).encode())
        if answer["errors"]:
            raise TidemarkError("; ".join(answer["errors"]), "request-invalid", 200)
        return answer

    def _identified(self, sensor: str, reading: Reading) -> Dict[str, Any]:
        fields: Dict[str, Any] = {"value": reading} if isinstance(reading, (int, float)) else dict(reading)
        if "time" in fields:
            fields["time"] = _moment(fields["time"])
        if "id" in fields or "sequence" in fields:
            return fields
        sequence = self._sequences.get(sensor, 0)
        self._sequences[sensor] = sequence + 1
        own = {"device": self._device, "boot": self._boot, "time": int(time.time() * 1000)}
        return {**own, **fields, "sequence": sequence}

    def _deliver(self, sensor: str, batch: Sequence[Mapping[str, Any]], until: float) -> Dict[str, Any]:
        body = "\n".join(json.dumps(reading) for reading in batch).encode()
        tries = 0
        while True:
            try:
                return self._json("readings/" + urllib.parse.quote(sensor, safe=""), {}, body, "application/x-ndjson")
            except TidemarkError as error:
                pause = _pause(tries, error._retry_after)
                if not error.retryable or time.monotonic() + pause > until:
                    raise
                time.sleep(pause)
                tries += 1

    def _events(self, query: Sequence[Any], last_id: str) -> Iterator[Any]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        name, data = "message", []
        try:
            with self._open("live", query, None, headers, _SILENCE_MAX) as response:
                for raw in response:
                    field, _, value = raw.decode("utf-8", "replace").rstrip("\r\n").partition(":")
                    value = value[1:] if value.startswith(" ") else value
                    if field == "event":
                        name = value
                    elif field == "data":
                        data.append(value)
                    elif field == "id":
                        last_id = value
                    elif raw.strip() == b"":
                        if data:
                            yield name, "\n".join(data), last_id
                        name, data = "message", []
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self._url, error) from error

    def _json(self, path: str, query: Any, body: Optional[bytes] = None, media: str = "application/json") -> Dict[str, Any]:
        headers = {} if body is None else {"Content-Type": media}
        try:
            with self._open(path, query, body, headers, self._timeout) as response:
                return json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self._url, error) from error

    def _open(self, path: str, query: Any, body: Optional[bytes], headers: Mapping[str, str], timeout: float) -> Any:
        text = urllib.parse.urlencode(query)
        request = urllib.request.Request(self._url + path + ("?" + text if text else ""), body, dict(headers))
        if self._token is not None:
            request.add_unredirected_header("Authorization", "Bearer " + self._token)
        try:
            return urllib.request.urlopen(request, timeout=timeout, context=self._trust)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None


def _trusting(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=ca)
    except OSError as error:  # also ssl.SSLError: no PEM
        raise TidemarkError(f"Cannot read the authority in {ca}: {error}", "config-invalid") from error
    return context


def _bounds(start: Optional[Moment], end: Optional[Moment], end_exclusive: Optional[Moment]) -> Dict[str, Any]:
    given = {"from": start, "to": end, "toExclusive": end_exclusive}
    return {name: _moment(moment) for name, moment in given.items() if moment is not None}


def _moment(moment: Any) -> Any:
    return int(moment.timestamp() * 1000) if isinstance(moment, datetime.datetime) else moment


def _pause(tries: int, asked: Optional[float]) -> float:
    if asked is not None:
        return min(asked, _PAUSE_ASKED_MAX) * random.uniform(1.0, 1.5)
    return min(_PAUSE_FIRST * 2 ** min(tries, 20), _PAUSE_MAX) * random.uniform(0.5, 1.0)


def _unreachable(url: str, error: BaseException) -> TidemarkError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.timeout):
        reason = "no answer in time"
    return TidemarkError(f"Cannot reach {url}: {reason}", "server-unreachable", None, True)


def _refusal(answer: urllib.error.HTTPError) -> TidemarkError:
    text = answer.read().decode("utf-8", "replace")
    try:
        fields = json.loads(text)
    except ValueError:
        fields = {}
    if not isinstance(fields, dict):
        fields = {}
    busy = answer.code == 429 or answer.code >= 500
    detail = fields.get("detail") or "; ".join(fields.get("errors", [])) or text[:200]
    code = fields.get("code") or ("not-authorized" if answer.code in (401, 403) else "too-busy" if busy else "request-invalid")
    error = TidemarkError(detail, code, answer.code, fields.get("retryable", busy))
    seconds = answer.headers.get("Retry-After", "")
    error._retry_after = float(seconds) if seconds.isdigit() else None
    return error
