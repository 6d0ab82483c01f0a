"""How many people of a study meet criteria: counted as they are built, by a worker, and told so that nobody shows.

`asking` is for pages and loads nothing heavy; `counting` is the worker's.
"""
