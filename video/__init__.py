"""Opening, probing, sampling, decoding and writing video. Knows nothing of faces."""
