"""Repair mojibake: text that was written as UTF-8 and read in another encoding."""

import re

ROUNDS = 4
"""How many times a text may have been misread."""

# Latin-1 is often Windows-1252 in fact, which has signs in place of control characters.
_LATIN_1 = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in set(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}

# Its signs that may follow a letter in correct text: the apostrophe; and, with no letter after
# them, quotes, ellipses, dashes and marks.
_APOSTROPHE = b"\x92".decode("cp1252")
_END = b"\x85\x94\x95\x96\x97\x99\x9b".decode("cp1252")
_SIGNS = "".join(map(chr, _LATIN_1))
_OTHERS = "".join(sign for sign in _SIGNS if sign not in _APOSTROPHE + _END)

# What nobody writes on purpose. An accented capital before a sign may be a misread letter, but is
# left out: CAFÉ®, TOUCHÉ… and AMANHÃ… are correct.
_MISREAD = re.compile(
    "[\x80-\x9f]"  # control characters
    "|[\xc2\xc3][\xa0-\xbf]"  # letters of Western Europe, and signs
    f"|\xc3[{_OTHERS}]"
    rf"|(?<!\w)\xc3[{_APOSTROPHE}{_END}]|\xc3[{_END}](?=\w)"
    f"|[\xc4\xc5\xc8][{_OTHERS}]"  # letters of Central Europe and Turkey
    f"|[a-z][\xc4\xc5][\xa0-\xbf{_APOSTROPHE}{_END}]"  # a capital after a small letter
    f"|\xe2[™{_OTHERS}][\xa0-\xbf{_SIGNS}]"  # quotes, dashes, dots, symbols
    "|\xf0Ÿ"  # pictures
)

_MISREAD_WORDS = re.compile(
    "(?:[\xc4-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){2}"
)


def repair(text: str) -> str:
    """
    Return the text as it was meant, or unchanged if nothing shows that it was misread.

    The repair depends on the text alone, and is cautious: some of it must be what nobody writes on
    purpose, and all of it must decode as UTF-8.
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
