"""The town of the scenarios: hospitals and communes are real, streets and persons are not."""

DEPOT = ("Dépôt, Chemin de la Milice, 1228 Plan-les-Ouates", 46.1700, 6.1235)

# name, street, postcode and town, latitude, longitude, weight
HOSPITALS = (
    ("HUG Cluse-Roseraie", "Rue Gabrielle-Perret-Gentil 4, 1205 Genève", 46.1936, 6.1487, 34),
    ("HUG Beau-Séjour", "Avenue de Beau-Séjour 26, 1206 Genève", 46.1916, 6.1530, 9),
    ("Hôpital des Trois-Chêne", "Chemin du Pont-Bochet 3, 1226 Thônex", 46.1975, 6.2065, 9),
    ("Hôpital de Loëx", "Route de Loëx 151, 1233 Bernex", 46.1888, 6.0665, 5),
    ("Hôpital de Bellerive", "Chemin de la Savonnière 11, 1245 Collonge", 46.2622, 6.1962, 3),
    ("Hôpital de La Tour", "Avenue J.-D.-Maillard 3, 1217 Meyrin", 46.2305, 6.0716, 14),
    ("Clinique des Grangettes", "Chemin des Grangettes 7, 1224 Bougeries", 46.1950, 6.1850, 7),
    ("Clinique La Colline", "Avenue de Beau-Séjour 6, 1206 Genève", 46.1930, 6.1510, 6),
    ("Clinique Générale-Beaulieu", "Chemin Beau-Soleil 20, 1206 Genève", 46.1905, 6.1580, 5),
    ("Clinique de Carouge", "Avenue Cardinal-Mermillod 1, 1227 Carouge", 46.1845, 6.1385, 3),
    ("Clinique de Joli-Mont", "Avenue Trembley 45, 1209 Genève", 46.2205, 6.1285, 2),
    ("Clinique de Belle-Idée", "Chemin du Petit-Bel-Air 2, 1226 Thônex", 46.2030, 6.1995, 3),
)
# name, postcode, latitude, longitude, inhabitants in thousands (2020, rounded)
COMMUNES = (
    ("Genève", "1201", 46.2110, 6.1430, 60),
    ("Genève", "1203", 46.2100, 6.1250, 50),
    ("Genève", "1205", 46.1960, 6.1400, 40),
    ("Genève", "1207", 46.2030, 6.1620, 50),
    ("Vernier", "1214", 46.2170, 6.0850, 35),
    ("Lancy", "1212", 46.1890, 6.1160, 33),
    ("Meyrin", "1217", 46.2340, 6.0800, 26),
    ("Carouge", "1227", 46.1820, 6.1390, 22),
    ("Onex", "1213", 46.1840, 6.1020, 19),
    ("Thônex", "1226", 46.1890, 6.1990, 16),
    ("Versoix", "1290", 46.2800, 6.1660, 13),
    ("Le Grand-Saconnex", "1218", 46.2330, 6.1200, 12),
    ("Chêne-Bougeries", "1224", 46.1980, 6.1860, 12),
    ("Veyrier", "1255", 46.1680, 6.1840, 12),
    ("Plan-les-Ouates", "1228", 46.1670, 6.1180, 11),
    ("Bernex", "1233", 46.1760, 6.0740, 10),
    ("Chêne-Bourg", "1225", 46.1950, 6.1940, 9),
    ("Collonge-Bellerive", "1245", 46.2500, 6.2000, 8),
    ("Confignon", "1232", 46.1730, 6.0860, 5),
    ("Cologny", "1223", 46.2160, 6.1830, 6),
    ("Satigny", "1242", 46.2130, 6.0350, 4),
    ("Pregny-Chambésy", "1292", 46.2440, 6.1440, 4),
    ("Bellevue", "1293", 46.2570, 6.1540, 4),
    ("Genthod", "1294", 46.2640, 6.1560, 3),
    ("Vandœuvres", "1253", 46.2210, 6.2030, 3),
    ("Troinex", "1256", 46.1640, 6.1470, 3),
    ("Puplinge", "1241", 46.2110, 6.2310, 3),
    ("Bardonnex", "1257", 46.1510, 6.1090, 2),
    ("Perly-Certoux", "1258", 46.1560, 6.0940, 3),
    ("Corsier", "1246", 46.2620, 6.2240, 2),
    ("Anières", "1247", 46.2770, 6.2230, 3),
    ("Hermance", "1248", 46.3020, 6.2440, 1),
    ("Jussy", "1254", 46.2350, 6.2670, 1),
    ("Meinier", "1252", 46.2470, 6.2340, 2),
    ("Dardagny", "1283", 46.1960, 6.0000, 2),
    ("Avully", "1237", 46.1730, 6.0040, 2),
    ("Céligny", "1298", 46.3500, 6.1950, 1),
)
STREETS = (
    "Chemin des Vergers", "Rue de la Gare", "Route de la Mairie", "Chemin du Moulin",
    "Avenue des Tilleuls", "Chemin de la Fontaine", "Rue du Stand", "Chemin des Vignes",
    "Route du Village", "Chemin de la Prairie", "Avenue du Lac", "Rue des Écoles",
    "Chemin des Marais", "Rue du Temple", "Chemin de la Colline", "Route des Jeunes",
)  # fmt: skip
FIRST_NAMES = (
    "Alice", "Marc", "Nadia", "Luca", "Irène", "Paul", "Sofia", "Hugo", "Claire", "Karim",
    "Lea", "Thomas", "Rosa", "André", "Mei", "Jean", "Eva", "Pierre", "Amina", "Louis",
    "Vera", "Olivier", "Ana", "Daniel", "Chloé", "Yves", "Marta", "Bruno", "Ingrid", "Samir",
)  # fmt: skip
LAST_NAMES = (
    "Favre", "Rochat", "Müller", "Bianchi", "da Silva", "Berger", "Meyer", "Dubois", "Keller",
    "Martin", "Pereira", "Chevalley", "Nguyen", "Rossi", "Schmid", "Blanc", "Aubert", "Haddad",
    "Weber", "Perret", "Costa", "Monnier", "Fischer", "Girard", "Bajrami", "Roth", "Duval",
    "Gomez", "Zimmermann", "Lambert", "O'Brien", "Jaquet", "Steiner", "Morel", "Khan",
)  # fmt: skip

# start, end, break window, share of the drivers
SHIFTS = (
    ("early", 6.0, 14.5, (9.5, 12.5), 0.27),
    ("day", 7.5, 16.5, (11.0, 14.0), 0.35),
    ("middle", 9.0, 18.0, (12.0, 15.0), 0.22),
    ("late", 11.5, 20.0, (14.5, 17.5), 0.16),
)
# name, seats, wheelchair places, share of the drivers
VEHICLES = (
    ("car", 4, 0, 0.45),
    ("people carrier", 6, 0, 0.15),
    ("wheelchair van", 3, 1, 0.28),
    ("minibus", 6, 2, 0.12),
)
