"""Input from those who mean harm, or whose software does."""
