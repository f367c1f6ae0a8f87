"""What may go wrong at the vendor, on the disk and in time, and ten invariants that hold all the same."""
