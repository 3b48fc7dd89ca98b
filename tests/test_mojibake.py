"""Misread text is repaired, and text that is right stays as it is."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkify.mojibake import repair

RIGHT = (
    """
Björk|Beyoncé|Sigur Rós|Motörhead|Mötley Crüe|Ángeles del Infierno|Étienne Daho|Røyksopp
Måns Zelmerlöw|Ålesund|São Paulo|MAÇÃ|IRMÃOS|NÃO|Ænima|Þursaflokkurinn|Straße|GROß|Dvořák|Škoda
Łódź|Çelik|Şebnem Ferah|Ștefan|Țară|Ćelije|Đorđe Balašević|Ñu|ESPAÑA|L'Été|Nguyễn Ánh 9|Ọláńrewájú
CAFÉ®|NESCAFÉ™|TOUCHÉ…|OLÉ!|«CAFÉ»|« Voilà »|Don´t|96º In The Shade|25° Below|½|A™|Sm©|£10|Crüe®
“Heroes”|‘Til Dawn|Rock ’n’ Roll|Wait…|a–b|a—b|€uro|Ke$ha|№5|ﬁ|♥|☮|🎵|plain|a+b=c|100%
Σωκράτης|Кино|Мумий Тролль|椎名林檎|宇多田ヒカル|方大同|이승철|فيروز|עברית|ไทย|हिन्दी
""".strip()
    .replace("\n", "|")
    .split("|")
)
RIGHT += ["AMANHÃ…", "AMANHÃ… SERÁ", "AMANHÃ…?", "IRMÃ’S", "MAÇÃ™", "IRMÃ – IRMÃO", "SOFÄ…", "FRÅ™"]
RIGHT += ["Â…", "Â’", "Â™", "Úžas", "É…", "PERÃ’", "OÙ™"]
RIGHT += ["e\u0301", "\x85", "don\x92t", "Ã", "Â", "ÃÂ", "Ð", "Þ¡", "ß»", "½ Ð"]


def misread(text: str, encoding: str = "latin-1") -> str:
    # Windows-1252 has no sign for some bytes, for which browsers take the control character.
    return "".join(
        bytes([byte]).decode(encoding if byte not in UNDEFINED else "latin-1")
        for byte in text.encode()
    )


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert repair(text) == text


# Misread, Š is Å and a no-break space, which a Norwegian may mean: nothing tells.
MISREAD = [text for text in RIGHT if not text.isascii() and text != "Škoda"]

UNDEFINED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)

MISREAD_1252 = (
    """
Björk|MÖTLEY|MÅNS|Åsa|ÅSE|CANCIÓN|CÔTE|Ônibus|Òscar|ZÜRICH|ESPAÑA|IRMÃOS|NOËL|DÉJÀ VU|voilà|CAFÉ®
Çelik|Şebnem Ferah|Ștefan|Țară|Čolić|Zięba|Žižek|Dağ|Tuğba|Wałęsa|Śląsk|Gdańsk|Jenő|Žagarė|Ārija
Dvořák|Łódź|Đorđe Balašević|Σωκράτης|Кино|椎名林檎|פיוט|œuvre|A™|€uro|№5|♥|☮|🎵|“Heroes”|a–b
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("text", MISREAD_1252)
def test_what_was_misread_as_windows_1252_is_repaired(text: str, rounds: int) -> None:
    garbled = text
    for _ in range(rounds):
        garbled = misread(garbled, "cp1252")
    assert repair(garbled) == text


@pytest.mark.parametrize("text", MISREAD)
def test_what_was_misread_twice_is_repaired(text: str) -> None:
    assert repair(misread(misread(text))) == text


def test_both_readings_of_latin_1_are_known() -> None:
    assert repair("BjÃ¶rk") == "Björk"
    assert repair("Rock â€™nâ€™ Roll") == repair("Rock â\x80\x99nâ\x80\x99 Roll") == "Rock ’n’ Roll"
    assert repair(misread("ÉTÉ", "cp1252")) == "ÉTÉ"
    assert repair("BjÃƒÂ¶rk") == "Björk"
    assert repair("Ðœумий") == "Ðœумий", "half of it is right: nothing is guessed"


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=12))
def test_to_repair_again_changes_nothing(text: str) -> None:
    assert repair(repair(text)) == repair(text)


def test_exactly_the_garbled_names_of_the_public_data_set_are_repaired(real_source: Path) -> None:
    changed, count = set(), 0
    for file in real_source.rglob("*-events.json"):
        for line in file.read_text().split("\n"):
            event = json.loads(line)
            for text in filter(None, (event["artist"], event["song"])):
                count += not text.isascii() and text == event["artist"]
                assert text.isascii() == (repair(text) == text)
                changed |= {repair(text)} - {text}
            for field in ("firstName", "lastName", "location", "userAgent"):
                assert repair(event[field] or "") == (event[field] or "")
    assert count == 193
    assert len(changed) == 195
    assert not [text for text in changed if set("ÃÂ\x83") & set(text)]
    for file in real_source.rglob("song_data/**/*.json"):
        for value in json.loads(file.read_text()).values():
            assert repair(str(value)) == str(value)
