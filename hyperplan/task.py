"""What the models of an endpoint predict."""

from typing import Literal

Task = Literal["binary", "multiclass", "regression"]
"""One of two classes (its probability), one of several, or a number."""
