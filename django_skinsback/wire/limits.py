"""The largest numbers of characters that are read from SkinsBack. The columns of the models have the same lengths."""

ID_LENGTH = 64
STEAM_ID_LENGTH = 20
TEXT_LENGTH = 255
URL_LENGTH = 2000
