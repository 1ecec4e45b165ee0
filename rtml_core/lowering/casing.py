"""Python's str.upper and str.lower, exactly: for all Unicode, in any locale of the machine.

The extensions' StringUpper and StringLower know ASCII only, and under a Turkish locale not even i. So a string is cut into
known characters and single bytes (TrieTokenizer takes the longest token it knows), each token is replaced by its image, and
the pieces are joined again. Lowering also finds the capital sigmas at the end of a word, which become another letter.

A column in upper or lower case remembers what it was made from (Symbolic.cased): a table over it, or a search in it, needs
no case mapping at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.regex import all_characters, char_class, escape, ranges_of

SIGMA: Final = "\u03a3"
FINAL_SIGMA: Final = "\u03c2"
#: beyond so many spellings of one key, or of all keys of a table, the case is mapped at run time
MAX_SPELLINGS: Final = 2048
_MAX_KEYS: Final = 50_000
#: largest table over all spellings of the original, which saves StringUpper
MAX_ORIGINAL_KEYS: Final = 1_024
#: longest RE2 text of a literal searched in a cased column
_MAX_PATTERN: Final = 20_000
#: added to the id of a final sigma when its neighbours are looked at; above every id
_CASED: Final = 1 << 20


@dataclass(frozen=True)
class Tokens:
    """Tokens of TrieTokenizer. Ids start at 1; id 0 is the padding. `images`: what each id becomes."""

    vocabulary: str
    images: tuple[str, ...]
    solid: tuple[bool, ...] = ()
    cased: tuple[int, ...] = ()
    sigma: int = 0


def mapped(text: str, upper: bool) -> str:
    """text.upper() or text.lower(); the missing string stays."""
    return text.upper() if upper else text.lower()


@lru_cache(maxsize=2)
def changes(upper: bool) -> dict[str, str]:
    """Every character that changes, and what it becomes standing alone."""
    characters = all_characters()
    images = map(str.upper if upper else str.lower, characters)
    return {char: image for char, image in zip(characters, images, strict=True) if char != image}


@lru_cache(maxsize=2)
def sources(upper: bool) -> dict[str, tuple[str, ...]]:
    """Image -> all characters other than itself that become it; images of up to three characters."""
    found: dict[str, tuple[str, ...]] = {}
    for char, image in changes(upper).items():
        found[image] = (*found.get(image, ()), char)
    if not upper:
        found[FINAL_SIGMA] = (*found.get(FINAL_SIGMA, ()), SIGMA)
    return found


# ---- the exact mapping at run time ----------------------------------------------------------------------------------


def map_case(b: Builder, value: ir.Value, upper: bool) -> ir.Value:
    """Strings [N, 1] in upper or lower case. Memory: some 40 bytes for each byte of the longest string, times N."""
    tokens = upper_tokens() if upper else lower_tokens()
    # StringJoin crashes the process on no rows at all, so there is always one more
    rows = b.op("Concat", value, b.const([["x"]], "string"), axis=0, shape=[None, 1])
    ids = b.ext("TrieTokenizer", rows, dtype="int64", shape=[None, 1, None], vocab=tokens.vocabulary)
    if tokens.sigma:
        ids = _mark_final_sigmas(b, ids, tokens)
    pieces = b.op("Gather", b.const(tokens.images, "string"), ids, dtype="string", shape=[None, 1, None], axis=0)
    joined = b.ext("StringJoin", pieces, b.const([""], "string"), b.const([2], "int64"), dtype="string", shape=[None, 1])
    return b.op("Slice", joined, b.const([0], "int64"), b.const([-1], "int64"), width=1)


def _mark_final_sigmas(b: Builder, ids: ir.Value, tokens: Tokens) -> ir.Value:
    """Final sigmas get an id of their own: after a cased letter and not before one, case-ignorable characters skipped."""
    # one column of padding ends every row, so that no row looks into the next
    ids = b.op("Pad", ids, b.const([0, 0, 0, 0, 0, 1], "int64"), shape=[None, 1, None])
    solid = b.op("Gather", b.const(tokens.solid, "bool"), ids, dtype="bool", shape=[None, 1, None], axis=0)
    places = b.op("Transpose", b.op("NonZero", solid, dtype="int64", shape=[3, None]), shape=[None, 3], perm=[1, 0])
    solids = b.op("GatherND", ids, places, shape=[None])
    cased = b.op("Gather", b.const(tokens.cased, "int64"), solids, shape=[None], axis=0)
    before = b.op("Pad", cased, b.const([1, -1], "int64"), shape=[None])
    behind = b.op("Pad", cased, b.const([-1, 1], "int64"), shape=[None])
    marked = b.op("Add", solids, b.op("Sub", before, behind))
    final = b.op("Equal", marked, b.const(tokens.sigma + _CASED, "int64"), dtype="bool")
    fixed = b.op("Where", final, b.const(len(tokens.images) - 1, "int64"), solids, dtype="int64", shape=[None])
    return b.op("ScatterND", ids, places, fixed, shape=[None, 1, None])


@lru_cache(maxsize=1)
def upper_tokens() -> Tokens:
    """Single bytes, and every longer character that changes."""
    table = changes(True)
    longer = {char.encode(): image.encode() for char, image in table.items() if not char.isascii()}
    texts = [*_single_bytes(), *longer]
    images = [*(piece.upper() for piece in _single_bytes()), *longer.values()]
    return Tokens(_vocabulary(texts), ("", *map(_text, images)))


@lru_cache(maxsize=1)
def lower_tokens() -> Tokens:
    """Single bytes, characters that change, and what says which class a character has: see _class_tokens."""
    table = changes(False)
    longer = {char.encode(): image.encode() for char, image in table.items() if not char.isascii()}
    classes = _class_tokens(set(longer))
    texts = [*classes, *longer]
    images = [*(token.lower() for token in classes), *longer.values()]
    kinds = [*classes.values(), *("C" for _ in longer)]
    return Tokens(
        _vocabulary(texts),
        ("", *map(_text, images), FINAL_SIGMA),
        (True, *(kind != "I" for kind in kinds), True),
        (0, *(_CASED if kind == "C" else 0 for kind in kinds), _CASED),
        1 + texts.index(SIGMA.encode()),
    )


def _text(piece: bytes) -> str:
    """Bytes of a part of a character as Builder.const takes them."""
    return piece.decode("utf-8", "surrogateescape")


def _single_bytes() -> list[bytes]:
    return [bytes([code]) for code in range(256)]


def _vocabulary(tokens: Iterable[bytes]) -> str:
    lines = []
    for number, token in enumerate(tokens, start=1):
        quoted = "".join(f"\\x{byte:02x}" for byte in token)
        lines.append(f"{number} b'{quoted}' {len(token)}")
    return "\n".join(lines)


@lru_cache(maxsize=1)
def sigma_classes() -> tuple[frozenset[str], frozenset[str]]:
    """(cased, ignorable): what a sigma looks at, asked of Python. A character that is both counts as ignorable."""
    dotted = "\u0130"  # the one character that becomes two in lower case; it is cased
    characters = all_characters().replace(dotted, "")
    lowered = "".join(f"a{SIGMA}{char}a " for char in characters).lower()
    # between "a" and a sigma: what is neither cased nor ignorable ends the word
    either = {char for char, sigma in zip(characters, lowered[1::5], strict=True) if sigma != FINAL_SIGMA}
    cased = {char for char in either if f"a{SIGMA}{char}".lower()[1] != FINAL_SIGMA}
    return frozenset(cased | {dotted}), frozenset(either - cased)


def _class_tokens(changing: set[bytes]) -> dict[bytes, str]:
    """Token -> class of what it stands for: C cased, I ignorable, - neither; for all characters that do not change.

    A character of several bytes is the token of all but its last byte, which carries the class of most characters that
    begin so, and its last byte, which counts as ignorable; only the exceptions are tokens of their own.
    """
    cased, ignorable = sigma_classes()

    def kind_of(token: bytes) -> str:
        char = token.decode()
        return "C" if char in cased else "I" if char in ignorable else "-"

    tokens = {bytes([code]): kind_of(bytes([code])) for code in range(0x80)}
    tokens |= {bytes([code]): "I" if code < 0xC0 else "-" for code in range(0x80, 0x100)}
    for prefix in sorted({char.encode()[:-1] for char in cased | ignorable if not char.isascii()}):
        endings = (prefix + bytes([code]) for code in range(0x80, 0xC0))
        members = {token: kind_of(token) for token in endings if token not in changing}
        kinds = list(members.values())
        usual = max("-CI", key=kinds.count)
        if usual != "-" or len(prefix) == 1:
            tokens[prefix] = usual
        tokens.update((token, kind) for token, kind in members.items() if kind != usual)
    return tokens


# ---- tables and searches without a mapping --------------------------------------------------------------------------


def spellings(key: str, upper: bool, *, fast: bool = True) -> set[str] | None:
    """All strings that become `key`; None when they are too many.

    fast: with ASCII letters as StringUpper leaves them. It leaves an i under a Turkish locale, so both are listed.
    """
    if key == MISSING_STRING:
        return {key}
    table = changes(upper)
    rest: list[list[str]] = [[""]]
    for at in range(len(key) - 1, -1, -1):
        found = []
        for length in (1, 2, 3):
            image = key[at : at + length]
            if len(image) < length:
                break
            atoms = set(sources(upper).get(image, ()))
            if length == 1 and image not in table:
                atoms.add(image)
            if fast:
                atoms = {one for atom in atoms for one in _as_fast(atom)}
            found += [atom + tail for atom in sorted(atoms) for tail in rest[length - 1]]
        if len(found) > 4 * MAX_SPELLINGS:
            return None
        rest = [found, *rest[:2]]
    result = {text for text in rest[0] if mapped(text, upper) == key}
    return result if len(result) <= MAX_SPELLINGS else None


def _as_fast(char: str) -> tuple[str, ...]:
    if not char.isascii():
        return (char,)
    return ("I", "i") if char in "iI" else (char.upper(),)


def spelled_table(table: Mapping[str, Any], default: Any, upper: bool, *, fast: bool = True) -> dict[str, Any] | None:
    """A table over strings in upper or lower case as one over the original; None: too large.

    fast: as one over what StringUpper makes of the original, which is much smaller.
    """
    most = _MAX_KEYS if fast else MAX_ORIGINAL_KEYS
    result: dict[str, Any] = {}
    for key, value in table.items():
        if type(value) is type(default) and value == default:
            continue
        found = spellings(key, upper, fast=fast)
        if found is None or len(result) + len(found) > most:
            return None
        result.update(dict.fromkeys(sorted(found), value))
    return result


def cased_pattern(literal: str, upper: bool, *, start: bool, end: bool) -> str | None:
    """RE2 text found in s exactly where `literal` is found in s.upper() or s.lower(); None when there is no short one.

    start, end: whether the match must begin (end) where a character of s begins (ends); else a character that becomes
    several, such as the German sharp s, may stick out.
    """
    if not upper and any(char in literal for char in "\u03c3\u03c2"):
        return None
    longer = {image: chars for image, chars in sources(upper).items() if len(image) > 1}
    tails = [""] * (len(literal) + 1)
    for at in range(len(literal) - 1, -1, -1):
        options = [_one(literal[at], upper) + tails[at + 1]]
        for image, chars in longer.items():
            if literal.startswith(image, at):
                options.append(_chars(chars) + tails[at + len(image)])
            elif not end and image.startswith(literal[at:]):
                options.append(_chars(chars))
        tails[at] = options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"
        if len(tails[at]) > _MAX_PATTERN:
            return None
    if start or not literal:
        return tails[0]
    starts = [tails[0]]
    for image, chars in longer.items():
        for cut in range(1, len(image)):
            if literal.startswith(image[cut:]):
                starts.append(_chars(chars) + tails[len(image) - cut])
            elif not end and image.startswith(literal, cut):
                starts.append(_chars(chars))
    text = f"(?:{'|'.join(starts)})"
    return text if len(text) <= _MAX_PATTERN else None


def _one(char: str, upper: bool) -> str:
    kept = () if char in changes(upper) else (char,)
    return _chars((*kept, *sources(upper).get(char, ())))


def _chars(chars: tuple[str, ...]) -> str:
    return escape(chars[0]) if len(chars) == 1 else char_class(ranges_of(chars))
