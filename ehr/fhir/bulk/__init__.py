"""Bulk Data Access: whole records of many, in files of lines. Nothing that was exported is kept here.

A job holds what was asked and how many resources of which type there are, sealed for whoever asked. Files are made when
they are fetched, through the door like any read: decided anew for each record, with a line on each list before anything
opens. So there is nothing to steal, to expire or to take back. Source: HL7 FHIR Bulk Data Access 2.0.0.
"""
