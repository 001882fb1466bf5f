"""A turn at a study in a database: while it lasts, no other driver of that study proposes or writes.

The lock is the database's own: PostgreSQL's advisory lock, MySQL's named lock, and a lock on a file beside the database for
SQLite. All three end with the process or the connection that holds them, so a driver that dies in its turn blocks nobody,
and no clock plays a part.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError

Turn = Callable[[], AbstractContextManager[None]]

# A server notices within a minute that a machine is gone that held a lock; by default after hours.
_SETUP = {
    "postgresql": (
        "SET tcp_keepalives_idle = 30",
        "SET tcp_keepalives_interval = 10",
        "SET tcp_keepalives_count = 3",
    ),
    "mysql": ("SET SESSION wait_timeout = 600",),
}
_TAKE = {"postgresql": "SELECT pg_advisory_lock(:key)", "mysql": "SELECT GET_LOCK(:key, -1)"}
_GIVE = {"postgresql": "SELECT pg_advisory_unlock(:key)", "mysql": "SELECT RELEASE_LOCK(:key)"}


def turn_at(location: str | Path, name: str) -> Turn:
    """What makes the turns at study `name`: `with turn(): …`. They do not nest.

    Args:
        location: a database's URL. A journal's path makes turns without a lock, for its directory has one driver.
    Raises: the database's own exceptions, when a turn is taken.
    """
    if isinstance(location, Path):
        return nullcontext
    url = make_url(location)
    kind = {"mariadb": "mysql"}.get(url.get_backend_name(), url.get_backend_name())
    if kind in _TAKE:
        return _server_turn(url, kind, name)
    if kind == "sqlite" and url.database:
        return _file_turn(Path(url.database.removeprefix("file:") + ".lock"))
    return nullcontext  # whoever opens such a database says what is wrong with it


def _file_turn(path: Path) -> Turn:
    @contextmanager
    def turn() -> Iterator[None]:
        with path.open("a") as file:  # opened anew each time: a process forked between turns must not inherit a lock
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    return turn


def _server_turn(url: URL, kind: str, name: str) -> Turn:
    engine = create_engine(url, pool_size=1, pool_pre_ping=True, isolation_level="AUTOCOMMIT")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for statement in _SETUP[kind]:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    digest = hashlib.sha256(f"{url.database}\n{name}".encode()).digest()
    key = {"key": int.from_bytes(digest[:8], "big", signed=True) if kind == "postgresql" else digest.hex()[:40]}

    @contextmanager
    def turn() -> Iterator[None]:
        with engine.connect() as connection:
            connection.execute(text(_TAKE[kind]), key)
            try:
                yield
            finally:
                try:
                    connection.execute(text(_GIVE[kind]), key)
                except SQLAlchemyError:
                    connection.invalidate()  # the lock ended with the connection

    return turn
