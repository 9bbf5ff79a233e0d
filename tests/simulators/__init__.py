"""Stand-ins for Microsoft Graph, Microsoft Entra and the LMS. See README.md beside this file.

They know the wire formats on their own account, from graph-facts.md and what-it-does.md, and
import nothing of the connector: one misreading must not be on both sides of a test.
"""

from .clock import SimClock
from .entra import EntraSimulator
from .graph import GraphSimulator, GraphSwitches
from .lms import LmsSimulator
from .serve import Credentials, Simulators

__all__ = [
    "Credentials",
    "EntraSimulator",
    "GraphSimulator",
    "GraphSwitches",
    "LmsSimulator",
    "SimClock",
    "Simulators",
]
