"""What the starter models know: catalog objects, their names, and the basic colours.

A line is a code point and the object's names. The first name is the one used most; the others are
aliases. `PAINTED` objects come in every basic colour, `NATURAL` ones (food, plants, things of many
colours) only as drawn, because a blue loaf of bread teaches nothing that a catalog needs.
"""

from dataclasses import dataclass
from typing import Final

PAINTED: Final = True
NATURAL: Final = False

# colour name -> OKLCh lightness, chroma, hue in degrees
COLOURS: Final[dict[str, tuple[float, float, float]]] = {
    "red": (0.57, 0.205, 27.0),
    "orange": (0.71, 0.170, 54.0),
    "yellow": (0.86, 0.165, 94.0),
    "green": (0.63, 0.170, 145.0),
    "blue": (0.55, 0.180, 258.0),
    "purple": (0.50, 0.190, 300.0),
    "pink": (0.77, 0.135, 355.0),
    "brown": (0.43, 0.075, 52.0),
    "white": (0.93, 0.004, 90.0),
    "grey": (0.60, 0.006, 260.0),
    "black": (0.27, 0.008, 260.0),
}

_PAINTED = """
1F45F running shoe|sneaker|trainer
1F45E leather shoe|man's shoe|dress shoe
1F97E hiking boot|boot
1F97F flat shoe|ballet flat
1F460 high-heeled shoe|high heel|stiletto
1F461 sandal|woman's sandal
1F462 woman's boot|heeled boot
1FA74 flip-flop|thong sandal
1F6FC roller skate
26F8 ice skate
1F45C handbag|bag
1F45B purse|wallet
1F45D clutch bag|pouch
1F392 backpack|rucksack|school bag
1F4BC briefcase|work bag
1F9F3 suitcase|luggage|travel case
1F6CD shopping bags|shopping bag
1F455 t-shirt|tee shirt|shirt
1F456 jeans|trousers|pants
1F9E3 scarf
1F9E4 gloves|pair of gloves
1F9E5 coat|jacket|winter coat
1F9E6 socks|pair of socks
1F457 dress
1FA71 swimsuit|one-piece swimsuit
1FA73 shorts|swim shorts
1F459 bikini
1F45A blouse|woman's blouse
1F454 necktie|tie
1F3BD running shirt|tank top
1F94B karate uniform|martial arts uniform
1F97C lab coat
1F9BA safety vest|high-visibility vest
1F9E2 baseball cap|billed cap|cap
1F3A9 top hat
1F452 sun hat|woman's hat
1F393 graduation cap
26D1 safety helmet|rescue helmet
1FA96 army helmet|military helmet
1F451 crown
1F453 glasses|eyeglasses|spectacles
1F576 sunglasses
1F97D goggles|swimming goggles
1F93F diving mask|snorkel
1F48D ring|diamond ring
1F48E gemstone|gem
1F484 lipstick
1F302 umbrella|closed umbrella
26F1 beach umbrella|parasol
1F380 ribbon|bow
1F381 gift box|gift|present
1F388 balloon
1F3C6 trophy
1F3C5 medal|sports medal
1F94A boxing glove
1F3BE tennis ball
1F3C0 basketball
1F3B3 bowling ball and pins|bowling
1F3D3 table tennis bat|ping pong paddle
1F3F8 badminton racket
1F6F7 sled|sledge
1F94F flying disc|frisbee
1FA80 yo-yo
1FA81 kite
1F52B water pistol|squirt gun
1F3AE game controller|gamepad
1F579 joystick
1F3B2 die|game die
1F9E9 puzzle piece
1F9F8 teddy bear
1F9F5 spool of thread|thread
1F9F6 ball of yarn|yarn
1F3A7 headphones|headphone
1F3A4 microphone
1F4FB radio
1F3B7 saxophone
1F3BA trumpet
1F3B8 guitar|electric guitar
1F3BB violin
1FA95 banjo
1F941 drum
1F3B9 piano|musical keyboard
1FA97 accordion
1FA87 maracas
1F4F1 smartphone|mobile phone|phone
260E telephone|landline phone
1F4DF pager
1F50B battery
1F4BB laptop|notebook computer
1F5A5 desktop computer|computer monitor
1F5A8 printer
2328 computer keyboard|keyboard
1F5B1 computer mouse
1F4BE floppy disk
1F4FA television|retro television|tv
1F4F7 camera|photo camera
1F4F9 video camera|camcorder
1F50D magnifying glass|loupe
1F526 flashlight|torch
1F4A1 light bulb|bulb
1F56F candle
1F3EE paper lantern|lantern
1F4D5 book|closed book
1F4D3 notebook
1F4CB clipboard
1F58A pen|ballpoint pen
1F58D crayon|wax crayon
1F58C paintbrush|brush
270F pencil
1F4CC pushpin|thumbtack
1F4CE paperclip
1F4D0 triangular ruler|set square
2702 scissors
1F5D1 wastebasket|waste bin
1F5C4 filing cabinet|file cabinet
1F512 padlock|lock
1F511 key
1F528 hammer
1FA93 axe
1FA9A saw|hand saw
1F527 wrench|spanner
1FA9B screwdriver
1FA9C ladder
1FA8F shovel|spade
1F9F0 toolbox
1F9F2 magnet
1F52C microscope
1F52D telescope
1F9EA test tube
1FA7A stethoscope
1F6AA door
1FA9E mirror
1F6CF bed
1F6CB sofa|couch
1FA91 chair|dining chair
1F6C1 bathtub|bath
1FA92 razor|safety razor
1F9F4 lotion bottle|lotion
1F9F9 broom
1F9FA basket|laundry basket
1FAA3 bucket|pail
1F9FC soap|bar of soap
1FAA5 toothbrush
1F9FD sponge
1F9EF fire extinguisher
1F6D2 shopping cart|trolley
231A wristwatch|watch
23F0 alarm clock
1F570 mantel clock|mantelpiece clock
1F6CE service bell|bellhop bell
1F514 bell|hand bell
1F4BA seat|armchair
1F697 car|automobile|toy car
1F699 off-road car|sport utility vehicle
1F6FB pickup truck
1F69C tractor
1F3CE racing car
1F3CD motorcycle|motorbike
1F6F5 motor scooter|scooter
1F6B2 bicycle|bike
1F6F4 kick scooter
1F6F9 skateboard
1F68C bus
1F6F6 canoe
26F5 sailboat|toy sailboat
1F681 helicopter|toy helicopter
1F680 rocket|toy rocket
1F6DF lifebuoy|ring buoy
1FAD6 teapot
1F37C baby bottle
2615 coffee cup|cup of coffee
1FAD9 jar|glass jar
1F3FA amphora|vase
1F37D plate with fork and knife|dinner plate
1F944 spoon
1F964 cup with straw|drinking cup
1F963 bowl|bowl with spoon
"""

