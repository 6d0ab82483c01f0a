"""What leaves for a study: asked for by its researcher, made by a worker, fetched once.

`asking` is what the pages call and loads nothing heavy; `making` is the worker's, with `tables` and `files`; `checking`
is the recipient's.
"""
