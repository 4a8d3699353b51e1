"""Compiles the hot path, if asked to: `HYPERPLAN_COMPILE=1 pip install --no-build-isolation .`

The code that serves each request is Python with strict types, which mypyc turns into C: the same code at about half the
cost. Everything works without it. What is compiled is not rebuilt when its source is edited, so an editable installation
leaves it to Python. It needs mypy, what the types of these modules come from (the extra `dev` has it all), and a C compiler.
"""

import os

from setuptools import setup

HOT = [
    "extproc/stages/adapt.py",
    "extproc/stages/decide.py",
    "extproc/stages/observer.py",
    "extproc/stages/revisions.py",
    "extproc/stages/sampler.py",
    "extproc/telemetry/counts.py",
    "extproc/transports/h2/allowance.py",
    "extproc/transports/h2/call.py",
    "extproc/transports/h2/connection.py",
    "extproc/transports/h2/events.py",
    "extproc/transports/h2/fields.py",
    "extproc/transports/h2/frames.py",
    "extproc/transports/h2/header_blocks.py",
    "extproc/transports/h2/huffman.py",
    "extproc/transports/h2/messages.py",
    "extproc/transports/h2/protocol.py",
    "extproc/transports/h2/requests.py",
    "extproc/transports/h2/streams.py",
    "extproc/wire/headers.py",
    "hyperplan/decision.py",
    "hyperplan/inspection.py",
    "hyperplan/routing.py",
]

if os.environ.get("HYPERPLAN_COMPILE") == "1":
    from mypyc.build import mypycify

    setup(ext_modules=mypycify(["--explicit-package-bases", *HOT], opt_level="3", group_name="hyperplan"))
else:
    setup()
