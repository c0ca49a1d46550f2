"""Large letters for a display that is read from across the room."""

_ROWS = 5
# Five rows of each letter; a full block where there is an X.
_FONT = {
    "A": ".XX. X..X XXXX X..X X..X", "B": "XXX. X..X XXX. X..X XXX.",
    "C": ".XXX X... X... X... .XXX", "D": "XXX. X..X X..X X..X XXX.",
    "E": "XXXX X... XXX. X... XXXX", "F": "XXXX X... XXX. X... X...",
    "G": ".XXX X... X.XX X..X .XXX", "H": "X..X X..X XXXX X..X X..X",
    "I": "XXX .X. .X. .X. XXX", "J": "..XX ...X ...X X..X .XX.",
    "K": "X..X X.X. XX.. X.X. X..X", "L": "X... X... X... X... XXXX",
    "M": "X...X XX.XX X.X.X X...X X...X", "N": "X...X XX..X X.X.X X..XX X...X",
    "O": ".XX. X..X X..X X..X .XX.", "P": "XXX. X..X XXX. X... X...",
    "Q": ".XX. X..X X..X X.X. .X.X", "R": "XXX. X..X XXX. X.X. X..X",
    "S": ".XXX X... .XX. ...X XXX.", "T": "XXXXX ..X.. ..X.. ..X.. ..X..",
    "U": "X..X X..X X..X X..X .XX.", "V": "X...X X...X .X.X. .X.X. ..X..",
    "W": "X...X X...X X.X.X XX.XX X...X", "X": "X...X .X.X. ..X.. .X.X. X...X",
    "Y": "X...X .X.X. ..X.. ..X.. ..X..", "Z": "XXXX ...X .XX. X... XXXX",
    "0": ".XX. X..X X..X X..X .XX.", "1": ".X. XX. .X. .X. XXX",
    "2": "XXX. ...X .XX. X... XXXX", "3": "XXX. ...X .XX. ...X XXX.",
    "4": "X..X X..X XXXX ...X ...X", "5": "XXXX X... XXX. ...X XXX.",
    "6": ".XX. X... XXX. X..X .XX.", "7": "XXXX ...X ..X. .X.. .X..",
    "8": ".XX. X..X .XX. X..X .XX.", "9": ".XX. X..X .XXX ...X .XX.",
    "-": ".... .... XXXX .... ....", ".": ". . . . X", "/": "...X ..X. ..X. .X.. X...",
    " ": ".. .. .. .. ..",
}  # fmt: skip


def big(text: str) -> str:
    """Return a text five rows high; a character that the font lacks becomes a space."""
    glyphs = [_FONT.get(letter, _FONT[" "]).split() for letter in text.upper()]
    rows = (
        "  ".join(glyph[row].replace("X", "█").replace(".", " ") for glyph in glyphs)
        for row in range(_ROWS)
    )
    return "\n".join(rows)


def width(text: str) -> int:
    """Return how many columns the large text takes."""
    return max(len(row) for row in big(text).splitlines())
