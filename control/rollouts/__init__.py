"""Rollouts in control: `book` keeps them in the registry's database, `rolling` is the job that takes their steps, `reading` what is seen at each look.

A step and the routing revision that it makes are written in one transaction, which confirms the job's lease. So a control that is killed has done both or neither, and the next one goes on there.
"""
