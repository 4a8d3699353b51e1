"""The table of rollouts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "rollouts",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("endpoint", sa.String(63), nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("rollouts_by_endpoint", "rollouts", ["endpoint", "started"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("rollouts")
