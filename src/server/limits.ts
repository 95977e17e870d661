/** Every bound of the HTTP doors, with its reason; what happens past one stands beside it. */

/** Body of a question, bytes: a thousand sensors with a few metrics each. Past it 413. */
export const COMPUTE_BODY_BYTES_MAX = 65_536;

/** Metrics in one list: all percentiles and every named metric fit. Past it 400: each percentile is a walk through up to 2,048 bins. */
export const METRICS_PER_SENSOR_MAX = 128;

/** Sensors of one series: more lines are indistinguishable in a chart. Past it 400. */
export const SERIES_SENSORS_MAX = 8;

/** Buckets that a server chooses a step for: two of each pixel of a wide screen. Past it 400. */
export const SERIES_POINTS_MAX = 2000;

/** Buckets of one answer: a day by the second, eleven years by the hour. About 10 µs each. Past it 400. */
export const SERIES_BUCKETS_MAX = 100_000;

/** Numbers of one answer: 8 MB while it is made. Past it 400. */
export const SERIES_NUMBERS_MAX = 1_000_000;

/** Body of a request of Grafana, bytes: a hundred targets of a long panel. Past it 413. */
export const GRAPHITE_BODY_BYTES_MAX = 65_536;

/** Lines of one request of Grafana: a legend of more is not read. With the most points each, 1.3 s of merging, in slices. Past it 400. */
export const GRAPHITE_LINES_MAX = 64;

/** Percentiles whose parsed form is kept (the named metrics always are). Past it all are forgotten and made again. */
export const PERCENTILES_KEPT = 256;

/** Nesting of a JSON body of ours: no request needs more than 2. Past it 400, before anything walks it: what words the errors recurses. */
export const JSON_DEPTH_MAX = 32;

/** Answers of one turn of the event loop that are written together: enough for all connections of most clients. */
export const TURN_ANSWERS_MAX = 32;

/** How long the first of them may wait for the last, ms: it waits less than all of them win. */
export const TURN_MS_MAX = 1;

/** A turn of the event loop that ends this long after its newest answer did other work, ms: a slice of ingest or of a commit. */
export const TURN_LATE_MS = 1;

/** Turns in a row, late or with one answer each, after which queueing is paused. A single late one may be chance. */
export const TURN_VAIN_TURNS_MAX = 4;

/** Answers that are then written at once, before queueing is tried again. */
export const TURN_SKIPS = 64;

/** Body of readings, bytes: four records of the largest size. Past it 413. */
export const READINGS_BODY_BYTES_MAX = 4_194_304;

/** Readings in one body: what a batch takes while an array of small records is still small. Past it 413. */
export const READINGS_PER_BODY_MAX = 65_536;

/**
 * Body of a write of InfluxDB's clients, bytes: 40,000 lines of 200 bytes, where their batches have 1,000 to 10,000. Past it 413, and those
 * of version 2 halve them.
 */
export const INFLUX_BODY_BYTES_MAX = 8_388_608;

/** Rejected records of a body that its answer names; the rest is counted, and listed under /rejections. */
export const PROBLEMS_SHOWN_MAX = 10;

/** Body of a list of ids, bytes: `IDS_MAX` of 16 digits. Past it 413. */
export const IDS_BODY_BYTES_MAX = 32_768;

/** Ids of one request: as many as one answer of the list holds. Past it 400. */
export const IDS_MAX = 1000;

/** Body that begins a session, bytes: no token is longer. Past it 413. */
export const SESSION_BODY_BYTES_MAX = 4096;

/** How long a browser need not be told the token again, ms: a month. */
export const SESSION_MS_MAX = 30 * 86_400_000;

/** Most items of one part of a list, and the default. */
export const LIST_ITEMS_MAX = 1000;
export const LIST_ITEMS = 100;

/** Bytes of a too large body that are still read, and dropped: most clients read the answer only when all is sent. Past it the connection is cut. */
export const DROPPED_BODY_BYTES_MAX = 16_777_216;

/** Bodies in memory at one time, all connections together, bytes: half of what the process shall stay under. Past it 503. */
export const BODIES_BYTES_MAX = 67_108_864;

/** Retry-After of a client that is asked to come back, s. */
export const RETRY_AFTER_SECONDS = 1;

/** How long a browser may cache the answer to a preflight, s: Chromium's own limit is two hours. */
export const PREFLIGHT_SECONDS = 600;

