"""Optuna's database storage with the two things that a turn needs to be short, and with what MySQL needs to hold our facts.

A new trial is a handful of statements here, where Optuna sends three for each parameter and two for each attribute; and what
others wrote is one query of the attributes that hold our facts, for new and open trials only, where Optuna reads all that
belongs to them in seven. Tables and their meaning are Optuna's own: its models write and read them.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.models import NOT_FOUND_MSG
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Engine, insert, make_url, or_, select, text
from sqlalchemy.orm import Session

from nas.study.entry import Written

__all__ = ["NOT_FOUND_MSG", "Database"]

# A driver's heartbeat and another one's turn write at the same time; SQLite lets one of them wait, by default not for long.
SQLITE_WAIT_S = 60

# SQLAlchemy's name of a database → settings of its engine. A server may have ended a connection that nobody used for a while.
# MySQL's own isolation makes drivers that write at once wait for the gaps between one another's rows, up to a deadlock.
_PING = {"pool_pre_ping": True}
_MYSQL = {**_PING, "isolation_level": "READ COMMITTED"}
_ENGINES: dict[str, dict[str, Any]] = {
    "sqlite": {"connect_args": {"timeout": SQLITE_WAIT_S}},
    "postgresql": _PING,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}
_COLLATION = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


class Database(RDBStorage):
    """The storage at `url`."""

    def __init__(self, url: str) -> None:
        """Raises: what SQLAlchemy and the database's driver raise, ImportError where that driver is not installed."""
        super().__init__(url, _ENGINES.get(make_url(url).get_backend_name()))
        if self.engine.name in ("mysql", "mariadb"):
            _widen(self.engine)

    def written(self, study_id: int, after: int, also: Collection[int]) -> list[Written]:
        """Trials with an id greater than `after`, and those with an id in `also`, in order of their ids."""
        trial, attribute = models.TrialModel, models.TrialSystemAttributeModel
        query = (
            select(trial.trial_id, trial.state, attribute.key, attribute.value_json)
            .join(attribute, attribute.trial_id == trial.trial_id)
            .where(trial.study_id == study_id, or_(trial.trial_id > after, trial.trial_id.in_(also)))
            .order_by(trial.trial_id)
        )
        found: dict[int, Written] = {}
        with self.engine.connect() as connection:
            for trial_id, state, key, value in connection.execute(query):
                one = found.setdefault(trial_id, Written(trial_id, state.is_finished(), {}))
                one.attributes[key] = json.loads(value)
        return list(found.values())

    def _get_prepared_new_trial(self, study_id: int, template_trial: FrozenTrial | None, session: Session) -> Any:
        """As Optuna's, for a template that repeats no name with another distribution; ours never do."""
        if template_trial is None:
            return super()._get_prepared_new_trial(study_id, template_trial, session)
        trial = models.TrialModel(
            study_id=study_id,
            number=None,
            state=TrialState.RUNNING,
            datetime_start=template_trial.datetime_start,
            datetime_complete=template_trial.datetime_complete,
        )
        session.add(trial)
        session.flush()  # gives it an id
        of: dict[str, Any] = {"trial_id": trial.trial_id}
        params = [
            {
                **of,
                "param_name": name,
                "param_value": template_trial.distributions[name].to_internal_repr(value),
                "distribution_json": distribution_to_json(template_trial.distributions[name]),
            }
            for name, value in template_trial.params.items()
        ]
        attributes = (
            (models.TrialUserAttributeModel, template_trial.user_attrs),
            (models.TrialSystemAttributeModel, template_trial.system_attrs),
        )
        if params:
            session.execute(insert(models.TrialParamModel), params)
        for table, values in attributes:
            rows = [{**of, "key": key, "value_json": json.dumps(value)} for key, value in values.items()]
            session.execute(insert(table), rows)
        for objective, value in enumerate(template_trial.values or ()):
            self._set_trial_value_without_commit(session, trial, objective, value)
        trial.state = template_trial.state
        trial.number = trial.count_past_trials(session)
        return trial


def _widen(engine: Engine) -> None:
    """Make MySQL's tables hold what others' do: texts above 64 KiB, any letter, and names that differ by case alone."""
    query = text(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = DATABASE() "
        "AND (data_type = 'text' OR collation_name <> 'utf8mb4_bin')"
    )
    with engine.begin() as connection:
        narrow = [one for one in connection.execute(query).all() if one[0] in models.BaseModel.metadata.tables]
        for table in sorted({table for table, _, _ in narrow}):
            connection.execute(text(f"ALTER TABLE {table} CONVERT TO {_COLLATION}"))
        for table, column, kind in narrow:
            if kind == "text":
                connection.execute(text(f"ALTER TABLE {table} MODIFY {column} LONGTEXT {_COLLATION}"))
