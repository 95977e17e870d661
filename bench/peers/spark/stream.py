"""Spark Structured Streaming over a Kafka topic of JSON readings, from the beginning to its end as it was when the query began.

JSON argument: bootstrap, warm (a small topic that warms the JVM, in both modes), checkpoints, jars. Then lines of JSON: topic, mode.
Modes: "aggregate" (one total of the topic) and "full" (dropDuplicates by identity for ever, then one-second windows per sensor).
Answers each with one: seconds and CPU seconds of the query, largest memory of the JVM so far, rows in, distinct rows where known.
"""

import json
import os
import sys
import time

from pyspark.sql import SparkSession, functions as F

options = json.loads(sys.argv[1])
cores = os.cpu_count()
spark = (
    SparkSession.builder.master(f"local[{cores}]")
    .appName("bench")
    .config("spark.jars", options["jars"])
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.memory", "4g")
    .config("spark.ui.enabled", "false")
    # As many as there are cores: 200, the default, is several times slower on one machine.
    .config("spark.sql.shuffle.partitions", str(cores))
    .config("spark.sql.streaming.metricsEnabled", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
SCHEMA = "device string, boot string, sequence long, value double, time long"


def readings(topic):
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", options["bootstrap"])
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    parsed = records.select("topic", F.from_json(F.col("value").cast("string"), SCHEMA).alias("r"))
    return parsed.select("topic", "r.*")


def totals(grouped):
    return grouped.agg(
        F.count("value").alias("count"),
        F.min("value").alias("min"),
        F.max("value").alias("max"),
        F.sum("value").alias("sum"),
        F.sum(F.col("value") * F.col("value")).alias("squares"),
    )


def query(topic, mode, name):
    rows = readings(topic)
    if mode == "full":
        unique = rows.dropDuplicates(["device", "boot", "sequence"])
        second = F.window(F.timestamp_millis("time"), "1 second")
        result = totals(unique.groupBy("topic", second))
    else:
        result = totals(rows.groupBy("topic"))
    return (
        result.writeStream.outputMode("update")
        .format("noop")
        .option("checkpointLocation", os.path.join(options["checkpoints"], name))
        .trigger(availableNow=True)
        .start()
    )


def jvm():
    """CPU seconds and largest resident set of the JVM."""
    pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), peak * 1024


for mode in ("full", "aggregate"):
    query(options["warm"], mode, f"warm-{mode}").awaitTermination()
for number, line in enumerate(sys.stdin):
    asked = json.loads(line)
    cpu, _ = jvm()
    start = time.perf_counter()
    running = query(asked["topic"], asked["mode"], f"measured-{number}")
    running.awaitTermination()
    seconds = time.perf_counter() - start
    cpu_end, rss = jvm()
    rows = sum(progress["numInputRows"] for progress in running.recentProgress)
    last = running.lastProgress
    unique = max((s["numRowsTotal"] for s in last["stateOperators"]), default=0)
    lap = {"seconds": seconds, "cpuSeconds": cpu_end - cpu, "rssBytes": rss, "rows": rows, "state": unique}
    print(json.dumps(lap), flush=True)
spark.stop()
