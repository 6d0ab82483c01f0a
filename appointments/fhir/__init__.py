"""Visits, hours and free times as FHIR has them: Appointment, Schedule, Slot, and the Location where it is.

Made when they are asked for, from the rows that the portals show, and never stored: there is one truth.
"""
