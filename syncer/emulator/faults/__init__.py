"""Everything that can go wrong at the vendor, by name.

fault      what a fault is, and how its name is written
table      name → fault
board      which faults are on, for whom, how often
statuses   answers with another status
bodies     answers with the right status and the wrong body
transport  the connection: late, slow, broken
semantics  what is stored and what is shown
urls       how a vendor rewrites a URL
"""
