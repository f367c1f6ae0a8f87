"""`syncer demo`: the real commands and the real daemon against the emulator, on a copy of the sample fleet."""
