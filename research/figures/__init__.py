"""Figures of a population: made once a month by a worker for a study that is for them, and told so that nobody shows.

`asking`, `words` and `shown` are for pages and load nothing heavy; `making` is the worker's.
"""
