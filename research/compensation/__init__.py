"""What people are due when data of theirs leave for a study: set aside once, handed on once, paid once.

`accruing` runs where a release leaves, `paying` is the desk's, `sums` says that it comes out even.
"""
