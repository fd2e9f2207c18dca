"""The demo: a small collection of real JP2 files, painted from a seed, with a few faults planted in it."""

from engine.demo.make import DemoReport, PlantedFault, make_demo

__all__ = ["DemoReport", "PlantedFault", "make_demo"]
