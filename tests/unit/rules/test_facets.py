"""Wear and quality of a skin, read from its name."""

import pytest

from django_skinsback.flows.market.facets import WEAR_OF_ENDING, facets
from django_skinsback.models.market import WEAR_LABELS, Quality
from django_skinsback.sandbox.simulation.market import DESIGNS, WEARS


@pytest.mark.parametrize(
    ("name", "wear", "quality"),
    [
        ("AK-47 | Redline (Field-Tested)", "field_tested", "normal"),
        ("AK-47 | Redline (Factory New)", "factory_new", "normal"),
        ("AK-47 | Redline (Minimal Wear)", "minimal_wear", "normal"),
        ("AK-47 | Redline (Well-Worn)", "well_worn", "normal"),
        ("AK-47 | Redline (Battle-Scarred)", "battle_scarred", "normal"),
        ("StatTrak™ AK-47 | Redline (Field-Tested)", "field_tested", "stattrak"),
        ("★ StatTrak™ Karambit | Doppler (Factory New)", "factory_new", "stattrak"),
        ("★ StatTrak™ Karambit", "", "stattrak"),
        ("★ Karambit | Doppler (Factory New)", "factory_new", "normal"),
        ("Souvenir AWP | Dragon Lore (Factory New)", "factory_new", "souvenir"),
        ("M4A1-S | (Fade) (Factory New)", "factory_new", "normal"),
        ("Sticker | Crown (Foil)", "", "normal"),
        ("Sticker | (Factory New) Team", "", "normal"),
        ("Austin 2025 Inferno Souvenir Package", "", "normal"),
        ("Music Kit | StatTrak™ Sounds", "", "normal"),
        ("Souvenirs", "", "normal"),
        ("(Factory New)", "factory_new", "normal"),
        (")", "", "normal"),
        ("", "", "normal"),
    ],
)
def test_the_wear_is_at_the_end_of_a_name_and_the_quality_at_its_beginning(name, wear, quality):
    assert facets(name) == (wear, quality)


@pytest.mark.parametrize("game", ["dota2", "rust"])
def test_skins_of_other_games_have_no_facets(game):
    assert facets("StatTrak™ AK-47 | Redline (Field-Tested)", game) == ("", "normal")


def test_every_wear_and_quality_has_a_label():
    assert tuple(WEAR_OF_ENDING.values()) == tuple(WEAR_LABELS)
    assert tuple(ending.strip("()") for ending in WEAR_OF_ENDING) == tuple(WEARS.values())
    assert [facets(name)[1] for name in ("AK", "StatTrak™ AK", "Souvenir AK")] == Quality.values


def test_every_weapon_of_the_sandbox_has_a_wear():
    assert all(facets(name)[0] for name in DESIGNS["cs2"])
