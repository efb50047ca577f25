"""`python -m tastyauth` is the console script."""

from tastyauth._entry import main

main()
