"""Word lists for the names in a simulated world."""


def _words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


FIRST_NAMES_F = _words(
    "Adela Agnes Anoushka Beatriz Bronwyn Cecily Chloé Clémence Dagmar Delphine Edith Eleni "
    "Fatima Fiona Freya Greta Hana Hedda Imogen Ines Ingrid Joan Kirsten Leonie Linnéa Maeve "
    "Marta Mirela Nadia Noor Odile Olwen Petra Priya Ramona Renée Rosalind Saskia Sigrid "
    "Tamsin Thea Ursula Vera Wilma Xenia Yara Zoë Zuzana"
)

FIRST_NAMES_M = _words(
    "Alasdair Anders André Arjun Bastian Bertrand Björn Casimir Conrad Dmitri Edmund Emil "
    "Farid Fergus François Giles Gustav Hamish Hugo Idris Igor Jens Joaquín Jürgen Kofi Laszlo "
    "Leif Lorenz Magnus Matteo Miguel Nils Olaf Orson Pascal Quentin Rafael Rupert Sören "
    "Tadeusz Tobias Ulrich Vikram Walid Wim Xavier Yannick Zoltan"
)

LAST_NAMES = _words(
    "Abernathy Achterberg Ainsworth Bergström Birchall Blackwood Brannigan Castellanos Cheng "
    "Coldwell Dombrowski Dubois Eastwick Ekström Fairweather Falkner Ferreira Gallagher "
    "Grünwald Haddad Halvorsen Hargreaves Ibáñez Ishikawa Jovanović Kettering Kowalski "
    "Lachance Lindqvist Longbottom Mendonça Merriweather Müller Nakamura Novák Okafor Oldfield "
    "Papadakis Peñalver Quigley Rasmussen Rothschild Sandoval Szymański Tanaka Thistlewood "
    "Underhill Valverde Vance Whitlock Wolfe Yamamoto Zielinski"
)

TOWNS = _words(
    "Alder Creek,Ashby,Barrowfield,Bellhaven,Birch Falls,Blackwater,Briarton,Cedar Bluff,"
    "Clearbrook,Coopersville,Copper Hill,Dunmore,Eagle Bend,Eastbrook,Elmstead,Fairhollow,"
    "Ferndale Park,Foxborough,Glenwick,Granite Bay,Greyport,Harlow,Hazel Grove,Ironwood,"
    "Juniper,Kestrel Point,Kingsmere,Lakemont,Larkfield,Linden,Maple Ridge,Marlow,Millbrook,"
    "Northgate,Oakhurst,Old Harbor,Pinecrest,Port Amity,Quarry Hill,Red Mesa,Riverton,Rockwell,"
    "Sablewood,Saint Orin,Silver Lake,Stonebridge,Thornbury,Three Pines,Vale,Westerly,"
    "Willow Springs,Winterset",
    ",",
)

STATES = _words(
    "AL AZ AR CA CO CT FL GA ID IL IN IA KS KY LA ME MD MA MI MN MO MT NE NV NH NJ NM NY NC OH "
    "OK OR PA SC TN TX UT VA WA WI"
)

SYSTEMS = (
    "Macintosh; Intel Mac OS X 10_9_4",
    "Macintosh; Intel Mac OS X 10_10",
    "Windows NT 5.1",
    "Windows NT 6.1; WOW64",
    "Windows NT 6.3; WOW64",
    "X11; Linux x86_64",
    "iPhone; CPU iPhone OS 7_1_2 like Mac OS X",
    "iPad; CPU OS 7_1_1 like Mac OS X",
)

BROWSERS = (
    "Chrome/34.0.1847.137 Safari/537.36",
    "Chrome/36.0.1985.125 Safari/537.36",
    "Chrome/36.0.1985.143 Safari/537.36",
    "Chrome/37.0.2062.94 Safari/537.36",
    "Version/7.0.5 Safari/537.77",
    "Version/7.0.6 Safari/537.78",
)

ADJECTIVES = _words(
    "Amber Ancient Bitter Blue Borrowed Broken Burning Careless Crimson Crooked Distant "
    "Electric Empty Endless Faded Feral Fearless Forgotten Frozen Gentle Gilded Golden Hollow "
    "Hungry Idle Invisible Lonely Lucky Midnight Naïve Neon Paper Perfect Quiet Restless Salty "
    "Second Secret Silent Silver Sleepless Slow Stolen Strange Sunken Tender Velvet Violet "
    "Wandering Wild"
)

NOUNS = _words(
    "Anchor Arrow Avenue Balcony Bell Bird Bridge Café Candle Carousel Cathedral City Cloud "
    "Compass Corazón Coyote Daughter Dream Engine Fever Fiancé Fire Forest Garden Ghost "
    "Harbour Heart Highway Horizon Hôtel Island Jubilee Kingdom Ladder Lantern Letter "
    "Lighthouse Machine Mañana Marble Meadow Mirror Moon Motel Ocean Orchard Parade Piano "
    "Promise Radio Railway Rain River Rosé Satellite Season Señal Shadow Ship Signal Sister "
    "Smoke Stranger Summer Telegraph Thunder Tide Train Valley Weather Window Winter"
)

VERBS = _words(
    "Burn Call Carry Chase Count Draw Follow Forget Hold Hum Keep Leave Light Lose Paint "
    "Remember Ride Sail Save Sing Steal Tame Trade Wake Walk Write"
)

EDITIONS = (
    "Album Version",
    "Live",
    "Acoustic",
    "Demo",
    "Instrumental",
    "Radio Edit",
    '12" Mix',
    "LP Version",
    "Remastered",
    "Früher Mix",
)

BANDS = ("Brothers", "Sisters", "Quartet", "Orchestra", "Collective", "Sound System", "Ensemble")

PLACES = (
    ("Lisbon, Portugal", 38.71667, -9.13333),
    ("Leeds, England", 53.79648, -1.54785),
    ("Osaka", 34.69374, 135.50218),
    ("Göteborg, Sweden", 57.70716, 11.96679),
    ("Duluth, MN", 46.78327, -92.10658),
    ("Tucson, AZ", 32.22174, -110.92648),
    ("Belo Horizonte, Brasil", -19.92083, -43.93778),
    ("Düsseldorf", 51.22172, 6.77616),
    ("Nairobi, Kenya", -1.28333, 36.81667),
    ("Québec, QC", 46.81228, -71.21454),
    ("Galway", 53.27194, -9.04889),
    ("Mobile, Alabama", 30.69436, -88.04305),
    ("Perth, Western Australia", -31.95224, 115.8614),
    ("Kraków, Poland", 50.06143, 19.93658),
    ("Bakersfield, CA", 35.37329, -119.01871),
    ("Trenton/Camden, NJ", 40.21705, -74.74294),
)
