"""A list of places that are sections of a city, though GeoNames lists them separately.

They stay in the gazetteer, because they help to find the economy of a border town, but no
cluster is named after them: an address in Brooklyn is in New York City.

Most sections need no entry. A section that is much smaller than its city and lies within it is
left out of names by a rule (see :mod:`gclust.places.cities.names`), and the build marks sections
named after their city (``Paris 15 Vaugirard``, ``Zürich (Kreis 11)``). Listed here are the
sections that both rules miss: they are nearly as large as their city or lie far from its
point, or GeoNames' number of inhabitants is wrong or counts the whole district.

Each entry is ``geonameid: name``; the build stops if GeoNames has another name for the id.
"""

from __future__ import annotations

SECTIONS: dict[str, dict[int, str]] = {
    # The five boroughs.
    "New York City": {
        5110266: "The Bronx",
        5110302: "Brooklyn",
        5125771: "Manhattan",
        5133273: "Queens",
        5139568: "Staten Island",
    },
    # The three regions of the territory, and the old name of its centre.
    "Hong Kong": {
        1819609: "Kowloon",
        1931681: "Victoria",
        12747063: "New Territories",
        12747064: "Hong Kong Island",
    },
    # Districts of the municipality, and its halves west and east of the Huangpu.
    "Shanghai": {
        11072148: "Puxi",
        1798524: "Pudong",
        1800480: "Minhang",
        1816917: "Baoshan",
        1794035: "Songjiang",
        1806508: "Jiading",
        1797798: "Qingpu",
    },
    "Shenzhen": {13308620: "Bao'an", 13405906: "Luohu District"},
    "Boston": {
        4951305: "South Boston",  # with more inhabitants in GeoNames than it can have
        4935304: "East Boston",
        4934964: "Dorchester",
        4931353: "Brighton",
    },
    "Raleigh": {4498303: "West Raleigh"},
    "Jerusalem": {7303419: "East Jerusalem", 7498240: "West Jerusalem"},
    "Tel Aviv": {293253: "Jaffa"},
    "Budapest": {3046446: "Pest", 3054667: "Buda"},
    "Hamburg": {
        2911285: "Wandsbek",
        2911288: "Hamburg-Mitte",
        8354626: "Hamburg-Nord",
    },
    "Helsinki": {12747032: "East Helsinki"},
    "Dublin": {6697759: "South Dublin"},
    "Ankara": {6955677: "Çankaya"},
    "Delhi": {1262111: "Najafgarh", 12069922: "Rohini", 1261481: "New Delhi"},
    "Pune": {6943660: "Shivaji Nagar", 1259652: "Pimpri"},
    "Visakhapatnam": {1258393: "Rasapūdipalem"},
    "Johannesburg": {953781: "Soweto"},
    "Conakry": {2422488: "Camayenne"},
    "Beirut": {268743: "Ra’s Bayrūt"},
    "Baghdad": {7802746: "Sadr City"},
    "Mosul": {99071: "Al Mawşil al Jadīdah"},
    "Basrah": {388349: "Al Başrah al Qadīmah"},
    "Medina": {101760: "Sulţānah"},
    "Mexico City": {3526683: "Iztapalapa", 3514674: "Gustavo Adolfo Madero"},
}

# GeoNames uses the English name of a city where there is one, with this exception.
ENGLISH: dict[int, tuple[str, str]] = {2886242: ("Köln", "Cologne")}
