"""Takes from a table what could tell whose it is: only columns whose kind is declared leave, each as its kind allows.

Plain Python; no database, no network. Rules: HIPAA Safe Harbor, 45 CFR 164.514(b)(2); dates may instead be shifted for
each person where an expert has determined that under (b)(1).
"""
