"""Being told that something is new: Subscription resources of R4 with the topics of the R5 backport.

`terms` reads and writes the resource, `rest` answers for it, `telling` follows the log and posts. There is one topic,
"something is new in a record". What is posted says that, and in whose record; what it is, the app reads with its token,
through the door. Source: HL7 Subscriptions R5 Backport 1.1 (hl7.fhir.uv.subscriptions-backport).
"""
