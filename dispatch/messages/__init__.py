"""Tell clients and their contacts of their trips: what stands, each thing once, in order.

    gather.py    makes messages of events, in the evening, and where a car is late
    claim.py     which are due, for one worker at a time
    decide.py    what each tells, compared with what stands and what was told before
    texts.py     the words
    channels.py  e-mail, and SMS by a gateway
    worker.py    the loop: gather, claim, decide, send, record

What a company and an operator set: docs/messages.md.
"""
