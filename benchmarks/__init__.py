"""What the connector costs and how fast it is, beside peers and limits of the same run.

``python dev.py bench`` measures all of it. Counts are exact and held by ``tests/bench``; times
are told as ratios within one run, because the machine underneath is never the same twice.
"""
