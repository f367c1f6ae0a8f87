"""Notices: who is told that an app, the source or the fleet changed its state. Speaks HTTP to receivers, writes no app.

What is told is decided in pure functions (`deciding`, `commits`) from what a pass found (`seen`) and what each receiver
was told before; both are kept in one SQLite file (`spool`), so that a restart neither repeats nor loses a notice. Each
receiver has a task of its own (`courier`): one that hangs holds up nobody else, and never a pass.
"""
