// Left empty on purpose, in place of the theme's file of this name: see book/_ext/small_fonts.py.
