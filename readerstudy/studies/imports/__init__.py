"""Imports in the admin: a row a job, worked off by the worker. First a dry run, then, if a person
says so, the import itself.

    models      ImportJob: the row, which is the truth of how far an import is
    kinds       what may be imported, and which columns it has
    incoming    where a source lies: an upload kept privately, or a folder of the server's
    queue       the row's steps, each one conditional UPDATE
    dispatch    get waiting jobs worked off: by Celery, else by a child process
    work        what the worker does with a job that it has claimed
    cases, truth, the screening package    what each kind checks and stores
"""
