"""syncer among the machine's other parts: kills, stops, refused system calls, full disks, wrong clocks."""
