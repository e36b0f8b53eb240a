"""What every notebook needs: TensorFlow and seeds, figures, and widgets."""

from helpers.course.backend import keras, set_seeds, tf
from helpers.course.figures import show, use_course_style
from helpers.course.probabilities import without_softmax
from helpers.course.widgets import explore, progress_bar
