"""The deployment: templates, their parameters, the guide, and the backup beside them."""
