"""Photographs, collages and drawn radiographs with exact masks, and scores of a map against such a mask."""

from helpers.photos.collages import collage
from helpers.photos.films import radiographs
from helpers.photos.folders import image_folder
from helpers.photos.images import grey_values, load_image, sample_photo
from helpers.photos.scores import area_share, mass_inside
