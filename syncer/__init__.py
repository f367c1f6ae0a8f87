"""syncer: declarative, audited config sync for Exotel WebRTC app settings."""
