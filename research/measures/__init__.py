"""Measures of a population's care, from records whose owners opted in: definitions, arithmetic, and what may be told.

Pure functions over tables in memory; no Django, no network, no clock. `records` makes the tables from FHIR, `made` the
measures from them, after the public definitions that `definitions` names, by the code lists of `codes`. Every count is
one of people, and leaves by `told` alone, which applies the rules of disclosure; `editions` says whether it may be told
anew after what was told before. `definitions` and `codes` load nothing heavy, so that pages may ask them.
"""
