"""A stand-in for the LMS: does its part of the contract (what-it-does 4). See `LmsSimulator`."""

from .model import Component, LmsTenant, Note, Received
from .outbox import Delivery
from .simulator import LmsSimulator

__all__ = ["Component", "Delivery", "LmsSimulator", "LmsTenant", "Note", "Received"]
