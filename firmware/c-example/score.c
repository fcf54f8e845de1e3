/* The least that a program needs: it opens the model and computes log-densities. For its size: make build/score.elf. */
#include "flow.h"
#include "semihosting.h"

#ifndef MODEL_FILE
#define MODEL_FILE "model.h"
#endif
#include MODEL_FILE

static float scratch[MODEL_SCRATCH];
static FlowModel flow;
/* Where an interrupt of the converter leaves a reading, and where the alarm looks. */
volatile float reading[MODEL_COLUMNS], score;

int main(void) {
    if (flow_open(&flow, model, sizeof model, scratch, MODEL_SCRATCH) != FLOW_ERROR_OK) {
        leave(false);
    }
    float row[MODEL_COLUMNS], log_prob;
    for (int j = 0; j < MODEL_COLUMNS; j++) {
        row[j] = reading[j];
    }
    if (flow_log_prob(&flow, row, MODEL_COLUMNS, NULL, 0, &log_prob) != FLOW_ERROR_OK) {
        leave(false);
    }
    score = log_prob;
    leave(true);
}
