"""The simulators' own tests: each behaviour of graph-facts.md section 9 that they promise."""
