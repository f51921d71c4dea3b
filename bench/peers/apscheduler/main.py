"""Reminders with APScheduler and its SQLAlchemy job store, as its user guide sets them up: a date job each, which posts to URL.

COUNT jobs are due over SPREAD seconds. LIMIT is how long it may take to add them; what was not added by then is left out. It
prints one line of JSON when all are there, and runs until it is killed.
"""

import json
import os
import time
from datetime import UTC, datetime, timedelta

import httpx
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

URL = os.environ["URL"]
COUNT, LIMIT, SPREAD = int(os.environ["COUNT"]), float(os.environ["LIMIT"]), float(os.environ["SPREAD"])
TRIALS = 50

client = httpx.Client()


def ring(number: int) -> None:
    client.post(URL, json={"data": {"task_id": str(number)}}).raise_for_status()


scheduler = BackgroundScheduler(
    jobstores={"default": SQLAlchemyJobStore(url=f"sqlite:///{os.environ['DATABASE']}")},
    executors={"default": ThreadPoolExecutor(20)},
    # A job that is late runs all the same: by default one that is a second late is left out.
    job_defaults={"misfire_grace_time": None},
    timezone=UTC,
)


def add(number: int, at: datetime) -> None:
    scheduler.add_job(ring, "date", run_date=at, args=[number], id=str(number))


scheduler.start(paused=True)
begun = time.monotonic()
for number in range(TRIALS):
    add(number, datetime.now(UTC) + timedelta(days=1))
each = (time.monotonic() - begun) / TRIALS
scheduler.remove_all_jobs()

begin = datetime.now(UTC) + timedelta(seconds=min(LIMIT, each * COUNT * 1.5) + 3)
begin = begin.replace(microsecond=0) + timedelta(seconds=1)
begun, added = time.monotonic(), 0
while added < COUNT and time.monotonic() - begun < LIMIT and datetime.now(UTC) < begin - timedelta(seconds=1):
    add(added, begin + timedelta(milliseconds=int(added * SPREAD * 1000 / COUNT)))
    added += 1
print(json.dumps({"added": added, "took": time.monotonic() - begun, "begin": int(begin.timestamp()) * 1_000_000}), flush=True)
scheduler.resume()
while True:
    time.sleep(60)
