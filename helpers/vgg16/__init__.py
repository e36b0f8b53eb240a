"""VGG16 and what its gradients and maps say about a photograph (notebooks 2 and 3).

The network, pixel gradients and integrated gradients, class activation maps, occlusion and the closure test, figures, and a
button for a photograph of one's own.
"""

from helpers.vgg16.cam import class_activation_map, coarsened, collage_scores, enlarge, grad_cam
from helpers.vgg16.figures import (
    architecture,
    closure_figure,
    convolution_step,
    feature_map_grid,
    filter_grid,
    heat_maps,
    maps_on_photographs,
    photographs,
    signed_maps,
    top_classes,
)
from helpers.vgg16.gradients import (
    BLACK,
    WHITE,
    feature_maps,
    filters,
    gradient_times_input,
    input_gradient,
    integrated_gradients,
    pixel_map,
    smooth_gradient,
)
from helpers.vgg16.lending import on_demand
from helpers.vgg16.literature import challenge, field_map
from helpers.vgg16.networks import vgg16
from helpers.vgg16.occlusion import closure_test, hide_everywhere
from helpers.vgg16.widgets import explain_upload
