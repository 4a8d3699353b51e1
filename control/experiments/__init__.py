"""Experiments in control: who looks at those that run and when, and what is kept of what was found.

`judging` is the job that looks; `reading` brings it the labelled predictions and the revisions that a look needs; `book` keeps the newest look at each experiment, with
the verdicts that it has settled, in the registry's database; `verdicts` is what others ask of it, `metrics` what Prometheus is told. What a look finds is the domain's (`hyperplan.experiments`).
"""
