"""Sealing, which anyone may use, and opening, which five modules may.

One verb each way and no knobs. Every blob starts with a version byte, so that an algorithm can be
replaced while old blobs stay readable. Plain Python: no Django, no network, no state.
"""
