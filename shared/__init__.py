"""Everything the three function packages share: decide, speak, do (in that order of trust)."""
