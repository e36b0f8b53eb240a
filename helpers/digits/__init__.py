"""Handwritten digits: the pictures, a network that reads them, and a canvas to draw on."""

from helpers.course.widgets import draw_strokes
from helpers.digits.network import train_digit_network, train_with_shuffled_labels
from helpers.digits.pictures import centre_digit, load_digits
from helpers.digits.widgets import draw_digit
