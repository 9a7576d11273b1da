"""What the LatentExplorer shows without a kernel: writes results/latent_mnist.jpg.

    python code/scripts/latent_sheet.py

Draws 343 digits by the generator of results/dcgan_mnist.safetensors, along its three strongest
directions.
"""

from __future__ import annotations

from upconv import results, zoo
from upconv.files import write_atomically
from upconv.training import draw
from upconv.widgets.latent import encode_sheet, places, strongest_directions


def main() -> None:
    generator = zoo.restore_generator(results.FOLDER / "dcgan_mnist.safetensors")
    directions = strongest_directions(generator.project.weight.detach().numpy())
    sheet = encode_sheet(draw(generator, places(directions), device="cpu"))
    write_atomically(results.FOLDER / "latent_mnist.jpg", lambda path: path.write_bytes(sheet))
    print(f"results/latent_mnist.jpg: {len(sheet) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
