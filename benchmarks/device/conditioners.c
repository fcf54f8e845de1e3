// The conditioners of the reference flow alone, 8 × (4 → 64 → 64 → 8) with ReLU, without the flow around them: in plain C, and
// with CMSIS-DSP's products and additions.
#include "board.h"
#include "dsp/basic_math_functions.h"
#include "dsp/matrix_functions.h"
#include "plain.h"

enum { COUPLINGS = 8, INPUTS = 4, HIDDEN = 64, OUTPUTS = 8 };

static struct {
    float w0[HIDDEN * INPUTS], b0[HIDDEN], w1[HIDDEN * HIDDEN], b1[HIDDEN], w2[OUTPUTS * HIDDEN], b2[OUTPUTS];
} layers[COUPLINGS];
static float x[INPUTS], h0[HIDDEN], h1[HIDDEN], out[OUTPUTS];

static void relu(float *values) {
    for (int i = 0; i < HIDDEN; i++) values[i] = values[i] > 0.0f ? values[i] : 0.0f;
}

static void plain(void) {
    for (int k = 0; k < COUPLINGS; k++) {
        dense(INPUTS, HIDDEN, layers[k].w0, layers[k].b0, x, h0);
        relu(h0);
        dense(HIDDEN, HIDDEN, layers[k].w1, layers[k].b1, h0, h1);
        relu(h1);
        dense(HIDDEN, OUTPUTS, layers[k].w2, layers[k].b2, h1, out);
    }
}

static void product(uint16_t inputs, uint16_t outputs, float *weights, float *bias, const float *input, float *output) {
    arm_matrix_instance_f32 matrix = {outputs, inputs, weights};
    arm_mat_vec_mult_f32(&matrix, input, output);
    arm_add_f32(output, bias, output, outputs);
}

static void cmsis(void) {
    for (int k = 0; k < COUPLINGS; k++) {
        product(INPUTS, HIDDEN, layers[k].w0, layers[k].b0, x, h0);
        relu(h0);
        product(HIDDEN, HIDDEN, layers[k].w1, layers[k].b1, h0, h1);
        relu(h1);
        product(HIDDEN, OUTPUTS, layers[k].w2, layers[k].b2, h1, out);
    }
}

int main(void) {
    float *all = (float *)layers;
    for (unsigned i = 0; i < sizeof layers / sizeof(float); i++) all[i] = ((float)(i % 37) - 18.0f) * 0.01f;
    for (int i = 0; i < INPUTS; i++) x[i] = (float)i * 0.3f - 0.5f;
    MEASURE("empty", );
    MEASURE("plain_c_conditioners", plain());
    MEASURE("cmsis_dsp_conditioners", cmsis());
}
