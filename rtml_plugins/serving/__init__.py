"""What hub and edge share: the state of a region, keys, traffic, problem documents. Light: msgspec and the standard library."""
