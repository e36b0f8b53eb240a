"""What the figures of the notebooks show, in words: for those who do not see them.

A cell names its figure, ``show(figure, alt="toy events")``; the description stands here, under that name. Words in braces
are replaced by the values of the controls. Figures whose description depends on what was computed bring their own.
"""

NOTEBOOK_1 = {
    "toy events": (
        "Left: two overlapping clouds of events, signal up right and background down left. Right: the network's "
        "response, mostly near 1 for signal and near 0 for background"
    ),
    "three judgements": (
        "Three judgements of four inputs. The first principal component consists of x3 and x4; leaving one out costs "
        "next to nothing for any input; t(x) is large for x1 and x2 and nearly zero for x3 and x4"
    ),
    "gradient arrows": (
        "The response rises from 0 at the lower left to 1 at the upper right. Arrows of the gradient point along the "
        "diagonal, long in the middle and vanishing in both corners"
    ),
    "four tasks": (
        "Five Taylor coefficients for each of four tasks, bars for the network with errors over three trainings and "
        "lines for the exact values, which agree. In b the pair x1, x2 leads, in d the two squares follow the single "
        "inputs"
    ),
    "maps of b": (
        "Maps for task b. The response has the pattern of a saddle. The slope in x1 changes sign across x2 = 0. The "
        "mixed derivative is positive in the middle with negative wings. The squares have a sign pattern in each "
        "quadrant"
    ),
    "maps of {task}": "Maps of the response and its five derivatives, {source}, for task {task}",
    "learning curves": (
        "Coefficients of task c against gradient steps. t(x1) and t(x2) reach their exact values within some 50 "
        "steps; t(x1, x2) waits on a plateau at half of its value and reaches it after some 250 steps"
    ),
    "after 50 steps": "After 50 steps the border between the classes is a straight line; the best possible one bends",
    "after {step} steps": "Response of the network after {step} gradient steps beside the best possible one",
    "Higgs variables": (
        "Histograms of six variables for signal and background. The estimated mass of the signal peaks near 125 GeV, "
        "that of the background lower near 90; tau_phi is flat for both"
    ),
    "Higgs ranking": (
        "The 20 largest of 495 coefficients as bars. DER_mass_MMC alone leads, followed by combinations of the masses "
        "and of the angle between tau and lepton"
    ),
    "Higgs matrix": (
        "Heat map of the second-order coefficients of 30 variables, with the first order as a row above. Rows and "
        "columns of the masses, the distance of tau and lepton, and the lepton momentum are bright; all phi angles "
        "are dark"
    ),
    "ROC curves": (
        "ROC curves of twelve networks. Those on all 30 variables and on the variables of the top 5 % lie on each "
        "other; random ones leave more background, the bottom ones most"
    ),
    "two rankings": (
        "Two rankings of 30 variables side by side. The two masses and the distance of tau and lepton are at the head "
        "of both, in another order, and the phi angles at the end"
    ),
    "predicted changes": (
        "The change of the response as predicted against the exact one, for 5,000 events. At first order the events "
        "scatter closely around the diagonal, at second order they lie on it, but for a few"
    ),
    "carried changes": (
        "Left the coefficients of 29 variables, led by the distance of tau and lepton. Right their share in the change: "
        "only nine have one, most of it the visible mass, the ratio of momenta and the momentum of the tau"
    ),
    "response bands": (
        "Expected signal and background events in bins of the response, with narrow bands between minus and plus three "
        "per cent. Below, the numbers of events above a threshold relative to nominal: the bands grow with the threshold, "
        "to some ten per cent for background and five for signal"
    ),
}
NOTEBOOK_2 = {
    "small convolution": (
        "A 5 by 5 picture of zeros and ones, the 3 by 3 filter shaped like an X, and the 3 by 3 result of their "
        "convolution"
    ),
    "edge filters": (
        "A cup of coffee and the responses of two edge filters: the sides of the cup stand out in one, its rim and "
        "the lower edge of the saucer in the other"
    ),
    "VGG16's blocks": (
        "VGG16 as a row of blocks: maps get smaller from 224 to 7 pixels while channels grow from 64 to 512, then "
        "comes the head"
    ),
    "top classes": (
        "A cat, a cup of coffee and an officer, each with the five classes that the network finds most probable as bars"
    ),
    "first filters": (
        "The 64 filters of VGG16's first layer as 3 by 3 pixel pictures: light-dark edges in several directions, and "
        "patches of a colour"
    ),
    "maps of block1_conv2": (
        "The twelve feature maps of the second convolution with the largest mean: the cat as if drawn by edge and "
        "colour filters"
    ),
    "maps of {layer}": "The twelve feature maps of {layer} with the largest mean, each with its largest value",
    "strongest maps": (
        "The cat and the strongest feature map at the end of each block: from a sharp picture of fur and eyes to a "
        "coarse pattern of 14 by 14 values"
    ),
    "active shares": (
        "Share of active values over the thirteen convolutions: about half to two thirds in blocks 1 and 2, then with "
        "ups and downs about a tenth at the last"
    ),
    "three gradient maps": (
        "Gradient maps of the three photographs: almost noise on the cat; denser inside the cup, and on the band of "
        "the officer's cap and both lapels"
    ),
    "SmoothGrad maps": (
        "The plain gradient of the cat and SmoothGrad maps from 1, 4 and 16 noisy copies: with noise the map gathers "
        "on eyes and nose, with more copies it gets calmer"
    ),
    "cat against second": (
        "The cat beside a signed map: small red and blue spots that speak for its best and its second class"
    ),
    "{first} against {second}": "A photograph and a signed map of what speaks for {first}, red, and for {second}, blue",
    "occlusion map": (
        "Occlusion map of the cat: darkest red at its right eye, pale blue on the bridge of the nose, where hiding a "
        "patch raises the score"
    ),
    "closure test": (
        "The hidden square over one of the cat's eyes, and a histogram of how far the logit falls for random squares, "
        "with a line for the chosen one"
    ),
    "three CAMs": (
        "Class activation maps over the three photographs: red above the cat's eyes, in the cup, and on the officer's "
        "cap and collar"
    ),
    "Grad-CAM by block": (
        "The coffee and its Grad-CAM at the end of each block: scattered edges and spots in the first blocks, one "
        "patch on the cup in the last"
    ),
    "Grad-CAM of {photo}": "The photograph {photo} and Grad-CAM of {label} at the end of each block",
    "full Grad-CAM": "Grad-CAM of the full VGG16 for the best class of each of the three photographs",
    "the collage": "A collage of an elephant and a green pepper on gravel, and the five most probable classes as bars",
    "collage Grad-CAM": (
        "Grad-CAM for each of the two classes on the collage, with the outline of the thing it should lie on: each "
        "map is brightest on its own thing"
    ),
    "photograph explained": "A photograph and Grad-CAM for the three most probable classes with their probabilities",
    "upload explained": "The uploaded photograph and Grad-CAM for its three most probable classes",
}
NOTEBOOK_3 = {
    "six neurons": (
        "Three inputs, two hidden neurons and the score 5, with their values and relevances: 6, 3 and -4 at the "
        "inputs, 8 and -3 at the hidden neurons"
    ),
    "three rules": (
        "The network of six neurons under alpha2 beta1, epsilon 1 and gamma 1: the inputs have the largest relevances "
        "under alpha2 beta1, and the weakest blue under gamma"
    ),
    "rules with knobs": (
        "Relevances in the network of six neurons under alpha {alpha}, epsilon {epsilon_value} and gamma {gamma_value}"
    ),
    "the nearest 4": (
        "A handwritten 4, the probabilities of the ten classes, and two relevance maps: why 4, and why 4 and not 9"
    ),
    "digit {number}": (
        "Test digit {number}, its class probabilities, and relevance for {first} and for {first} and not {second}"
    ),
    "strokes explained": (
        "A 4 drawn with straight strokes, the class probabilities, and relevance for the best class and against the "
        "second"
    ),
    "drawing explained": (
        "Your drawing, its class probabilities, and relevance for the best class and against the second"
    ),
    "five rules": (
        "The collage of an elephant and a green pepper, and the relevance of its pixels for the elephant under five "
        "choices of rules, with the outline of the elephant"
    ),
    "elephant and pepper": (
        "EpsilonPlusFlat on the collage for the elephant, for the pepper, and for the elephant against the pepper"
    ),
    "eleven methods": (
        "The cat and eleven explanations of its class side by side: gradients and their relatives, guided "
        "backpropagation, deconvnet, deep Taylor, three kinds of LRP, and Grad-CAM"
    ),
    "methods on {photo}": "The photograph {photo} and eleven explanations of its class side by side",
    "cat and Sobel": "The cat, its Sobel edges, guided backpropagation, and two kinds of LRP side by side",
    "cascade": "Maps of the cat under six methods, one row each; from left to right more and more layers are random",
    "cascade in numbers": (
        "Similarity of the maps to those of the trained network, by method, as layers are re-drawn from the logits "
        "down, with and without sign"
    ),
    "shuffled labels": (
        "A handwritten 4 and its maps by four methods, above for the network with true labels, below for that with "
        "shuffled ones"
    ),
    "eight animals": (
        "Eight small pictures of animals, two in each of the coats plain, striped, spotted and patched, on natural "
        "backgrounds"
    ),
    "stripes and random": (
        "Above four pictures of stripes without any animal, below four random pictures: coats and backgrounds"
    ),
    "CAV in two": (
        "Activations of striped and of random pictures, the line between them, the CAV across it, and level lines of "
        "the logit striped"
    ),
    "five concepts": (
        "TCAV scores of five concepts for four classes: striped high for the striped class, spotted for the spotted "
        "class"
    ),
    "striped and spotted": (
        "TCAV scores with error bars for the classes striped and spotted, with the band of random scores and stars"
    ),
    "most and least": "The six most spotted and the six least spotted pictures of the world according to the CAV",
    "four tagged horses": "Four horses, each with a small tag in the lower left corner",
    "Hans and honest": (
        "A tagged horse and its CAM and LRP maps: on the horse for the honest network, on the tag for Hans"
    ),
    "tag and loss": (
        "Against the share of tagged horses in the training: the TCAV score of the tag, its mean derivative, and the "
        "loss of accuracy and of the logit when the tag is removed"
    ),
    "two things": (
        "Sixteen methods by the share of positive relevance on the own thing, on the other thing, and how often the "
        "maximum lies on the own thing, with chance"
    ),
    "five sentences": (
        "Five sentences from the paper of Arras and others, each word on the colour of its relevance with the number "
        "under it"
    ),
    "four sentences": (
        "Four held-out sentences with coloured words: the two of which the network is surest, and two that it gets "
        "wrong"
    ),
    "my sentence": (
        "A typed sentence about a plot that is not bad and an ending that is a mess, its words coloured by relevance"
    ),
    "word valences": (
        "Rank correlation, sign agreement, and rank correlation of sizes of four methods with the valences of words, "
        "with the band of chance in grey"
    ),
    "deleted words": (
        "Share of right verdicts against the number of deleted words: falling where the most relevant words go first "
        "in sentences first right, rising where the least relevant go first in sentences first wrong"
    ),
    "scores over depth": (
        "TCAV scores of striped and of spotted for both classes over the five convolutions, with the random bands; "
        "marks are filled where significant"
    ),
    "drawn stripes": "A drawn tile of blue stripes and five pieces cut from it in other colours and directions",
    "stripes scored": "TCAV scores of the drawn stripes for the four coats: high for striped",
    "own concept scored": "TCAV scores of your own concept for the four coats",
    "concepts of VGG16": "TCAV scores of six concepts for bell pepper, pomegranate and elephant on VGG16-GAP",
    "grass and gravel": "The same elephant at the same place, on grass and on gravel",
}
A_NETWORK_THAT_DOES_NOT_CARE = {
    "toy price": (
        "AUC against the places that an event moves. Five networks follow an exact curve, from 0.94 at 8 per cent without "
        "a penalty down to 0.77 near 0 with the largest"
    ),
    "both ends": (
        "Five coefficients without and with a large penalty, close to the exact values. Without it t(x1) is twice t(x2); "
        "with it t(x1) is nearly zero and t(x2) has grown"
    ),
    "Higgs price": (
        "AUC against the places that an event moves. From no penalty to 300 the motion falls by nearly half at nearly the "
        "same AUC; at 1000 the AUC falls, and without the nine variables far more"
    ),
    "terms before, after": (
        "Coefficients of the nine variables that move, and their terms, without a penalty and with 300. The visible mass "
        "and the momentum of the tau stay, the ratio of momenta halves"
    ),
}
ALT_TEXTS = NOTEBOOK_1 | NOTEBOOK_2 | NOTEBOOK_3 | A_NETWORK_THAT_DOES_NOT_CARE
