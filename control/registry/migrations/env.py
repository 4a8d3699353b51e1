"""What Alembic runs: every migration that the database has not seen, on the connection that it is given."""

from alembic import context

import control.alerts.tables
import control.experiments.tables
import control.exploration.tables
import control.jobs.tables
import control.thresholds.tables  # noqa: F401
from control.registry.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
