"""A small world of painted animals whose truth is known, its networks, its concepts, and the tag that one of them reads."""

from helpers.toyworld.concepts import concept_set, random_set
from helpers.toyworld.network import toyworld_network
from helpers.toyworld.suspects import new_case, riddle
from helpers.toyworld.world import Watermark, make_world, swap_coats, with_watermark, without_watermark
