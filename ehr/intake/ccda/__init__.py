"""C-CDA R2.1 documents become FHIR R4: the sections with codes as entries, the document itself whole beside them.

`xml` reads safely, `values` turns data types into FHIR's, `header` says whose document it is, `entries` and
`treatments` read one kind of section each, `documents` puts it together, `receiving` stores. All but the last are pure.
"""
