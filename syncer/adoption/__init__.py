"""Live values become files: texts are made or edited here and judged by reading them again; nothing is written."""
