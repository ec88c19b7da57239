"""The largest number of characters of each kind of text from SkinsBack. The models' columns have the same lengths."""

ID_LENGTH = 64
STEAM_ID_LENGTH = 20
TEXT_LENGTH = 255
URL_LENGTH = 2000
