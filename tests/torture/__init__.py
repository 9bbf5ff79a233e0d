"""Breaking it on purpose: every crash point, random histories, hostile input, killed processes.

A bounded dose runs with the other tests; ``python dev.py torture`` runs it at length.
"""
