"""Reports: what a table risks and what it lost, as charts that can be heard as well as seen, each beside its table.

Everything is made on this machine: no font, script or picture is fetched, and none is needed to read it.
"""
