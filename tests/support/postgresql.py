"""`python -m tests.support.postgresql`: installs Debian's PostgreSQL where there is no server yet and it may.

Where it may not, it says what is missing; the tests that want a server are skipped then, with the same words.
"""

import sys

from bench.peers.debian import install
from cli.failure import Failure
from tests.support.databases import postgres_binaries

if __name__ == "__main__":
    try:
        if postgres_binaries() is None:
            install(["postgresql"])
    except Failure as failure:
        print(f"the tests of PostgreSQL will be skipped: {failure}", file=sys.stderr)
