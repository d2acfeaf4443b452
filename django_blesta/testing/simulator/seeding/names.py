"""Small word lists for people, firms and streets, by region; a name in another script carries its Latin form."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class Pool:
    """Names as they are written where these people live; `first` and `last` are (name, Latin letters) pairs."""

    first: tuple[tuple[str, str], ...]
    last: tuple[tuple[str, str], ...]
    firms: tuple[str, ...]  # patterns over {last} and {word}
    streets: tuple[str, ...]


_LATIN: Final = str.maketrans({"ł": "l", "Ł": "l", "ø": "o", "Ø": "o", "ß": "ss", "æ": "ae", "Æ": "ae", "ð": "d"})


def latin(name: str) -> str:
    """Lower-case ASCII letters and digits of a name in Latin script, for addresses: "Łukasz Žák" -> "lukaszzak"."""
    plain = unicodedata.normalize("NFKD", name.translate(_LATIN))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalnum())


def _names(words: str) -> tuple[tuple[str, str], ...]:
    """Split "Zoë" or "由美|yumi" words into pairs; "_" stands for a space inside a name."""
    pairs = []
    for word in words.split():
        name, _, slug = word.replace("_", " ").partition("|")
        pairs.append((name, slug or latin(name)))
    return tuple(pairs)


def _pool(first: str, last: str, firms: str, streets: str) -> Pool:
    return Pool(_names(first), _names(last), tuple(firms.split("; ")), tuple(streets.split("; ")))


POOLS: Final[Mapping[str, Pool]] = {
    "english": _pool(
        "Olivia James Amelia Noah Isla Oliver Ava Leo Grace Harriet Samuel Priya Marcus Chloe Ethan Naomi Desmond Ruth",
        "Smith Jones Taylor O'Brien Walker Whitfield Osei Nguyen Clarke McAllister Patel Hughes Fletcher Barnes Okafor",
        "{last} & Sons Ltd; {word} Studio; {word} Labs; The {word} Company; {last} Consulting; {word} Media LLC",
        "{n} High Street; {n} Mill Lane; {n} Station Road; {n} Maple Avenue; {n} Harbour View; {n}B Victoria Terrace",
    ),
    "german": _pool(
        "Jürgen Anneliese Björn Käthe Lukas Mia Felix Hannah Günther Sophie Jonas Lea Matthias Frieda",
        "Müller Schäfer Weiß Köhler Jäger Großmann Schröder Vogel Böhm Hoffmann Zimmermann Lange",
        "{last} GmbH; {last} & Söhne KG; {word} Werke GmbH; Bäckerei {last}; {word} Systeme UG (haftungsbeschränkt)",
        "Hauptstraße {n}; Gartenweg {n}; Königsallee {n}; Lindenstraße {n}a; Am Mühlbach {n}",
    ),
    "french": _pool(
        "Zoë François Chloé Étienne Maël Océane Théo Inès Benoît Anaïs Jérôme Margaux",
        "Lefèvre Dubois Gérard Noël Fournier D'Angelo Côté Tremblay Hébert Moreau L'Écuyer Saint-Pierre",
        "{last} et Fils SARL; Atelier {word}; Maison {last}; {word} Conseil SAS",
        "{n} rue de la République; {n} bis avenue Foch; {n} chemin des Érables; {n} place de l'Église",
    ),
    "nordic": _pool(
        "Åsa Björn Søren Ingrid Øyvind Märta Jökull Astrid Pär Linnéa Håkon Sigrún",
        "Lindqvist Åkerström Sørensen Ødegård Guðmundsdóttir Hägg Nyström Bergström Kjær Wåhlin",
        "{last} AB; {word} Reklambyrå AB; Norra {word} HB; {last} & Partners",
        "Storgatan {n}; Ängsvägen {n}; Kyrkogatan {n} lgh 1102; Björkvägen {n}",
    ),
    "polish": _pool(
        "Łukasz Małgorzata Paweł Żaneta Wojciech Agnieszka Michał Święta Grzegorz Zofia",
        "Wiśniewski Wójcik Kamińska Lewandowski Zieliński Dąbrowska Źrebiec Nowak",
        "{last} sp. z o.o.; {word} s.c.; Drukarnia {word}",
        "ul. Mickiewicza {n}; ul. Długa {n}/4; al. Niepodległości {n}; os. Piastów {n}",
    ),
    "spanish": _pool(
        "Lucía Martín Sofía José_Luis Begoña Íñigo Ana_María Andrés Núria Iván",
        "García_Márquez Muñoz Ibáñez de_la_Peña Gutiérrez López Peñalver Etxeberría",
        "{last} e Hijos S.L.; {word} Servicios S.A.; Bodegas {last}",
        "Calle Mayor {n}, 2.º B; Avenida de la Constitución {n}; Plaza del Peñón {n}",
    ),
    "japanese": _pool(
        "由美子|yumiko 健太|kenta さくら|sakura 翔|sho 陽菜|hina 大輔|daisuke 美咲|misaki 拓也|takuya",
        "佐藤|sato 鈴木|suzuki 高橋|takahashi 渡辺|watanabe 小林|kobayashi 斎藤|saito",
        "株式会社{last}; 合同会社{last}商店; {word}ジャパン株式会社",
        "千代田区丸の内{n}-1-2; 中央区本町{n}-4; 左京区岡崎{n}",
    ),
    "indian": _pool(
        "Aarav Ananya Vikram Lakshmi आदित्य|aditya प्रिया|priya Rohan Meera",
        "Sharma Iyer Krishnamurthy Banerjee Reddy Singh पटेल|patel Deshpande",
        "{last} Infotech Pvt. Ltd.; {word} Exports; {last} & Co.",
        "{n}, M.G. Road; Flat {n}, Lotus Apartments; Plot {n}, Sector 14",
    ),
}

_WORDS: Final = (
    "Bluebird Copper Juniper Harbor Pixel Lantern Orchard Granite Saffron Meadow Falcon Indigo Cobalt Willow Ember"
    " Quartz Tundra Velvet Marigold Beacon Sparrow Cedar Anchor Nimbus"
)
WORDS: Final = tuple(_WORDS.split())


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody's name, as written and in letters fit for an address."""

    first_name: str
    last_name: str
    slug: str


def person(rng: Random, pool: Pool) -> Person:
    first, last = rng.choice(pool.first), rng.choice(pool.last)
    return Person(first[0], last[0], f"{first[1]}.{last[1]}")


def firm(rng: Random, pool: Pool, last_name: str) -> str:
    return rng.choice(pool.firms).format(last=last_name, word=rng.choice(WORDS))


def street(rng: Random, pool: Pool) -> str:
    return rng.choice(pool.streets).format(n=rng.randint(1, 240))
