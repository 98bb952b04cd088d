"""Finding, tracking, aligning and describing the faces in decoded frames."""
