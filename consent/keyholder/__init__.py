"""The keyholder: the one process that holds the escrow's key and the recovery custodian's. Nothing else imports it
but `consent.escrow`, which asks it.

It believes nobody. What is asked is held against the log and the records with its own connection to the database, the
use is counted in the transaction that allows it, and what it opens leaves sealed to a key made for that one use, which
the event names.

`server` listens, `wire` is how a message is written, `answers` reads a request, `releases` decides and opens,
`readers` are the keyrings and what wraps them, `token` a key in hardware, `shares` the way back when it is lost.
"""
