"""How plausible words are that an encoding gives: pure rules about letters, case, scripts and alphabets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

_IN_WORDS = frozenset("’‘´ʼ·‐‑–—\u00ad\u00a0ªº°“”«»")
"""Signs that stand between two letters, too."""
_SIGNS = frozenset(
    "’‘‚‛“”„‟«»‹›–—…·•°§¶№€£©®™†‡¡¿½¼¾²³¹ªº×±÷´¨\u00a0\u00ad、。・「」『』（）【】〔〕《》～〜ー々〆"
)
_ALPHABETS = {
    "de": "äöüß",
    "fr": "àâæçéèêëîïôœùûüÿ",
    "es": "áéíñóúü",
    "pt": "áâãàçéêíóôõú",
    "it": "àèéìíîòóùú",
    "ca": "àçèéíïòóúü",
    "nl": "áéëïóöüèê",
    "da": "æøåéü",
    "sv": "åäöéü",
    "is": "áðéíóúýþæö",
    "et": "äõöüšž",
    "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "pl": "ąćęłńóśźż",
    "hu": "áéíóöőúüű",
    "hr": "čćđšž",
    "ro": "ăâîșțşţ",
    "lv": "āčēģīķļņšūž",
    "lt": "ąčęėįšųūž",
    "tr": "âçğıîöşü",
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "be": "абвгдеёжзійклмнопрстуўфхцчшыьэюя",
    "sr": "абвгдђежзијклљмнњопрстћуфхцчџш",
    "el": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
}
"""The letters that are not ASCII. Other scripts count as one language each."""
_OFTEN_ACCENTED = frozenset(_ALPHABETS["tr"] + _ALPHABETS["pl"])
_ACCENTED_RUN = re.compile(r"[\u00c0-\u024f]{4,}")
"""In a row; only Turkish and Polish have that."""
_WITH_ALPHABET = frozenset({"LATIN", "CYRILLIC", "GREEK"})


class Score(NamedTuple):
    """Less is more plausible."""

    implausible: float
    """The share of words that no language writes so."""
    languages: int
    """So many are needed to have all the letters."""
    chaos: float
    """charset-normalizer's measure of the same text, 0 to 1."""


def words_score(words: Iterable[str], chaos: float) -> Score:
    total = bad = 0
    letters: set[str] = set()
    for word in words:
        total += 1
        if is_implausible(word):
            bad += 1
        else:
            letters |= {c for c in word.lower() if not c.isascii() and c.isalpha() and c not in _SIGNS}
    return Score(bad / max(1, total), max(1, _languages(letters)), chaos)


def is_implausible(word: str) -> bool:
    """Whether a character of it stands where no language has it, or most of it is accented."""
    if any(not _OFTEN_ACCENTED.issuperset(run.lower()) for run in _ACCENTED_RUN.findall(word)):
        return True
    return any(
        not c.isascii() and _is_out_of_place(c, word[place - 1 : place], word[place + 1 : place + 2])
        for place, c in enumerate(word)
    )


def _is_out_of_place(c: str, before: str, after: str) -> bool:
    """`before` and `after` are its neighbours, empty at the ends."""
    if c in _SIGNS or not c.isalpha():
        if before.isalpha() and after.isalpha() and c not in _IN_WORDS:
            return _script(before) not in ("CJK", "HIRAGANA", "KATAKANA")
        return c not in _SIGNS and not _is_mark_of(c, before)
    name = unicodedata.name(c, "")
    if name.startswith(("HALFWIDTH", "LATIN SMALL LETTER F WITH HOOK", "MODIFIER", "ARABIC LIGATURE")):
        return True
    if any(side.isalpha() and _script(side) != _script(c) for side in (before, after)):
        return not {_script(before or c), _script(after or c), _script(c)} <= _EAST_ASIAN
    if c == "ß":
        return False
    if c.isupper():
        return before.isalpha() and (before.islower() or after.islower())
    return c.islower() and before.isupper() and after.isupper()


_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"})


def _is_mark_of(c: str, letter: str) -> bool:
    """Whether it is an accent or vowel point, after a letter that can have it."""
    if not unicodedata.category(c).startswith("M"):
        return False
    return bool(letter) and _script(c) in ("COMBINING", _script(letter))


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _languages(letters: set[str]) -> int:
    """The fewest alphabets with all these letters, found greedily; a letter that is in none counts as one."""
    others = {_script(letter) for letter in letters} - _WITH_ALPHABET
    left = {letter for letter in letters if _script(letter) in _WITH_ALPHABET}
    count = bool(others & _EAST_ASIAN) + len(others - _EAST_ASIAN)
    while left:
        best = max(_ALPHABETS.values(), key=lambda alphabet: len(left & set(alphabet)))
        if not left & set(best):
            return count + len(left)
        left -= set(best)
        count += 1
    return count
