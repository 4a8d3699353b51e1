"""From an ibis expression to the SQL of a database.

Only ibis' compilers are used, not its connections: those bring pandas, and have ideas of their own of threads and transactions.
"""

from typing import Any


def compiled(query: Any, dialect: str) -> str:
    """The SQL of an expression; `dialect` is ibis' name of the database."""
    import ibis.backends.sql.compilers as compilers

    compiler = getattr(compilers, dialect).compiler
    return str(compiler.to_sqlglot(query).sql(dialect=compiler.dialect))
