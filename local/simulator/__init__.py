"""A seeded event simulator: writes a source in the exact form of the public Sparkify data."""

from local.simulator.simulate import simulate
from local.simulator.world import World
from local.simulator.written import Fault, Written

__all__ = ["Fault", "World", "Written", "simulate"]
