"""Imports in the admin, as jobs: first a dry run, then, if a person says so, the import itself.

models               ImportJob: the row, which is the truth of how far an import is
column_descriptions  what may be imported, and which columns it has
source_storage       where a source lies: an upload kept privately, or a folder of the server's
queue                the job's steps, each one conditional UPDATE
execution            what the worker does with a job that it has claimed
cases, truth, the screening package    what each kind checks and stores
"""
