"""Makes tests/code_golden.npy: what the published inference gives for the seeded weights and pictures.

    pip install transformers && python tests/make_code_golden.py

Everything is transformers' and torchvision's own, as in the official code; nothing of this project runs.
Last made with transformers 5.23.0 and torch 2.15.0, in float32 on a CPU.
Pictures that CenterCrop pads are not among them: this tool does not score those.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from code_weights import DEPTH, MLP_WIDTH, WIDTH, pictures, transformers_state
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms

GOLDEN = Path(__file__).with_name("code_golden.npy")
# An odd difference shows where half a pixel goes.
HEIGHT, WIDTH_PIXELS = 301, 227

with tempfile.TemporaryDirectory() as folder:
    config = transformers.ViTConfig(
        hidden_size=WIDTH, intermediate_size=MLP_WIDTH, num_hidden_layers=DEPTH, num_attention_heads=3
    )
    config.architectures = ["ViTModel"]
    config.save_pretrained(folder)
    save_file(transformers_state(), Path(folder, "model.safetensors"), metadata={"format": "pt"})
    model, loading = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
assert not any(loading.values()), loading
prepare = transforms.Compose(
    [
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)
images = [Image.fromarray(picture) for picture in pictures(2, HEIGHT, WIDTH_PIXELS).numpy()]
with torch.no_grad():
    hidden = model.eval()(torch.stack([prepare(image) for image in images])).last_hidden_state
np.save(GOLDEN, hidden[:, 0].numpy())
