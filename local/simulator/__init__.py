"""A seeded event simulator that writes sources in the format of the public Sparkify data."""

from local.simulator.ground_truth import Fault, GroundTruth
from local.simulator.simulate import simulate
from local.simulator.world import World

__all__ = ["Fault", "GroundTruth", "World", "simulate"]