_NATURAL = """
1F34E apple|red apple
1F34C banana
1F34A orange fruit|tangerine
1F34B lemon
1F353 strawberry
1F347 grapes
1F349 watermelon
1F34D pineapple
1F350 pear
1F352 cherries
1F351 peach
1F345 tomato
1F955 carrot
1F346 aubergine|eggplant
1F966 broccoli
1F344 mushroom
1F35E bread|loaf of bread
1F950 croissant
1F968 pretzel
1F9C0 cheese|cheese wedge
1F354 hamburger|burger
1F355 pizza|slice of pizza
1F32E taco
1F369 doughnut|donut
1F36A cookie|biscuit
1F382 birthday cake|cake
1F9C1 cupcake
1F366 ice cream cone|soft ice cream
1F36B chocolate bar
1F36D lollipop
1F37F popcorn
1F95A egg
1F335 cactus
1FAB4 potted plant|house plant
1F339 rose
1F33B sunflower
1F337 tulip
1F490 bouquet|bouquet of flowers
26BD football|soccer ball
1F3A8 artist palette|paint palette
"""


_GENERATED = """
running shoe|high-heeled shoe|woman's boot|handbag|backpack|suitcase|t-shirt|jeans|dress|socks
baseball cap|sunglasses|umbrella|balloon|gift box|teddy bear|headphones|guitar|smartphone|laptop
camera|television|book|pencil|padlock|hammer|chair|sofa|door|bucket|car|pickup truck|rocket|teapot
coffee cup|alarm clock|light bulb|trophy|apple|banana
"""

# The CLIP learns every object, a small generator with little time draws fewer ones better.
GENERATED: Final[frozenset[str]] = frozenset(_GENERATED.strip().replace("\n", "|").split("|"))


@dataclass(frozen=True, slots=True)
class CatalogObject:
    hexcode: str
    names: tuple[str, ...]
    painted: bool

    @property
    def generated(self) -> bool:
        """Whether the generator is taught this object."""
        return self.names[0] in GENERATED


def _parse(block: str, painted: bool) -> list[CatalogObject]:
    rows = (line.split(" ", 1) for line in block.strip().splitlines())
    return [CatalogObject(code, tuple(names.split("|")), painted) for code, names in rows]


CATALOG: Final[tuple[CatalogObject, ...]] = (
    *_parse(_PAINTED, PAINTED),
    *_parse(_NATURAL, NATURAL),
)

# one object in four is known to the CLIP from other drawings only: its 3D render stays unseen
HELD_OUT: Final[frozenset[str]] = frozenset(item.hexcode for item in CATALOG[1::4])

TRAIN_STYLES: Final = ("3d", "flat", "gradient", "noto")
HELD_OUT_STYLE: Final = "twemoji"
