"""Text that was written as UTF-8 and read as something else, turned back."""

import re

ROUNDS = 4
"""How often one text may have been misread, at most."""

# Readers of Latin-1 often mean Windows-1252, which has signs where Latin-1 has control characters.
_LATIN_1 = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in set(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}

_CONTROL = re.compile("[\x80-\x9f]")

# What no one means to write. A capital with an accent before a sign is not among it, though it may
# be a misread letter: CAFÉ® and TOUCHÉ… are right.
_MISREAD = re.compile(
    "[\xc2\xc3][\x80-\xbf]"  # letters of Western Europe
    "|\xe2\x80[\x80-\xbf]"  # quotes, dashes, dots
    "|(?:[\xc4-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){2}"  # words
)


def repaired(text: str) -> str:
    """
    The text as it was meant; itself where nothing tells that it was misread.

    A cautious function of the text alone: all of it must be UTF-8 once it is turned back, and
    something in it must be what no one means to write.
    """
    for _ in range(ROUNDS):
        latin_1 = text.translate(_LATIN_1)
        if not (_CONTROL.search(text) or _MISREAD.search(latin_1)):
            break
        try:
            text = latin_1.encode("latin-1").decode()
        except UnicodeError:
            break
    return text
