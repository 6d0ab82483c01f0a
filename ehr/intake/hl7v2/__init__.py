"""HL7 v2 messages (2.3 to 2.8, ER7): read strictly, turned into FHIR R4, acknowledged once they are stored.

`er7` reads and writes the pipes, `charsets` names encodings, `values` turns data types into FHIR's, `persons`,
`visits`, `results`, `documents` and `merging` read one kind of segment each, `messages` says which message is read how.
All of these are plain Python. `acks` writes answers, `receiving` stores, `mllp` listens.
"""
