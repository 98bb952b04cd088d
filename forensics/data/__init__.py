"""Training material: self-blended pairs, augmentation, manifests and the cache of features."""
