"""Studies: who may propose one, what a committee makes of it, and the keys it reads with.

`states` is the table of what may become of a study, `registering` who proposes, `proposing` what, `deciding` who of
the committee decides, `running` by which a worker gets the study's keys for one approved run.
"""
