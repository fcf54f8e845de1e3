/* Log-densities, verdicts and samples of a frozen normalizing flow: the same bits on every machine.
 *
 * Written by cbindgen from firmware/flow-c/src: not to be edited. docs/c.md leads from a frozen file to a program.
 *
 * Every function returns FLOW_ERROR_OK, which is 0, or why it did nothing; those that return a size, 0 for what is not
 * open. Null, misaligned and short memory are errors, and so is memory that is written and overlaps other memory. What
 * cannot be checked is up to you:
 * - a pointer leads to as many values as its length says, and to one where there is no length;
 * - the file, and the memory that something was opened with, stay where they are until it is no longer used, and nobody
 *   else writes to them;
 * - of one model and all that was opened with it one call is on its way at a time: not one from an interrupt while the
 *   program is in another.
 */

#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a function returns: FLOW_ERROR_OK, which is 0, or why it did nothing. The numbers stay as they are.
enum FlowError
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  FLOW_ERROR_OK = 0,
  // A pointer is null.
  FLOW_ERROR_NULL = 1,
  // A pointer is not aligned for what it should lead to.
  FLOW_ERROR_MISALIGNED = 2,
  // A length reaches beyond the end of memory.
  FLOW_ERROR_LENGTH = 3,
  // Memory that is written overlaps other memory of the same call.
  FLOW_ERROR_OVERLAP = 4,
  // The model, detector or window was not opened, or its opening failed.
  FLOW_ERROR_NOT_OPEN = 5,
  // A row, or what goes with its columns, does not have flow_columns values; of flow_window_push flow_window_channels.
  FLOW_ERROR_ROW_LENGTH = 10,
  // The context does not have flow_context_length values.
  FLOW_ERROR_CONTEXT_LENGTH = 11,
  // The latent vector does not have flow_latent_length values.
  FLOW_ERROR_LATENT_LENGTH = 12,
  // The memory is shorter than the model's SCRATCH, or of a window than its WINDOW.
  FLOW_ERROR_SCRATCH_LENGTH = 13,
  // The window does not have all its rows yet.
  FLOW_ERROR_WINDOW_LENGTH = 14,
  // A value is NaN or infinite.
  FLOW_ERROR_NOT_FINITE = 15,
  // The state of a drift detector is none: neither zeros nor what flow_drift_push left.
  FLOW_ERROR_DRIFT_STATE = 16,
  // A value of a raw channel is none that its sensor can give; the window begins anew.
  FLOW_ERROR_OUT_OF_RANGE = 17,
  // Self-test: the file has no probe rows.
  FLOW_ERROR_NO_PROBES = 20,
  // Self-test: the arithmetic of this machine is another. See docs/equal-bits.md.
  FLOW_ERROR_ARITHMETIC = 21,
  // Self-test: a probe row has other bits here than where the file was frozen.
  FLOW_ERROR_MISMATCH = 22,
  // The file does not lie at a multiple of 4 bytes.
  FLOW_ERROR_FILE_MISALIGNED = 30,
  // Nothing was written there: erased flash.
  FLOW_ERROR_FILE_ERASED = 31,
  // The file is cut.
  FLOW_ERROR_FILE_TRUNCATED = 32,
  // There are more bytes than the file and a signature have.
  FLOW_ERROR_FILE_TRAILING = 33,
  // Not a frozen flow.
  FLOW_ERROR_FILE_MAGIC = 34,
  // A newer engine is needed: another version, or something that this one does not know.
  FLOW_ERROR_FILE_TOO_NEW = 35,
  // The file is damaged: a checksum does not fit.
  FLOW_ERROR_FILE_DAMAGED = 36,
  // The file breaks a rule of its format; flow-export inspect says which.
  FLOW_ERROR_FILE_INVALID = 37,
  // The flow models the raw channels themselves: it has no windows.
  FLOW_ERROR_NO_WINDOWS = 38,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum FlowError FlowError;
