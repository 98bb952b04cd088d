"""Training, one file per trainable system."""
