"""The API's busiest requests with FastAPI, SQLModel and uvicorn, as their documentation teaches them, on Punctual's own tables.

It checks what Punctual checks (who calls, whose task it is, what may be written), and its rows carry what Punctual's triggers
want. Started as `uvicorn main:app`; DATABASE_URL or else DATABASE, which names an SQLite file, says where they are, and
TOKEN_SECRET signs the tokens.
"""

import json
import os
import secrets
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, Field as Checked
from sqlalchemy import BigInteger, event, func, literal_column, tuple_
from sqlmodel import Field, Session, SQLModel, create_engine, select

SECRET = os.environ["TOKEN_SECRET"]
LAST = 9223372036854775807

# A connection for each thread that answers: with fewer, all threads wait for one while those that would give theirs back
# find no thread.
POOL = {"pool_size": 40, "max_overflow": 0}

if url := os.environ.get("DATABASE_URL"):
    engine = create_engine(url.replace("postgres://", "postgresql+psycopg://", 1), **POOL)
else:
    engine = create_engine(
        f"sqlite:///{os.environ['DATABASE']}", connect_args={"check_same_thread": False, "timeout": 30}, **POOL
    )

    @event.listens_for(engine, "connect")
    def settings(connection, _record) -> None:
        """As durable as Punctual's: a commit is on disk before it is answered."""
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")


class User(SQLModel, table=True):
    __tablename__ = "users"
    id: str = Field(primary_key=True)
    email: str
    password_hash: str
    inbox_id: str
    timezone: str


class Project(SQLModel, table=True):
    __tablename__ = "projects"
    id: str = Field(primary_key=True)
    owner: str
    archived_at: int | None = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(sa_type=BigInteger)


class Task(SQLModel, table=True):
    __tablename__ = "tasks"
    id: str = Field(primary_key=True)
    owner: str
    project_id: str
    title: str
    notes: str = ""
    priority: str = "none"
    tags: str = "[]"
    status: str = "open"
    due: str | None = None
    timezone: str | None = None
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    repeat: str | None = None
    reminders: str = "[]"
    touched: int = 1
    rank: str = ""
    completed_at: int | None = Field(default=None, sa_type=BigInteger)
    generation: int = 1
    generation_at: int = Field(sa_type=BigInteger)
    version: int = 1
    op: str
    actor: str
    via: str = "api"
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)


class Credentials(BaseModel):
    email: str
    password: str


