"""Bodies of NDJSON are the texts that the description says."""
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    return value.encode() if isinstance(value, str) else str(value).encode()
