// Verdicts, from C++.
#include "monitor.h"

#define MODEL_NO_ARRAY // Its lengths only: main.c has the model.
#ifndef MODEL_FILE
#define MODEL_FILE "model.h"
#endif
#include MODEL_FILE

namespace {
FlowDetector detector;
FlowSensor sensors[MODEL_COLUMNS]; // Zeros at first.
} // namespace

FlowError monitor_start(const FlowModel *flow) { return flow_detector_open(&detector, flow); }

FlowError monitor_take(const float *reading, FlowVerdict *verdict, int32_t *column) {
    float row[MODEL_COLUMNS], shares[MODEL_COLUMNS];
    for (int j = 0; j < MODEL_COLUMNS; j++) {
        row[j] = reading[j];
    }
    *column = -1;
    FlowError error =
        flow_watch(&detector, row, MODEL_COLUMNS, nullptr, 0, sensors, MODEL_COLUMNS, verdict);
    if (error == FLOW_ERROR_OK && verdict->alarm) {
        error = flow_blame(&detector, row, MODEL_COLUMNS, nullptr, 0, shares, MODEL_COLUMNS, column);
    }
    return error;
}