#else
typedef int32_t FlowError;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What there is to know of a row beside how odd it is.
enum FlowStatus
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing.
  FLOW_STATUS_SCORED = 0,
  // The file has no calibration: ln_p and alarm say nothing. flow-export calibrate makes one.
  FLOW_STATUS_NOT_CALIBRATED = 1,
  // A value lies where its column has no density at all.
  FLOW_STATUS_OUTSIDE_SUPPORT = 2,
  // A sensor gave NaN or infinity; a usual value that fits the others stood for it.
  FLOW_STATUS_NOT_FINITE = 3,
  // A sensor gave a value beyond its range; a usual value that fits the others stood for it.
  FLOW_STATUS_OUT_OF_RANGE = 4,
  // A sensor's value changed faster than it can.
  FLOW_STATUS_JUMP = 5,
  // A sensor has given the very same value for too many rows.
  FLOW_STATUS_STUCK = 6,
  // A value of the context lies farther out than the training trusts; the row is judged as if it lay there.
  FLOW_STATUS_OUTSIDE_CONTEXT = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum FlowStatus FlowStatus;
#else
typedef int32_t FlowStatus;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A frozen flow with its scratch memory, open after flow_open. Its content is the library's.
typedef struct FlowModel {
  // Not to be touched.
  uint64_t mark;
  // Not to be touched.
  size_t words[28];
} FlowModel;

// A seeded generator of random numbers: PCG XSH RR 64/32. Ready after flow_random_seed.
typedef struct FlowRandom {
  // Not to be touched.
  uint64_t words[2];
} FlowRandom;

// A model with what its file says of verdicts, open after flow_detector_open. Its content is the library's.
typedef struct FlowDetector {
  // Not to be touched.
  uint64_t mark;
  // Not to be touched.
  size_t words[40];
} FlowDetector;

// What is said of a row.
typedef struct FlowVerdict {
  // The log-density, nats.
  float log_prob;
  // The logarithm of the share of usual rows that are as odd or odder, at most 0.
  float ln_p;
  // Whether that is an alarm.
  bool alarm;
  // What else there is to know.
  FlowStatus status;
  // The column that the status is about, its place in the row, or in the context where it is about that; -1 where it is
  // about none.
  int32_t column;
} FlowVerdict;

// What flow_watch keeps of a sensor from one row to the next: zeros at first and after a gap in time.
typedef struct FlowSensor {
  // Not to be touched, but to make them zeros.
  uint32_t words[2];
} FlowSensor;

// The state of a drift detector: zeros at first, and once the machine is repaired. It may be kept where a reset does not
// forget.
typedef struct FlowDrift {
  // Not to be touched, but to make them zeros.
  uint8_t bytes[32];
} FlowDrift;

// The newest rows of the raw channels, open after flow_window_open. Its content is the library's; it is not to be copied.
typedef struct FlowWindow {
  // Not to be touched.
  uint64_t mark;
  // Not to be touched.
  size_t words[26];
} FlowWindow;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What an error means, in a few words that end with a zero byte. For any number.
const char *flow_error_text(int32_t error);

// Checks a whole file and opens it: after this no function can fail but for the lengths of what it is given and for values
// that are no numbers. `file` lies at a multiple of 4 bytes and stays there unchanged; `scratch` is SCRATCH floats of the
// model's header or more, which are the model's from now on. Where it fails, the model is not open.
FlowError flow_open(struct FlowModel *model,
                    const uint8_t *file,
                    size_t length,
                    float *scratch,
                    size_t scratch_length);

// The number of values of a row; 0 where the model is not open.
size_t flow_columns(const struct FlowModel *model);

// The number of values of a context, most often 0; 0 where the model is not open.
size_t flow_context_length(const struct FlowModel *model);

// The number of values of a latent vector; 0 where the model is not open.
size_t flow_latent_length(const struct FlowModel *model);

// The number of floats of scratch memory that a file states, before it is opened; 0 where it is no frozen flow.
size_t flow_scratch_length(const uint8_t *file, size_t length);

// Whether this machine computes the bits that the machine computed which froze the file. To be called once, at boot.
FlowError flow_self_test(const struct FlowModel *model);

// The log-density of a row in its context, in nats. Without a context: NULL, 0.
FlowError flow_log_prob(const struct FlowModel *model,
                        const float *row,
                        size_t row_length,
                        const float *context,
                        size_t context_length,
                        float *log_prob);

