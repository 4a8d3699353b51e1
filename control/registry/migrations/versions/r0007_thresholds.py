"""The table of what was last learnt of thresholds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "threshold_looks",
        sa.Column("endpoint", sa.String(63), primary_key=True),
        sa.Column("model", sa.String(130), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("threshold_looks")
