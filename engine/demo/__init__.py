"""The demo: a small collection of real JP2 files, painted from a seed, in which a few faults are planted."""

from engine.demo.make import DemoReport, PlantedFault, make_demo

__all__ = ["DemoReport", "PlantedFault", "make_demo"]
