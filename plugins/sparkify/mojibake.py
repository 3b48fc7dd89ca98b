"""Text that was written as UTF-8 and read as something else, turned back."""

import re

ROUNDS = 4
"""How often one text may have been misread, at most."""

# Readers of Latin-1 often mean Windows-1252, which has signs where Latin-1 has control characters.
_LATIN_1 = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in set(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}

# Its signs that may follow any letter, as a text goes on: an apostrophe; and a quote, three dots,
# dashes, marks, which no letter follows.
_APOSTROPHE = b"\x92".decode("cp1252")
_END = b"\x85\x94\x95\x96\x97\x99\x9b".decode("cp1252")
_SIGNS = "".join(map(chr, _LATIN_1))
_OTHERS = "".join(sign for sign in _SIGNS if sign not in _APOSTROPHE + _END)

# What no one means to write. A capital with an accent before a sign is not among it, though it may
# be a misread letter: CAFÉ®, TOUCHÉ… and AMANHÃ… are right.
_MISREAD = re.compile(
    "[\x80-\x9f]"  # control characters
    "|[\xc2\xc3][\xa0-\xbf]"  # letters of Western Europe, and signs
    f"|\xc3[{_OTHERS}]"
    rf"|(?<!\w)\xc3[{_APOSTROPHE}{_END}]|\xc3[{_END}](?=\w)"
    f"|[\xc4\xc5\xc8][{_OTHERS}]"  # letters of Central Europe and Turkey
    f"|[a-z][\xc4\xc5][\xa0-\xbf{_APOSTROPHE}{_END}]"  # no capital stands behind a small letter
    f"|\xe2[™{_OTHERS}][\xa0-\xbf{_SIGNS}]"  # quotes, dashes, dots, symbols
    "|\xf0Ÿ"  # pictures
)

_MISREAD_WORDS = re.compile(
    "(?:[\xc4-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){2}"
)


def repaired(text: str) -> str:
    """
    The text as it was meant; itself where nothing tells that it was misread.

    A cautious function of the text alone: all of it must be UTF-8 once it is turned back, and
    something in it must be what no one means to write.
    """
    for _ in range(ROUNDS):
        latin_1 = text.translate(_LATIN_1)
        if not (_MISREAD.search(text) or _MISREAD_WORDS.search(latin_1)):
            break
        try:
            text = latin_1.encode("latin-1").decode()
        except UnicodeError:
            break
    return text
