"""Rollouts in control: `book` keeps them in the registry's database, `rolling` is the job that takes their steps, `desk` takes what people say of them, `reading` is
what is seen at each look, and `metrics` what Prometheus is told.

A step and the routing revision that it makes are written in one transaction, which confirms the job's lease. So a control that is killed has done both or neither, and the next one goes on there.
"""
