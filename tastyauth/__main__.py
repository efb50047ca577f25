"""`python -m tastyauth` is the console script."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory: a json.py there is not the one that is meant

from tastyauth._entry import main

main()
