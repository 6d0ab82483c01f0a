"""Questions that are answered with noise: counts, groups, means and quantiles, whoever is or is not among the people.

`asking` is for pages and loads nothing heavy; `answering` is the worker's, and `noise` what it draws with. What is
given is decided by the answer's price, and bounds are the data dictionary's (`variables`): nothing about the data
decides how an answer is made.
"""
