"""Where the simulated clients live: countries, their states and cities, currencies and taxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class Country:
    """A country with some of its cities as "name|state code|post code pattern" ("#" a digit, "@" a letter)."""

    alpha2: str
    alpha3: str
    name: str
    alt_name: str | None
    weight: int  # share of the clients
    currency: str
    dial: str
    pool: str  # of names
    cities: tuple[str, ...]
    states: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TaxRule:
    """A tax that a company charges clients of a country, or of one state of it; `cascade` is on top of level 1."""

    country: str
    name: str
    rate: str
    state: str | None = None
    level: int = 1
    cascade: bool = False


COUNTRIES: Final = (
    Country(
        "US", "USA", "United States", "United States of America", 30, "USD", "+1 5## 555 01##", "english",
        ("Austin|TX|787##", "Portland|OR|972##", "Madison|WI|537##", "Brooklyn|NY|112##", "San Jose|CA|951##"),
        {"CA": "California", "NY": "New York", "OR": "Oregon", "TX": "Texas", "WI": "Wisconsin"},
    ),
    Country(
        "GB", "GBR", "United Kingdom", None, 18, "GBP", "+44 1632 960###", "english",
        ("London|LND|SW1@ #@@", "Leeds|LDS|LS# #@@", "Cardiff|CRF|CF1# #@@", "Edinburgh|EDH|EH# #@@"),
        {"CRF": "Cardiff", "EDH": "Edinburgh", "LDS": "Leeds", "LND": "London, City of"},
    ),
    Country(
        "DE", "DEU", "Germany", "Deutschland", 13, "EUR", "+49 30 23125 ###", "german",
        ("München|BY|80###", "Köln|NW|50###", "Berlin|BE|10###", "Lübeck|SH|23###"),
        {"BE": "Berlin", "BW": "Baden-Württemberg", "BY": "Bayern", "NW": "Nordrhein-Westfalen",
         "SH": "Schleswig-Holstein"},
    ),
    Country(
        "FR", "FRA", "France", None, 8, "EUR", "+33 1 99 00 ## ##", "french",
        ("Nîmes|30|30###", "Paris|75|750##", "Orléans|45|45###"),
        {"30": "Gard", "45": "Loiret", "75": "Paris"},
    ),
    Country(
        "CA", "CAN", "Canada", None, 8, "USD", "+1 613 555 01##", "french",
        ("Montréal|QC|H2@ #@#", "Québec|QC|G1@ #@#", "Toronto|ON|M5@ #@#"),
        {"ON": "Ontario", "QC": "Québec"},
    ),
    Country(
        "SE", "SWE", "Sweden", "Sverige", 6, "EUR", "+46 8 465 004 ##", "nordic",
        ("Malmö|M|211 ##", "Göteborg|O|411 ##", "Östersund|Z|831 ##"),
        {"M": "Skåne län", "O": "Västra Götalands län", "Z": "Jämtlands län"},
    ),
    Country(
        "PL", "POL", "Poland", "Polska", 5, "EUR", "+48 22 000 ## ##", "polish",
        ("Łódź|LD|90-###", "Kraków|MA|30-###", "Gdańsk|PM|80-###"),
        {"LD": "Łódzkie", "MA": "Małopolskie", "PM": "Pomorskie"},
    ),
    Country(
        "ES", "ESP", "Spain", "España", 4, "EUR", "+34 910 00# ###", "spanish",
        ("A Coruña|C|15###", "Málaga|MA|29###", "León|LE|24###"),
        {"C": "A Coruña", "LE": "León", "MA": "Málaga"},
    ),
    Country(
        "JP", "JPN", "Japan", "日本", 5, "JPY", "+81 3 0000 ####", "japanese",
        ("東京|13|100-####", "京都市|26|606-####"),
        {"13": "東京都", "26": "京都府"},
    ),
    Country(
        "IN", "IND", "India", "Bhārat", 3, "USD", "+91 22 0000 ####", "indian",
        ("Mumbai|MH|4000##", "Bengaluru|KA|5600##"),
        {"KA": "Karnataka", "MH": "Maharashtra"},
    ),
)  # fmt: skip

BY_CODE: Final[Mapping[str, Country]] = {country.alpha2: country for country in COUNTRIES}

TAXES: Final = (
    TaxRule("GB", "VAT", "20.0000"),
    TaxRule("DE", "MwSt.", "19.0000"),
    TaxRule("FR", "TVA", "20.0000"),
    TaxRule("SE", "Moms", "25.0000"),
    TaxRule("PL", "VAT (PL)", "23.0000"),
    TaxRule("ES", "IVA", "21.0000"),
    TaxRule("JP", "消費税", "10.0000"),
    TaxRule("US", "TX sales tax", "8.2500", state="TX"),
    TaxRule("CA", "GST", "5.0000"),
    TaxRule("CA", "QST", "9.9750", state="QC", level=2, cascade=True),
)

_DIGITS: Final = "0123456789"
_LETTERS: Final = "ABCEGHJKLMNPRSTVWXYZ"


def filled(rng: Random, pattern: str) -> str:
    """Replace every "#" by a digit and every "@" by a capital letter."""
    return "".join(
        rng.choice(_DIGITS) if sign == "#" else rng.choice(_LETTERS) if sign == "@" else sign for sign in pattern
    )
