"""The chain: what is sent there, what became of it, and what stands there."""

import sys

# py_ecc comes with web3 and, when it is first imported, lets Python recurse 100,000 deep. The stack ends long before: a
# few kilobytes of brackets, read as JSON, would end the process where Python's own limit makes them a RecursionError.
_limit = sys.getrecursionlimit()
import py_ecc  # noqa: E402, F401

sys.setrecursionlimit(_limit)
