// A dense layer in plain C, row by row. Sizes are arguments, as in a library.
#include "plain.h"

void dense(int inputs, int outputs, const float *weights, const float *bias, const float *input, float *output) {
    for (int o = 0; o < outputs; o++) {
        float sum = bias[o];
        for (int i = 0; i < inputs; i++) sum += weights[o * inputs + i] * input[i];
        output[o] = sum;
    }
}
