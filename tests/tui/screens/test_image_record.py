"""An image's page: what it says of the ways in which the image was decoded."""

from __future__ import annotations

from pathlib import Path

from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from tests.support.ledgers import make_ledger
from tests.support.statuses import NOW
from tui.screens.image_record import detail_text, read_record


def test_an_attempt_says_what_became_of_giving_the_image_to_a_gpu(tmp_path: Path) -> None:
    words = {
        "compared": "whole (by the GPU too: the same), memory",
        "differs": "whole (the GPU decodes it differently), memory",
        "gone": "whole (the GPU's process gave no answer), memory",
        "signed samples": "whole (not by the GPU: signed samples), memory",
        "": "whole, memory",
    }
    workspace = make_ledger(tmp_path / "workspace", len(words))
    with Ledger.open(workspace, "run") as ledger:
        for image, word in enumerate(words, 1):
            ledger.start(image, 77, 1 << 20, "whole")
            if word:
                ledger.gpu_answered(image, word)
    with LedgerReader(workspace) as reader:
        for image, told in enumerate(words.values(), 1):
            assert told in "\n".join(row.plain for row in detail_text(read_record(reader, image), NOW))
