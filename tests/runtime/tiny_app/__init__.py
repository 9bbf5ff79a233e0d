"""A small function app with one of each trigger, for the tests of the local host."""
