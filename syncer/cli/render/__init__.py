"""From values to text: pure functions that return strings. Nothing here prints, and nothing here knows click.

Every string that came from outside passes `syncer.model.text.sanitize` on its way in.
"""
