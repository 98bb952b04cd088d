"""Turns published weight files into safetensors. The only place of the project that reads pickles."""
