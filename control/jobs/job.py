"""What a job is."""

from typing import Protocol

from control.jobs.lease import Lease

AUTHOR = "hyperplan"
"""Who has written the revisions that jobs write."""


class Job(Protocol):
    """Something that is done in rounds, by the replica that holds its lease.

    It is called by the name of its lease, which no other job has. Rounds are taken one after another in a thread of the job's own, so one may wait
    for a database; one that raises is logged and counted, and there will be another.
    """

    @property
    def lease(self) -> Lease:
        """Who may do it. What a round writes, it writes in a transaction that confirms this lease."""

    def round(self) -> None:
        """Do what is to be done now.

        A long round looks at `lease.held` between its pieces, and ends when it is not held any more: another replica has it, or control stops.

        Raises:
            NotHeld: another replica has taken over.
        """

    def pause(self) -> float:
        """The seconds until the next round, asked after each."""
