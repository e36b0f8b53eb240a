"""Layer-wise relevance propagation and its relatives (notebook 3).

:func:`explain` gives relevance with its ledger, :func:`lrp` relevance alone; the rules and composites say how each layer
shares it out. Beside it guided backpropagation, the deconvnet and deep Taylor decomposition. ``print(can_explain(model))``
says beforehand whether relevance can pass a model of your own.

Relevance passes these layers (keras.layers; in brackets operations of keras.ops, such as ``x + y``):

* Dense, EinsumDense: a weighted sum, by the rule for dense layers.
* Conv1D/2D/3D, DepthwiseConv1D/2D, SeparableConv1D/2D, Conv1D/2D/3DTranspose: a weighted sum, by the rule for
  convolutions; a separable one is two.
* BatchNormalization, Normalization, Rescaling (add, subtract, multiply, divide, true_divide, negative): a scaling:
  folded into the dense or convolution layer beside it, else the epsilon rule.
* LayerNormalization, GroupNormalization, RMSNormalization, UnitNormalization: its mean is a weighted sum, its
  spread counts as a constant; the epsilon rule.
* AveragePooling1D/2D/3D, GlobalAveragePooling1D/2D/3D, AdaptiveAveragePooling1D/2D/3D (mean, sum, average_pool,
  adaptive_average_pool): a mean is a weighted sum; the epsilon rule.
* Add, Subtract, Average: every summand by what it contributes; the epsilon rule.
* Multiply: signals share equally, a gate (a factor that is surely between 0 and 1) gets nothing.
* Dot, Resizing (matmul, dot, einsum, tensordot, inner, resize, conv, depthwise_conv, separable_conv,
  conv_transpose): sums of products; the epsilon rule, factors share equally.
* Softmax (softmax): inside a network: by its Taylor expansion.
* MultiHeadAttention: its dense layers by their rule, its products half and half, its softmax by Taylor expansion.
* LSTM, GRU, SimpleRNN, Bidirectional: step by step with the epsilon rule; in a product with a gate the signal takes
  all.
* Embedding (one_hot): a word gets the sum over its embedding.
* MaxPooling1D/2D/3D, GlobalMaxPooling1D/2D/3D, AdaptiveMaxPooling1D/2D/3D, Maximum, Minimum, Concatenate, Flatten,
  Reshape, Permute, RepeatVector, Cropping1D/2D/3D, CenterCrop, ZeroPadding1D/2D/3D, UpSampling1D/2D/3D, Masking
  (reshape, transpose, squeeze, expand_dims, ravel, moveaxis, swapaxes, concatenate, stack, split, unstack, hstack,
  vstack, get_item, slice, take, flip, roll, repeat, tile, broadcast_to, pad, max, min, amax, amin, maximum,
  minimum, max_pool, adaptive_max_pool, rearrange, depth_to_space, space_to_depth): back to where each value came
  from.
* Activation, ReLU, LeakyReLU, PReLU, ELU (relu, relu6, sigmoid, sparse_sigmoid, softplus, softsign, soft_shrink,
  sparse_plus, silu, squareplus, log_sigmoid, leaky_relu, hard_sigmoid, hard_silu, elu, selu, gelu, celu,
  tanh_shrink, hard_tanh, hard_shrink, threshold, tanh, clip, absolute, square, sqrt, exp, expm1, log, log1p, power,
  sin, cos, reciprocal, rsqrt, erf): every value keeps its relevance.
* Dropout, SpatialDropout1D/2D/3D, AlphaDropout, GaussianDropout, GaussianNoise, ActivityRegularization, Identity,
  Random..., MixUp, CutMix, RandAugment, AugMix (stop_gradient, convert_to_tensor, copy, array): hands its values on
  when the model infers.

A network that ends in probabilities is explained without them: ``without_softmax(model)`` of :mod:`helpers.course`. What
is not in the list is refused by name: replace it, or explain the part of the model that does without it.
"""

from helpers.lrp.explanation import explain, format_ledger, lrp
from helpers.lrp.figures import digit_explained, network_with_numbers, relevance_grid, steps_between_maps
from helpers.lrp.gradients import deconvnet, guided_backpropagation
from helpers.lrp.rules import (
    CONVOLUTION,
    DENSE,
    FIRST,
    alpha_beta,
    deep_taylor,
    epsilon,
    epsilon_alpha2beta1_flat,
    epsilon_gamma_box,
    epsilon_plus,
    epsilon_plus_flat,
    flat,
    gamma,
    lrp_0,
    z_plus,
)
from helpers.lrp.support import can_explain
