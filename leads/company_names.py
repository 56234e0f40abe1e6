"""Is it the same company? Names in one form, how alike two of them are, and the keys by which two that might
be alike are found without comparing all with all. Nothing here reads a database.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from core.rules.text import fold

# Words that say what kind of company it is and not which; dotted and spaced spellings are joined before.
_FORMS: Final = """
ab ad ag aps as asa bhd bt bv bvba cia cic cjsc co companies company corp corporation cv cvba dd
doo eg eireli eood epp ev gbr ggmbh gk gmbh haftungsbeschrankt hb inc incorporated jsc kft kg
kgaa kk ks lda limited llc lllp llp lp ltd ltda mbh me nv nyrt oao ohg ojsc ood ooo oy oyj pao
pc pjsc plc pllc private pte pty pvt rt sa sapi sarl sas sasu sau sca scs sdn se sl slu snc spa
sprl spzoo srl sro tmi ug vof yk zao zoo zrt
"""
LEGAL_FORMS: Final = frozenset(_FORMS.split())
_JOINERS: Final = frozenset({"and", "und", "et", "y", "e", "i", "og", "och", "en"})
_POLISH: Final = re.compile(r"\bsp\.? ?z ?o\.? ?o\b\.?")
_INNER: Final = re.compile(r"(?<=\w)[.'’`](?=\w)|(?<=\w)\.(?=\s|$|,)")
_NUMBER: Final = re.compile(r"\d+")
_NOT_WORD: Final = re.compile(r"[^\w]+|_+")
#: Forms up to which every one-letter change is looked for; longer ones are found by an end that is unharmed.
_SHORT: Final = 9
_END: Final = 5
_LONGEST: Final = 60
#: What is looked at of a name; more makes no company another one.
MAX_NAME: Final = 200


@lru_cache(maxsize=16_384)
def normal_name(name: str) -> str:
    """The name without case, accents, punctuation and legal form: "Müller & Söhne GmbH & Co. KG" is "muller
    and sohne". A name of nothing but legal forms stays; "" for one without a letter or digit."""
    text = fold(name[:MAX_NAME]).replace("&", " and ").replace("+", " and ")
    text = _POLISH.sub("spzoo", text)
    text = _INNER.sub("", text)  # "s.a." is "sa", "mcdonald's" a word
    tokens = _joined([each for each in _NOT_WORD.split(text) if each])
    if tokens[:1] == ["the"] and len(tokens) > 1:
        tokens = tokens[1:]
    kept = list(tokens)
    while len(kept) > 1 and (kept[-1] in LEGAL_FORMS or (len(kept) < len(tokens) and kept[-1] in _JOINERS)):
        kept.pop()
    return " ".join(kept)[:MAX_NAME]


def _joined(tokens: list[str]) -> list[str]:
    """Single letters that follow one another are one word: "s a" is "sa"."""
    found: list[str] = []
    alone = False
    for token in tokens:
        single = len(token) == 1 and token.isalpha()
        if single and alone:
            found[-1] += token
        else:
            found.append(token)
        alone = single
    return found


def likeness(one: str, other: str) -> int:
    """How alike two names are, 0 to 100; 100 for one that differs in case, accents, punctuation, legal form
    or the order of its words alone. It is the same both ways round."""
    first, second = normal_name(one), normal_name(other)
    if not first or not second:
        return 0
    if first == second:
        return 100
    if sorted(_NUMBER.findall(first)) != sorted(_NUMBER.findall(second)):
        return 0  # "Studio 54" and "Studio 55" are two
    plain = _share(first.replace(" ", ""), second.replace(" ", ""))
    if " " not in first and " " not in second:
        return plain
    return max(plain, _share("".join(sorted(first.split())), "".join(sorted(second.split()))))


def _share(one: str, other: str) -> int:
    """What stays of the longer text when one is made of the other, in percent."""
    one, other = one[:_LONGEST], other[:_LONGEST]
    longest = max(len(one), len(other))
    return 100 * (longest - _changes(one, other)) // longest


def _changes(one: str, other: str) -> int:
    """Letters to be added, left out, exchanged, or swapped with their neighbour."""
    if len(one) < len(other):
        one, other = other, one
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        here = [row]
        for column, theirs in enumerate(other, 1):
            cost = min(above[column] + 1, here[-1] + 1, above[column - 1] + (letter != theirs))
            if (
                row > 1
                and column > 1
                and letter == other[column - 2]
                and one[row - 2] == theirs
                and letter != theirs
            ):
                cost = min(cost, before[column - 2] + 1)
            here.append(cost)
        before, above = above, here
    return above[-1]


def name_keys(name: str) -> frozenset[str]:
    """Keys of a name, each at most 40 characters: two names that differ by one letter share one, and so do
    two with a long word in common."""
    normal = normal_name(name)
    if not normal:
        return frozenset()
    compact = normal.replace(" ", "")[:_LONGEST]
    keys = {f"={compact[:38]}"}
    if len(compact) <= _SHORT + 1:
        keys |= {f"-{compact[:at]}{compact[at + 1 :]}" for at in range(len(compact))} | {f"-{compact}"}
    if len(compact) >= _SHORT:
        keys |= {f"^{compact[:_END]}", f"${compact[-_END:]}"}
    words = normal.split()
    if len(words) > 1:
        keys |= {f"w{word[:38]}" for word in words if len(word) >= _END}
    return frozenset(keys)
