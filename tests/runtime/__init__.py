"""That the app fits the Functions runtime, and that our stand-in for its host behaves."""
