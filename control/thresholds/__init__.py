"""Thresholds in control: who learns them and when, and what is kept of what was found.

`teaching` is the job that learns; `reading` brings it what is known of a model version; `book` keeps the last look at each, in the registry's database. A
threshold itself is in the endpoint's document. What is learnt is the domain's (`hyperplan.thresholds`).
"""
