"""The Exotel API: wire shapes, client, tokens, pacing. Wire shapes end here; the rest of syncer sees LiveApp."""
