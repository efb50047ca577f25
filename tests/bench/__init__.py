"""How fast tastyauth is compared with similar programs: `scripts/bench`.

Every figure is a ratio of whole processes that took turns, in shuffled order, on one machine in one
run: what a busy machine does to one it does to the other. Absolute times are only shown beside it.
"""
