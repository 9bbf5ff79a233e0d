"""Everything that checks the connector, and everything that stands in for Azure."""
