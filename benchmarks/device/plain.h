// A dense layer in plain C.
#pragma once

void dense(int inputs, int outputs, const float *weights, const float *bias, const float *input, float *output);
