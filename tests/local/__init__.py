"""Running the connector on one machine: its environment, its Functions host, its neighbours."""
