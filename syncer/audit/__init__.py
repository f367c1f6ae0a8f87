"""The journal: append-only, hash-linked, recovered at start; the index is a projection of it that may be deleted.

    payloads   what a record says (pure)             chain      what links one record to the next (pure)
    lines      the exact bytes of a record (pure)    appender   bytes onto the disk, or the reason why not
    tree       the Merkle tree over lines (pure)     heads      what a log says of itself (pure)
    note       signatures and keys                   checkpoint heads as text (pure)
    sealing    when and which heads are made         anchors    heads in files elsewhere
    writer     records, heads and segments in turn   repair     half a line, set aside
    journal    the single writer, for its callers    verify     offline: good, altered, cut, torn, open
    projection records into tables                   index      what the daemon and the commands ask
    read       records out, followed and filtered    export     the same as JSON lines or CSV

Synchronous throughout; nothing here prints, logs or speaks to a network.
"""
