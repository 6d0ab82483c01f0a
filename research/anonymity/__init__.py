"""Anonymity: how coarse a table must become before it may leave, what that costs, and proof that it is enough.

`hierarchies` say how values become coarser, `demands` what a table must promise; `lattice` finds the best way for
whole columns and `mondrian` one that differs from place to place; `losses` and `risks` say what it cost and what is
left to fear; `checker` looks at the file alone, in plain SQL; `files` goes from Parquet to Parquet through all of it.
"""
