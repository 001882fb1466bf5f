"""A turn at a study in a database: while it lasts, no other driver of that study proposes or writes.

The lock is the database's own: PostgreSQL's advisory lock, MySQL's named lock, and a lock on a file beside the database for
SQLite. All three end with the process or the connection that holds them, so a driver that dies in its turn blocks nobody,
and no clock plays a part.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it takes a quarter of a second to import, and a journal needs none of it
    from sqlalchemy import URL

# A server notices within a minute that a machine is gone that held a lock; by default after hours.
_SETUP = {
    "postgresql": (
        "SET tcp_keepalives_idle = 30",
        "SET tcp_keepalives_interval = 10",
        "SET tcp_keepalives_count = 3",
    ),
    "mysql": ("SET SESSION wait_timeout = 600",),
}
# Both wait as long as it takes, and say 1. MySQL would, MariaDB would not wait for ever.
_TAKE = {"postgresql": "SELECT 1 FROM pg_advisory_lock(:key)", "mysql": "SELECT GET_LOCK(:key, 31536000)"}
_GIVE = {"postgresql": "SELECT pg_advisory_unlock(:key)", "mysql": "SELECT RELEASE_LOCK(:key)"}


class Turn:
    """What makes the turns of one driver: `with turn(): …`. They do not nest. This one locks nothing."""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Raises: the database's own exceptions, when the turn is taken."""
        yield

    def close(self) -> None:
        """Let go of the database."""


class _FileTurn(Turn):
    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._path.open(
            "a"
        ) as file:  # opened anew each time: a process forked between turns must not inherit a lock
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class _ServerTurn(Turn):
    def __init__(self, url: URL, kind: str, name: str) -> None:
        from sqlalchemy import create_engine, event, text

        digest = hashlib.sha256(f"{url.database}\n{name}".encode()).digest()
        number = int.from_bytes(digest[:8], "big", signed=True)
        self._key = {"key": number if kind == "postgresql" else digest.hex()[:40]}
        self._take, self._give = text(_TAKE[kind]), text(_GIVE[kind])
        self._engine = create_engine(url, pool_size=1, pool_pre_ping=True, isolation_level="AUTOCOMMIT")

        @event.listens_for(self._engine, "connect")
        def prepare(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            for statement in _SETUP[kind]:
                cursor.execute(statement)
            cursor.close()
            connection.commit()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        with self._engine.connect() as connection:
            if connection.execute(self._take, self._key).scalar() != 1:
                raise OSError("the database does not give the lock of the study's turn")
            try:
                yield
            finally:
                try:
                    connection.execute(self._give, self._key)
                except SQLAlchemyError:
                    connection.invalidate()  # the lock ended with the connection

    def close(self) -> None:
        self._engine.dispose()


def turn_at(location: str | Path, name: str) -> Turn:
    """The turns at study `name` in the database at `location`; without a lock for a journal, whose directory has one driver."""
    if isinstance(location, Path):
        return Turn()
    from sqlalchemy import make_url

    url = make_url(location)
    kind = {"mariadb": "mysql"}.get(url.get_backend_name(), url.get_backend_name())
    if kind in _TAKE:
        return _ServerTurn(url, kind, name)
    if kind == "sqlite" and url.database:
        return _FileTurn(Path(url.database.removeprefix("file:") + ".lock"))
    return Turn()  # whoever opens such a database says what is wrong with it
