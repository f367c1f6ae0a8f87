"""What the pages and their JSON twins show: documents made of what the daemon knows. They decide and write nothing."""
