"""One thin function per command, and the rendering of results. Only here is anything printed or the process ended."""
