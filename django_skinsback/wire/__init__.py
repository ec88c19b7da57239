"""How SkinsBack writes things down: text and bytes in, data out. Nothing here opens a file or a socket."""
