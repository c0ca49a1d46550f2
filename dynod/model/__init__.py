"""The vocabulary: frozen records that pass between the rooms, units, and the error tree."""
