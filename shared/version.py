"""The product's version, as evidence and the API's description name it."""

VERSION = "0.1.0"