class TaskIn(BaseModel):
    title: Annotated[str, Checked(min_length=1, max_length=500)]
    notes: Annotated[str, Checked(max_length=20_000)] = ""
    project_id: str | None = None
    priority: Literal["none", "low", "medium", "high"] = "none"
    tags: Annotated[list[Annotated[str, Checked(min_length=1, max_length=50)]], Checked(max_length=20)] = []
    due: Annotated[str, Checked(pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$")] | None = None
    timezone: str | None = None


class TaskOut(BaseModel):
    id: str
    title: str
    notes: str
    project_id: str
    priority: str
    tags: list[str]
    status: str
    due: str | None
    timezone: str | None
    due_at: str | None
    reminders: list[dict]
    completed_at: str | None
    created_at: str
    updated_at: str
    version: int


class Page(BaseModel):
    items: list[TaskOut]
    next: str | None


def instant(micros: int | None) -> str | None:
    if micros is None:
        return None
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(task: Task) -> TaskOut:
    return TaskOut(
        **task.model_dump(include={"id", "title", "notes", "project_id", "priority", "status", "due", "timezone", "version"}),
        tags=json.loads(task.tags),
        reminders=json.loads(task.reminders),
        due_at=instant(task.due_at),
        completed_at=instant(task.completed_at),
        created_at=instant(task.created_at),
        updated_at=instant(task.updated_at),
    )


def now() -> int:
    return time.time_ns() // 1_000


def due_at(due: str, zone: str) -> int:
    """The instant of a due; a date lasts until its end."""
    local = datetime.fromisoformat(due)
    if len(due) == 10:
        local += timedelta(days=1)
    return int(local.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000_000)


def session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(session)]


def caller(token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/auth/login"))]) -> str:
    try:
        return jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    except jwt.InvalidTokenError:
        raise HTTPException(401, "The token does not hold.") from None


Caller = Annotated[str, Depends(caller)]
app = FastAPI()


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/auth/login")
def login(credentials: Credentials, database: Database) -> dict[str, str]:
    user = database.exec(select(User).where(User.email == credentials.email.lower())).first()
    try:
        if user is None:
            raise VerifyMismatchError
        PasswordHasher().verify(user.password_hash, credentials.password)
    except VerifyMismatchError:
        raise HTTPException(401, "E-mail or password is wrong.") from None
    until = datetime.now(UTC) + timedelta(hours=1)
    return {"access_token": jwt.encode({"sub": user.id, "exp": until}, SECRET, algorithm="HS256")}


@app.get("/api/tasks")
def tasks(
    database: Database,
    caller: Caller,
    status: Literal["open", "completed", "skipped"] = "open",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
) -> Page:
    # As text, since a bound value would not be the index's expression, and each page would sort all tasks.
    place = func.coalesce(Task.due_at, literal_column(str(LAST)))
    query = select(Task).where(Task.owner == caller, Task.deleted_at.is_(None), Task.status == status)
    if cursor:
        at, created, after = json.loads(bytes.fromhex(cursor))
        query = query.where(tuple_(place, Task.created_at, Task.id) > tuple_(at, created, after))
    found = database.exec(query.order_by(place, Task.created_at, Task.id).limit(limit)).all()
    next = None
    if len(found) == limit:
        end = found[-1]
        at = LAST if end.due_at is None else end.due_at
        next = json.dumps([at, end.created_at, end.id]).encode().hex()
    return Page(items=[shown(task) for task in found], next=next)


def owned(database: Session, caller: str, id: str) -> Task:
    task = database.exec(select(Task).where(Task.owner == caller, Task.id == id)).first()
    if task is None:
        raise HTTPException(404, "There is no such task.")
    return task


@app.get("/api/tasks/{id}")
def task(database: Database, caller: Caller, id: str) -> TaskOut:
    return shown(owned(database, caller, id))


@app.post("/api/tasks", status_code=201)
def create(database: Database, caller: Caller, body: TaskIn, response: Response) -> TaskOut:
    user = database.get_one(User, caller)
    project = database.get(Project, body.project_id or user.inbox_id)
    if project is None or project.owner != caller or project.archived_at or project.deleted_at:
        raise HTTPException(422, "There is no such project.")
    at = now()
    task = Task(
        **body.model_dump(include={"title", "notes", "priority", "due", "timezone"}),
        id=str(uuid.uuid4()),
        owner=caller,
        project_id=project.id,
        tags=json.dumps(body.tags),
        due_at=due_at(body.due, body.timezone or user.timezone) if body.due else None,
        op=secrets.token_hex(16),
        actor=caller,
        generation_at=at,
        created_at=at,
        updated_at=at,
    )
    database.add(task)
    database.commit()
    database.refresh(task)
    response.headers["location"] = f"/api/tasks/{task.id}"
    return shown(task)


@app.post("/api/tasks/{id}/complete")
def complete(database: Database, caller: Caller, id: str) -> TaskOut:
    task = owned(database, caller, id)
    if task.deleted_at is not None:
        raise HTTPException(404, "There is no such task.")
    if task.status == "open":
        at = now()
        task.status, task.completed_at = "completed", at
        task.generation, task.generation_at = task.generation + 1, at
        task.version, task.updated_at, task.op = task.version + 1, at, secrets.token_hex(16)
        database.add(task)
        database.commit()
        database.refresh(task)
    return shown(task)