// The latent vector of a row in its context, and the log-determinant: the row's log-density is that of the latent vector
// under the base distribution, plus it.
FlowError flow_to_latent(const struct FlowModel *model,
                         const float *row,
                         size_t row_length,
                         const float *context,
                         size_t context_length,
                         float *latent,
                         size_t latent_length,
                         float *log_det);

// The row of a latent vector in a context.
FlowError flow_to_data(const struct FlowModel *model,
                       const float *latent,
                       size_t latent_length,
                       const float *context,
                       size_t context_length,
                       float *row,
                       size_t row_length);

// Seeds a generator. With the same seed the same rows are drawn on every machine.
FlowError flow_random_seed(struct FlowRandom *random, uint64_t seed);

// Draws a row in a context.
FlowError flow_sample(const struct FlowModel *model,
                      struct FlowRandom *random,
                      const float *context,
                      size_t context_length,
                      float *row,
                      size_t row_length);

// Opens a detector over an open model, whose scratch memory it shares. A file without a calibration is no error: its
// verdicts say so.
FlowError flow_detector_open(struct FlowDetector *detector, const struct FlowModel *model);

// The verdict on a row in its context. Without a context: NULL, 0.
FlowError flow_verdict(const struct FlowDetector *detector,
                       const float *row,
                       size_t row_length,
                       const float *context,
                       size_t context_length,
                       struct FlowVerdict *verdict);

// The same, after a look at each sensor: `sensors` are as many as a row has values, zeros at first and after a gap in time
// (of windows, see flow_window_rows). Values that are NaN, infinite or out of range are replaced in `row` by usual ones, so
// that the verdict is on the others.
FlowError flow_watch(const struct FlowDetector *detector,
                     float *row,
                     size_t row_length,
                     const float *context,
                     size_t context_length,
                     struct FlowSensor *sensors,
                     size_t sensors_length,
                     struct FlowVerdict *verdict);

// How odd each column's value is beside the values of all others, nats, never below 0; `column` becomes the one of the
// largest share, -1 where all are 0 or the file has no calibration. It takes as long as some hundred log-densities: for an
// alarm, not for every row.
FlowError flow_blame(const struct FlowDetector *detector,
                     const float *row,
                     size_t row_length,
                     const float *context,
                     size_t context_length,
                     float *shares,
                     size_t shares_length,
                     int32_t *column);

// Takes the ln_p of a verdict; `level` becomes how much speaks for a change. With a change called where that reaches a
// number of rows, the mean time between two false calls is at least that number of rows.
FlowError flow_drift_push(struct FlowDrift *drift, float ln_p, float *level);

// Opens a window without rows over an open model. `values` is WINDOW floats of the model's header or more, which are the
// window's from now on.
FlowError flow_window_open(struct FlowWindow *window,
                           const struct FlowModel *model,
                           float *values,
                           size_t length);

// The number of values of a raw row; 0 where the window is not open.
size_t flow_window_channels(const struct FlowWindow *window);

// The number of rows that a window has, one after the other without a gap; 0 where it is not open. Where it is 1 or less
// after a push, the window has begun anew, and so does what is known of the sensors: make their FlowSensor zeros.
size_t flow_window_rows(const struct FlowWindow *window);

// Takes a row of the raw channels; `due` becomes whether there is now a complete window to be looked at. Where a value is
// NaN, infinite or none that its sensor can give, that is the error, and the window begins anew.
FlowError flow_window_push(struct FlowWindow *window,
                           const float *row,
                           size_t row_length,
                           bool *due);

// The same for a row that was taken at a time, in microseconds from any start: after a gap the window begins anew with it.
FlowError flow_window_push_at(struct FlowWindow *window,
                              int64_t micros,
                              const float *row,
                              size_t row_length,
                              bool *due);

// The features of a complete window: the row that the flow models, and its context.
FlowError flow_window_features(const struct FlowWindow *window,
                               float *row,
                               size_t row_length,
                               float *context,
                               size_t context_length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FLOW_H */
