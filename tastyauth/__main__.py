"""`python -m tastyauth` is the console script."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory: a json.py there must not be imported

from tastyauth._entry import main

main()