/** Headers of one request, bytes (Node's default). Past it 431. */
export const HEADERS_BYTES_MAX = 16_384;

/** Fields of the headers of one request: browsers send twenty, chains of proxies add some. Past it 431. */
export const HEADER_FIELDS_MAX = 200;

/** Time for the headers, and for all of a request, ms: a slow line takes seconds; longer is a client that holds a connection. Past it 408. */
export const HEADERS_MS_MAX = 10_000;
export const REQUEST_MS_MAX = 30_000;

/** Time for a handshake of TLS, ms. Past it the connection is cut. */
export const HANDSHAKE_MS_MAX = 10_000;

/**
 * Wrong tokens from one address (of IPv6: one /64) at once, and a second. A hundred devices that were not told of a new token are
 * told so; at this rate 16 random characters are guessed in 10^20 years. Past it 429, and a counter.
 */
export const WRONG_TOKENS_BURST = 100;
export const WRONG_TOKENS_PER_SECOND = 10;

/** Addresses and tokens whose rate is known at one time: 1 MB. Past it the one that was heard of least lately is forgotten, and counted. */
export const RATE_KEYS_MAX = 4096;

/** How often these two are checked, ms. */
export const TIMEOUTS_CHECK_MS = 5_000;

/** An idle keep-alive connection is closed after this, ms: longer than the 60 s of most proxies, so that they close first. */
export const IDLE_CONNECTION_MS_MAX = 72_000;

/**
 * A connection on which nothing moves for this long during a request or an answer is cut, ms; with 503 where an answer is due that has not begun,
 * as behind a commit that a full disk holds up. The live stream writes every 15 s.
 */
export const SILENT_CONNECTION_MS_MAX = 60_000;

/** Connections at one time, to all addresses together. Past it 503, and a counter at /livez. */
export const CONNECTIONS_MAX = 1024;

/**
 * Connections at one time from one address (of IPv6: from one /64): a proxy needs fewer, and a quarter of all is left to others.
 * Past it as past all.
 */
export const CONNECTIONS_PER_ADDRESS_MAX = 768;

/** A connection that got its last answer is cut after this, ms: a client that is there has read it. */
export const REFUSED_CONNECTION_MS_MAX = 1000;

/** Connections beyond these that still get an answer: the error, or that the process is alive. Past it they are cut, and counted. */
export const SPARE_CONNECTIONS_MAX = 64;

/** Of these, from one address: one that opens connections without end takes no other's answer, nor a probe's. */
export const SPARE_CONNECTIONS_PER_ADDRESS_MAX = 16;

/** A spare connection without a request is answered and closed after this, ms: it makes room for the next. */
export const SPARE_CONNECTION_MS_MAX = 1000;

/** What is still being answered when the server closes has this long, ms. Then its connection is cut. */
export const CLOSE_MS_MAX = 5_000;

/** Clients of the live stream. Past it 503: each costs a write a frame. */
export const LIVE_CLIENTS_MAX = 100;

/** Events of alerts that are told at one time; of more than these a client loads the list. */
export const LIVE_ALERTS_MAX = 100;

/** Sensors in the live stream; the rest is left out and `sensorsTotal` says so. A frame of them all stays under 2 MB. */
export const LIVE_SENSORS_MAX = 1000;

/** Shortest time between two frames, ms: a screen shows no more than 50 a second, and an answer waits for no frame longer than that. */
export const FRAME_INTERVAL_MS_MIN = 20;

/** Longest time between two frames, ms, however much they cost. */
export const FRAME_INTERVAL_MS_MAX = 1000;

/** Time between two frames is at least this often the time that the last one took: frames take at most a tenth of a core. */
export const FRAME_COST_FACTOR = 10;

/** A frame stops taking in further sensors after this, ms; they come in the next. Answers wait that long. */
export const FRAME_COMPUTE_MS_MAX = 10;

/** What the last minute holds is shown anew at least this often, ms. */
export const LIVE_TICK_MS = 1000;

/** A comment when nothing else was sent for this long, ms: shorter than every proxy's patience. */
export const HEARTBEAT_MS = 15_000;

/** A client whose connection has not drained for this long is cut, ms. */
export const STUCK_CLIENT_MS_MAX = 30_000;

/** A client of the live stream comes back after this, ms. */
export const LIVE_RETRY_MS = 2000;
