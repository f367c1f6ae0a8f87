"""The vendor in memory, with a ledger and faults. Imports nothing of syncer, so that it can judge it.

instants   the clock, and times as the vendor writes them
fields     the seven settings and what a PUT may carry
records    the entries of the ledger and the logs
tokens     who may read and write what
store      the apps, the ledger and the logs, behind one lock
wire       the connection under a request: reset it, write raw bytes, know when it is gone
exchange   one request and its reply on their way through the faults
vendor_api the documented API
faults     everything that can go wrong, by name
calls      simulated calls and the webhooks that they send
control    `/_emulator/`: seed, change, break, read back
server     start it in a loop, in a thread, or alone
"""
