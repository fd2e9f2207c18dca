"""Text for the demo's pages: sentences, headlines and names that read like a provincial paper of 1880."""

from __future__ import annotations

import numpy as np

PLACES = (
    "Leyden", "Harwich", "Antwerp", "the Hague", "Norwich", "Emden", "Delft", "Dordrecht", "Bergen", "Ostend",
    "Colchester", "Rotterdam", "Groningen", "Lubeck", "Haarlem", "Middelburg",
)  # fmt: skip
PEOPLE = (
    "Mr. Hooft", "the Reverend Ames", "Captain van Loon", "Mrs. Whitlock", "Professor Cobet", "the Burgomaster",
    "Dr. Tiele", "Miss Aldrich", "the harbour-master", "Mr. Brill", "Lieutenant Vos", "the librarian",
)  # fmt: skip
THINGS = (
    "the new library", "a cargo of paper", "the printing works", "the canal bridge", "the annual fair",
    "a collection of maps", "the evening packet", "the town hall", "the botanical garden", "a parcel of letters",
    "the observatory", "the grain market", "the old sluice", "the reading-room", "a pair of globes",
)  # fmt: skip
DEEDS = (
    "was opened to the public", "has been repaired at some expense", "arrived in good order", "was much admired",
    "is to be sold by auction", "suffered from the late storm", "was described at length", "will be moved",
    "has been catalogued anew", "was received with applause", "lies at the quay", "was lit by gas",
)  # fmt: skip
TIMES = (
    "on Tuesday last", "before a numerous company", "in the presence of the magistrates", "towards evening",
    "after a delay of three weeks", "by order of the council", "as was reported in these columns",
    "notwithstanding the weather", "for the first time in living memory", "at the usual hour",
)  # fmt: skip
SAYINGS = (
    "It is understood that", "We learn from {place} that", "A correspondent writes that", "According to {person},",
    "The telegraph reports that", "It was stated by {person} that", "We are asked to announce that",
)  # fmt: skip
TITLES = ("THE NORTH SEA COURIER", "LEYDEN EVENING POST", "THE HARBOUR GAZETTE", "THE PROVINCIAL HERALD")
SHEETS = (
    "THE ZUYDER COAST",
    "ISLES OF THE WADDEN",
    "ENVIRONS OF LEYDEN",
    "THE UPPER PROVINCES",
    "THE OLD HARBOUR",
)


def pick(random: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(random.integers(len(choices)))]


def sentence(random: np.random.Generator) -> str:
    """One sentence of news."""
    start = pick(random, SAYINGS).format(place=pick(random, PLACES), person=pick(random, PEOPLE))
    thing, deed, time = pick(random, THINGS), pick(random, DEEDS), pick(random, TIMES)
    more = f", and {pick(random, THINGS)} {pick(random, DEEDS)}" if random.random() < 0.4 else ""
    near = f" near {pick(random, PLACES)}" if random.random() < 0.35 else ""
    return f"{start} {thing}{near} {deed} {time}{more}."


def paragraph(random: np.random.Generator, sentences: int) -> list[str]:
    """That many sentences, as words."""
    return " ".join(sentence(random) for _ in range(sentences)).split()


def headline(random: np.random.Generator) -> str:
    thing = pick(random, THINGS).removeprefix("the ").removeprefix("a ")
    return f"{thing} of {pick(random, PLACES).removeprefix('the ')}".upper()
