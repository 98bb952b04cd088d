"""Many videos, one folder each, an index of them all: resumable, in several processes or shards."""
