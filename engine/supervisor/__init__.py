"""The run: one loop (`loop`) over the stages that every image passes: surveying, converting, storing.

`dispatch` decides which images start; `holds` keeps the stages from working while memory, store, sources or disk are
not available. The circuit breaker behind the holds is our own because its decisions are pure functions of outcomes and
a given clock: tests run hours of it in no time, and nothing in it sleeps or waits.
"""
