// One dense layer of 64×64: CMSIS-DSP's matrix-vector product, and the plain C that one would write.
#include "board.h"
#include "dsp/matrix_functions.h"
#include "plain.h"

enum { SIZE = 64 };
static float weights[SIZE * SIZE], input[SIZE], output[SIZE], bias[SIZE];

int main(void) {
    for (int i = 0; i < SIZE * SIZE; i++) weights[i] = ((float)(i % 37) - 18.0f) * 0.01f;
    for (int i = 0; i < SIZE; i++) input[i] = (float)(i % 11 - 5) * 0.1f;
    arm_matrix_instance_f32 matrix = {SIZE, SIZE, weights};
    MEASURE("empty", );
    MEASURE("cmsis_dsp_64x64", arm_mat_vec_mult_f32(&matrix, input, output));
    MEASURE("plain_c_64x64", dense(SIZE, SIZE, weights, bias, input, output));
}
