"""`photostat completion`, and what shells complete."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.command_in_process import run
from tests.support.command_line import COMMAND, environment


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_shells_get_their_completion(shell: str) -> None:
    assert "_PHOTOSTAT_COMPLETE" in run("completion", shell).stdout


def test_completion_knows_commands_batches_and_causes(collection: Path) -> None:
    def complete(words: str) -> list[str]:
        env = environment(
            {"_PHOTOSTAT_COMPLETE": "fish_complete", "COMP_WORDS": words, "COMP_CWORD": words.split()[-1]}
        )
        done = subprocess.run(COMMAND, env=env, cwd=collection, capture_output=True, text=True, check=False)
        return [line.partition(",")[2].partition("\t")[0] for line in done.stdout.splitlines()]

    assert complete("photostat req") == ["requeue"]
    assert complete("photostat failures --batch new") == ["newspapers"]
    assert complete("photostat requeue --cause store-d") == ["store-denied"]
