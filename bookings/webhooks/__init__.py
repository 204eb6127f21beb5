"""The event log, sent to whoever asked for it: at least once, signed, tried again when refused.

    worker.py    turns new events into deliveries, claims those that are due, keeps the results
    sending.py   one POST to a stranger's server, and nowhere it must not go
    signing.py   secrets and signatures, by standardwebhooks.com

How a receiver verifies a delivery: docs/webhooks.md.
"""
