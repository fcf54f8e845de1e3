/* What is said of a reading, and which column to look at: monitor.cpp, for C and C++. */
#ifndef MONITOR_H
#define MONITOR_H

#include "flow.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Begins to watch, with a model that is open. */
FlowError monitor_start(const FlowModel *flow);

/* The verdict on a reading, MODEL_COLUMNS values; of an alarm the column to look at, else -1. */
FlowError monitor_take(const float *reading, FlowVerdict *verdict, int32_t *column);

#ifdef __cplusplus
}
#endif

#endif
