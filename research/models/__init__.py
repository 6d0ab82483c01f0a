"""Facts about studies: who asked what, who joined, and what left."""
