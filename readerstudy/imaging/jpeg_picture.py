"""A JPEG file to pixels."""

import numpy as np

from readerstudy.imaging import jpeg
from readerstudy.imaging.colours import RGB, YBR, colours_in_doubt, rgb_of_ybr
from readerstudy.imaging.exif_orientation import upright
from readerstudy.imaging.image_size_limit import check_size
from readerstudy.imaging.picture import Picture
from readerstudy.imaging.piece_limit import check_scans
from readerstudy.imaging.problems import UnreadableImage
from readerstudy.imaging.source_limits import Limits


def decode_jpeg(data: bytes, *, limits: Limits, taken_as: str) -> Picture:
    """The picture of a JPEG file: by what its markers prove, then by its content.

    Raises UnreadableImage, as `decode_picture` does.
    """
    check_scans(data)
    header = jpeg.read_header(data)
    check_size(header.width, header.height, limits=limits)
    if header.has_more_images:
        raise UnreadableImage("this file holds several images; export a single still image")
    if len(header.components) == 4:
        raise UnreadableImage("this JPEG is in CMYK, a print colour space; export it as RGB")
    return upright(_picture(data, header, taken_as=taken_as), header.exif)


def _picture(data: bytes, header: jpeg.JpegHeader, *, taken_as: str) -> Picture:
    if len(header.components) != 3:
        grey = jpeg.decode(data, header)
        return Picture(rgb=np.stack([grey] * 3, axis=2), pixel_height=header.pixel_height)
    if header.is_subsampled and not header.says_rgb:
        rgb = jpeg.decode(data, header, colours=YBR)
        return Picture(rgb=rgb, taken_as=YBR, pixel_height=header.pixel_height)
    samples, colours = jpeg.decode(data, header), header.proven_colours
    in_doubt = not taken_as and colours_in_doubt(
        samples, taken_as=colours or YBR, is_proven=bool(colours)
    )
    taken_as = RGB if in_doubt else taken_as or colours or YBR
    rgb = rgb_of_ybr(samples) if taken_as == YBR else samples
    return Picture(rgb=rgb, taken_as=taken_as, in_doubt=in_doubt, pixel_height=header.pixel_height)
