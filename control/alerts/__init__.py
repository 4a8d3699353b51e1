"""Alerts in control: who looks at skew and when, what is remembered of it, and how it is told.

`watch` looks at every endpoint after each bucket of time and takes the domain's step (`hyperplan.alerts`); `book` keeps alerts and silences
in the registry's database; `outbox` what is to be sent, written in the same transaction as the alert that it tells of, so that neither is
there without the other; `courier` sends it, signed as `signing` says. The watch is a job (`control.jobs`); the replica that holds its lease
watches and delivers.
"""
