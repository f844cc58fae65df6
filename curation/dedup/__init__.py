"""Which documents repeat another one, and which of them stays."""
