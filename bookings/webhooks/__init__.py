"""Deliver the event log to webhooks: at least once, signed, retried if refused.

    worker.py    queues new events, claims due deliveries, records the answers
    sending.py   one POST to a public address only
    signing.py   secrets and signatures, by standardwebhooks.com

How a receiver verifies a delivery: docs/webhooks.md.
"""
