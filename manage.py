#!/usr/bin/env python
"""Django's command line."""

import sys

if __name__ == "__main__":
    from readerstudy.operations.process_entry import run_command

    run_command(sys.argv)
