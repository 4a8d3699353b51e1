"""What control does by itself, again and again: each thing is a `Job`, which one of the replicas that share a database does at a time.

`lease` says which of them; `job` is what a job is; `jobs` runs a list of them, from start to stop; `metrics` is what Prometheus is told. A new job is a
module of its own and a line in the list in `control.serve`.
"""

from control.jobs.job import AUTHOR, Job
from control.jobs.jobs import Jobs
from control.jobs.lease import Lease, NotHeld

__all__ = ["AUTHOR", "Job", "Jobs", "Lease", "NotHeld"]
